"""Damaged scorings of every format end in annotations, remarks or an error of ours; never otherwise."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest

from pipeline.read.annotations import READERS, read_annotations
from schemas.errors import AnnotationCorrupt, EpochLengthUnexpected, SourceMissing
from schemas.scoring_rules import AnnotationRule

N_MUTANT = 40
CODES = {0: "W", 2: "N2", 5: "REM"}
CLOCKED = {"onset": "at", "onset_unit": "clock", "duration": "for", "text": "what"}


def spreadsheet() -> bytes:
    book = openpyxl.Workbook()
    for row in [["Epoch", "Stage"], [1, "W"], [2, "N2"], [3, "R"]]:
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def words(*annotations: tuple[int, str]) -> bytes:
    """A WFDB annotation file: samples since the last one, and texts."""
    parts = []
    for step, text in annotations:
        note = text.encode() + b"\0" * (len(text) % 2)
        parts.append((22 << 10 | step).to_bytes(2, "little") + (63 << 10 | len(text)).to_bytes(2, "little") + note)
    return b"".join(parts) + b"\0\0"


# Name of a case: file name, format, what the rule says beside it, content.
CASES: dict[str, tuple[str, str, dict[str, Any], bytes]] = {
    "profusion": (
        "n.xml",
        "profusion_xml",
        {},
        b"<CMPStudyConfig><EpochLength>30</EpochLength><ScoredEvents><ScoredEvent><Name>Hypopnea</Name>"
        b"<Start>1</Start><Duration>12</Duration></ScoredEvent></ScoredEvents><SleepStages><SleepStage>0</SleepStage>"
        b"<SleepStage>2</SleepStage></SleepStages></CMPStudyConfig>",
    ),
    "luna": (
        "n.annot",
        "luna_annot",
        {},
        b"# W\nW\t.\t.\t0\t30\t.\nN2\t.\t.\te:2\te:3\t.\nhypopnea\t.\tx\t35\t+12\t.\n",
    ),
    "luna clock": ("n.annot", "luna_annot", {}, b"W 23:59:00 ...\nN2 23:59:30 00:00:30\nhypopnea 23:59:50 +9\n"),
    "lines": ("n.txt", "epoch_list", {"stages": CODES}, b"0\n0\n2\n5\n\n2\n"),
    "json": ("n.json", "epoch_list", {"stages": CODES}, b"[0, 0, 2, 5, null, 2]"),
    "csv": (
        "n.csv",
        "table",
        {"table": CLOCKED},
        b"at,for,what\n23:59:30,30,W\n00:00:00,30,N2\n00:00:05,12,Hypopnea\n",
    ),
    "xlsx": ("n.xlsx", "table", {"table": {"epoch": "Epoch", "stage": "Stage"}}, spreadsheet()),
    "wfdb": (
        "n.st",
        "wfdb",
        {},
        words((0, "## time resolution: 10"), (0, "W"), (300, "N2"), (50, "(hypopnea"), (120, "hypopnea)")),
    ),
}


def mutant(content: bytes, seed: int) -> bytes:
    """Overwrite, delete, double and cut: one to five times."""
    out = bytearray(content)
    random = np.random.default_rng(seed)
    for _ in range(int(random.integers(1, 6))):
        at, n = int(random.integers(len(out) + 1)), int(random.integers(1, 12))
        match int(random.integers(5)):
            case 0:
                out[at : at + n] = random.integers(0, 256, n).astype(np.uint8).tobytes()
            case 1:
                del out[at : at + n]
            case 2:
                out[at:at] = out[at : at + n]
            case 3:
                out[at:at] = bytes(random.choice(list(b'0123456789-+.:eE,;\t"\n<>[]'), n).astype(np.uint8))
            case _:
                del out[at + len(out) // 2 :]
    return bytes(out)


@pytest.mark.parametrize("case", CASES)
def test_mutants_end_well(tmp_path: Path, case: str) -> None:
    """Each is read with times that are numbers, or refused with a reason."""
    name, form, more, content = CASES[case]
    rule = AnnotationRule.model_validate({"format": form, "scheme": "aasm"} | more)
    path = tmp_path / name
    for seed in range(N_MUTANT):
        path.write_bytes(mutant(content, seed))
        with suppress(AnnotationCorrupt, EpochLengthUnexpected, SourceMissing):
            found, _ = read_annotations({"annotations": path}, [rule], clock_start_s=0.0)
            assert np.isfinite(found.events.onset_s).all()
            assert (found.events.duration_s >= 0).all()


@pytest.mark.parametrize("case", CASES)
def test_the_unharmed_file_is_read(tmp_path: Path, case: str) -> None:
    """What the mutants are made from has stages."""
    name, form, more, content = CASES[case]
    rule = AnnotationRule.model_validate({"format": form, "scheme": "aasm"} | more)
    (tmp_path / name).write_bytes(content)
    found, _ = read_annotations({"annotations": tmp_path / name}, [rule], clock_start_s=0.0)
    assert found.hypnogram is not None
    assert found.hypnogram.staged.any()


def test_every_format_has_a_campaign() -> None:
    """A new reader joins this page, or says here where its damaged files are."""
    elsewhere = {"nsrr_xml": "test_xml_mutations", "edf_plus": "test_edf_mutations", "hdf5": "test_hdf5"}
    assert {form for _, form, _, _ in CASES.values()} | elsewhere.keys() == READERS.keys()

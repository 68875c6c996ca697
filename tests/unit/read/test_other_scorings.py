"""Profusion XML, Luna's .annot, lists of epochs, WFDB texts and HDF5 hypnograms against what was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import wfdb

from pipeline.read.annotations import read_annotations
from schemas.errors import AnnotationCorrupt, EpochLengthUnexpected, PsgError, SignalFileCorrupt
from schemas.findings import Finding
from schemas.hypnogram import Annotations
from schemas.scoring_rules import AnnotationRule
from schemas.vocabulary import Stage

W, N1, N2, N3, REM, NONE = Stage.W, Stage.N1, Stage.N2, Stage.N3, Stage.REM, Stage.UNSCORED
CODES = {-1: "UNSCORED", 0: "W", 1: "N1", 2: "N2", 3: "N3", 4: "REM"}


def read(path: Path, format: str, **more: Any) -> tuple[Annotations, tuple[Finding, ...]]:
    by = AnnotationRule.model_validate({"format": format, "scheme": "aasm"} | more)
    return read_annotations({"annotations": path}, [by], clock_start_s=22 * 3600.0)


def stages(found: Annotations) -> list[Stage]:
    assert found.hypnogram is not None
    return [Stage(code) for code in found.hypnogram.stage]


def events(found: Annotations) -> list[tuple[float, float, str, str]]:
    table = found.events
    rows = zip(table.onset_s.tolist(), table.duration_s.tolist(), table.type, table.channel, strict=True)
    return list(rows)


# --- Profusion ---------------------------------------------------------------------------------------------

PROFUSION = """<?xml version="1.0"?>
<CMPStudyConfig><EpochLength>30</EpochLength>
<ScoredEvents>
<ScoredEvent><Name>Obstructive Apnea</Name><Start>31.5</Start><Duration>12.25</Duration><Input>THOR</Input>
</ScoredEvent>
<ScoredEvent><Name>Arousal (ARO RES)</Name><Start>44</Start><Duration>4</Duration><Input>C4</Input></ScoredEvent>
</ScoredEvents>
<SleepStages>
<SleepStage>0</SleepStage><SleepStage>4</SleepStage><SleepStage>5</SleepStage><SleepStage>6</SleepStage>
<SleepStage>9</SleepStage><SleepStage>1</SleepStage></SleepStages></CMPStudyConfig>"""


def test_profusion(tmp_path: Path) -> None:
    """A code an epoch, 5 being REM; events by the vendor's names."""
    path = tmp_path / "night.xml"
    path.write_text(PROFUSION)
    found, _ = read(path, "profusion_xml")
    assert stages(found) == [W, N3, REM, NONE, NONE, N1]
    assert events(found) == [
        (31.5, 12.25, "obstructive_apnea", "THOR"),
        (44.0, 4.0, "arousal_respiratory", "C4"),
    ]
    assert found.clock_start_s is None


def test_profusion_is_not_nsrr(tmp_path: Path) -> None:
    """Each reader refuses the other's document, and epochs of another length than the manifest's."""
    path = tmp_path / "night.xml"
    path.write_text(PROFUSION)
    with pytest.raises(AnnotationCorrupt, match="PSGAnnotation"):
        read(path, "nsrr_xml")
    with pytest.raises(EpochLengthUnexpected):
        read(path, "profusion_xml", epoch_s=20)


# --- Luna --------------------------------------------------------------------------------------------------


def luna(folder: Path, text: str) -> Path:
    path = folder / "night.annot"
    path.write_text(text)
    return path


def test_luna_seconds_epochs_and_durations(tmp_path: Path) -> None:
    """All notations that count from the recording's start mean the same seconds."""
    text = (
        "# N1 | a stage\n# hypopnea | an event | desat[num]\n"
        "class\tinstance\tchannel\tstart\tstop\tmeta\n"
        "W\t.\t.\t0\t30\t.\nN1\t.\t.\te:2\t.\t.\nN3\t.\t.\te:3\te:4\t.\nR\t.\t.\t0+00:02:00\t+30\t.\n"
        "hypopnea\th1\tflow\t35.5\t+12\tdesat=4\ncentral apnea\t.\t.\te:5:20\t.\t.\nlights on\t.\t.\t150\t150\t.\n"
    )
    found, remarks = read(luna(tmp_path, text), "luna_annot")
    assert stages(found) == [W, N1, N3, N3, REM]
    assert events(found) == [
        (35.5, 12.0, "hypopnea", "flow"),
        (80.0, 20.0, "central_apnea", ""),
        (150.0, 0.0, "lights_on", ""),
    ]
    assert remarks == ()


def test_luna_clock(tmp_path: Path) -> None:
    """Times of day wrap at midnight; three columns will do; `...` lasts until the next line."""
    text = "W 23:59:00 ...\nN1 23:59:30 00:00:00\nN3 00:00:00 00:01:00\nhypopnea 23:59:50 00:00:05.5\n"
    found, _ = read(luna(tmp_path, text), "luna_annot")
    assert (found.clock_start_s, found.is_clocked) == (86340.0, True)
    assert stages(found) == [W, N1, N3, N3]
    assert events(found) == [(50.0, 15.5, "hypopnea", "")]


@pytest.mark.parametrize(
    ("text", "words"),
    [("W\t0\n", "number of columns"), ("W 0 30\nN1 22:00:30 22:01:00\n", "mixes"), ("W late 30\n", "no readable")],
)
def test_luna_that_cannot_be_placed(tmp_path: Path, text: str, words: str) -> None:
    """Nothing about a line is guessed."""
    with pytest.raises(AnnotationCorrupt, match=words):
        read(luna(tmp_path, text), "luna_annot")


# --- lists of epochs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "W\nn2\n\nN3\nR\n?\n",
        "0\r\n2\r\n\r\n3\r\n4\r\n-1\r\n",
        "[0, 2, null, 3, 4, -1]",
        '["W", "N2", "", "N3", "REM", "?"]',
    ],
    ids=["words", "numbers", "json numbers", "json words"],
)
def test_one_stage_an_epoch(tmp_path: Path, text: str) -> None:
    """The same night in lines and in JSON; what is blank was not scored."""
    path = tmp_path / "night.txt"
    path.write_bytes(text.encode())
    found, _ = read(path, "epoch_list", stages=CODES)
    assert stages(found) == [W, N2, NONE, N3, REM, NONE]
    assert found.events.n_event == 0


def test_numbers_need_the_manifest(tmp_path: Path) -> None:
    """5 is REM for one cohort and nothing for another: unmapped codes are unscored, with a remark."""
    path = tmp_path / "night.txt"
    path.write_text("0\n5\n")
    found, remarks = read(path, "epoch_list")
    assert (stages(found), [f.code for f in remarks]) == ([NONE, NONE], ["PSG-A007"])


@pytest.mark.parametrize("text", ["[1, 2", '[{"stage": 1}]', "x" * 500], ids=["cut", "objects", "prose"])
def test_what_is_no_list_of_epochs(tmp_path: Path, text: str) -> None:
    """A damaged or foreign file is refused."""
    path = tmp_path / "night.txt"
    path.write_text(text)
    with pytest.raises(AnnotationCorrupt):
        read(path, "epoch_list")


# --- WFDB --------------------------------------------------------------------------------------------------


def wrann(folder: Path, texts: dict[int, str], rate_hz: float | None = None) -> Path:
    """Write annotations with the library's own writer."""
    samples = np.array(sorted(texts))
    wfdb.wrann(
        "night",
        "st",
        samples,
        symbol=['"'] * len(texts),
        aux_note=[texts[s] for s in sorted(texts)],
        fs=rate_hz,
        write_dir=str(folder),
    )
    return folder / "night.st"


def test_wfdb_pairs(tmp_path: Path) -> None:
    """Stages last until the next one; an event lasts from its `(` to its `)`, others may lie between."""
    texts = {
        0: "W",
        6000: "N1",
        7100: "(resp_hypopnea",
        8000: "(arousal_rera",
        9500: "resp_hypopnea)",
        9700: "arousal_rera)",
        12000: "N3",
        17000: "(resp_centralapnea",
        18000: "R",
    }
    terms = {"resp_hypopnea": "hypopnea", "arousal_rera": "rera", "resp_centralapnea": "central_apnea"}
    found, remarks = read(wrann(tmp_path, texts, 200), "wfdb", events=terms)
    assert stages(found) == [W, N1, N3, REM]
    assert events(found) == [(35.5, 12.0, "hypopnea", ""), (40.0, 8.5, "rera", "")]
    assert [f.code for f in remarks] == ["PSG-A013"]


def test_wfdb_words(tmp_path: Path) -> None:
    """A stage and what happened in its epoch, in one text; the rate is the header's."""
    path = wrann(tmp_path, {0: "W", 7500: "1 LA", 15000: "3 H HA", 22500: "R"})
    (tmp_path / "night.hea").write_text("night 1 250/0.0333(4) 100000\nnight.dat 212 500 12 0 0 0 0 ECG\n")
    by = {1: "N1", 3: "N3"}
    found, _ = read(path, "wfdb", stages=by, events={"H": "hypopnea", "HA": "hypopnea", "LA": "ignore"})
    assert stages(found) == [W, N1, N3, REM]
    assert events(found) == [(60.0, 0.0, "hypopnea", "")] * 2


def test_wfdb_without_a_rate(tmp_path: Path) -> None:
    """Samples without a rate are no times."""
    with pytest.raises(PsgError, match="not there"):
        read(wrann(tmp_path, {0: "W"}), "wfdb")


# --- HDF5 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        np.array([0, 2, -1, 4], np.int64),
        np.array([0.0, 2.0, np.nan, 4.0]),
        np.array([b"W", b"N2", b"?", b"R"]),
    ],
    ids=["integers", "floats", "words"],
)
def test_hdf5_hypnogram(tmp_path: Path, values: np.ndarray[Any, Any]) -> None:
    """One code an epoch, whatever the type of the dataset."""
    path = tmp_path / "night.h5"
    with h5py.File(path, "w") as file:
        file["scoring/hypnogram"] = values
    found, _ = read(path, "hdf5", dataset="scoring/hypnogram", stages=CODES)
    assert stages(found) == [W, N2, NONE, REM]


def test_hdf5_without_the_hypnogram(tmp_path: Path) -> None:
    """A missing dataset and one of another shape are refused by name."""
    path = tmp_path / "night.h5"
    with h5py.File(path, "w") as file:
        file["twice"] = np.zeros((2, 3))
    with pytest.raises(SignalFileCorrupt, match="no dataset 'hypnogram'"):
        read(path, "hdf5", dataset="hypnogram")
    with pytest.raises(AnnotationCorrupt, match="no hypnogram"):
        read(path, "hdf5", dataset="twice")
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 50)
    with pytest.raises(SignalFileCorrupt, match="as HDF5"):
        read(path, "hdf5", dataset="hypnogram")

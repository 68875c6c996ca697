"""A census of a folder: from headers alone, and nothing that is odd goes unsaid."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.manifests.load import load_manifest
from pipeline.scan.census import COLUMNS
from pipeline.scan.folder import scan
from pipeline.scan.judgement import Use
from pipeline.synth.edf_writer import EdfSignal, header_bytes
from schemas.errors import SourceMissing
from tests.command_line import in_process
from tests.made_up_terms import TERMS

EEG = EdfSignal("EEG C4-M1", 256, "uV", (-500, 500), (-32768, 32767))
FLOW = EdfSignal("Fluss", 32, "", (1, -1), (-32768, 32767))
SPO2 = EdfSignal("SpO2", 1, "%", (0, 100), (-32768, 32767))
N_SECOND = 8 * 3600

MANIFEST: dict[str, Any] = {
    "manifest_version": 1,
    "cohort": "lab",
    "title": "A lab",
    "terms": dict(TERMS),
    "layout": {"signals": "nights/{subject}.edf", "annotations": "scores/{subject}.csv"},
    "annotations": {
        "format": "table",
        "scheme": "aasm",
        "table": {"onset": "onset", "onset_unit": "s", "duration": "duration", "text": "text"},
    },
    "subjects": {
        "tables": [
            {
                "path": "people.csv",
                "key": "id",
                "fields": {"sex": {"columns": "sex", "codes": {"m": "male", "f": "female"}}},
            }
        ]
    },
    "montage": [
        {"channel": "eeg_c4_m1", "labels": ["EEG C4-M1"]},
        {
            "channel": "airflow",
            "labels": ["Fluss"],
            "unit_when_blank": {"unit": "1", "source": "made up"},
        },
        {"channel": "spo2", "labels": ["SpO2", "SaO2"]},
    ],
    "ignore_labels": ["Battery"],
    "exclude": [{"key": "x9", "reason": "made up", "source": "made up"}],
}


def night(path: Path, *signals: EdfSignal) -> Path:
    """Write a header, and a night of nothing behind it: a hole that takes no room on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = header_bytes(signals, n_record=N_SECOND, clock_start_s=0)
    path.write_bytes(head)
    os.truncate(path, len(head) + 2 * N_SECOND * sum(signal.rate_hz for signal in signals))
    return path


def score(path: Path, *texts: str) -> Path:
    """Write a scoring of one epoch a text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["onset,duration,text", *(f"{30 * i},30,{t}" for i, t in enumerate(texts))]), "utf-8")
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A lab of eight nights, with most of what may be odd about one."""
    nights, scores = tmp_path / "nights", tmp_path / "scores"
    for number in range(1, 6):
        night(nights / f"x{number}.edf", EEG, FLOW, SPO2)
        score(scores / f"x{number}.csv", "N2", "Kauen", *(["Herr Maier lacht"] if number == 1 else []))
    night(
        nights / "x6.edf",
        EEG,
        EdfSignal("SaO2", 1, "%", (0, 1), (0, 255)),
        EdfSignal("Akku", 1, "", (0, 1), (0, 1)),
    )
    night(nights / "x7.edf", EEG, FLOW, SPO2)
    os.truncate(nights / "x7.edf", 5000)  # cut off
    (nights / "x8.edf").write_bytes(b"")
    night(nights / "x9.edf", EEG)
    night(tmp_path / "pilot" / "p1.edf", EEG, EEG)
    (tmp_path / "people.csv").write_text("id,sex\n" + "".join(f"x{n},f\n" for n in (1, 2, 3, 4, 6)), "utf-8")
    (tmp_path / "lab.yaml").write_text(yaml.safe_dump(MANIFEST), "utf-8")
    return tmp_path


@contextmanager
def bytes_read() -> Iterator[list[int]]:
    """Count what this process asks the system to read, whatever it uses to do so."""

    def count() -> int:
        facts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
        return int(facts["rchar"])

    found: list[int] = []
    before = count()
    yield found
    found.append(count() - before)


def test_no_sample_is_read(tmp_path: Path) -> None:
    """Ten nights of 17 MB are told by what a header takes, and what the system reads ahead of it."""
    for number in range(10):
        night(tmp_path / f"{number}.edf", EEG, FLOW, SPO2)
    scan(None, tmp_path)  # everything is imported
    with bytes_read() as found:
        assert len(scan(None, tmp_path).recordings) == 10
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) > 160e6
    assert found[0] < 10 * 16_384


def test_without_a_manifest_files_are_counted(root: Path) -> None:
    """Labels with rate, unit and range, doubled names by number; what cannot be read is counted by reason."""
    census = scan(None, root)
    assert {(row.label, row.nth): (row.n, row.rate_hz, row.unit, row.range) for row in census.judgement.labels} == {
        ("EEG C4-M1", 1): (8, 256.0, "uV", (-500.0, 500.0)),
        ("EEG C4-M1", 2): (1, 256.0, "uV", (-500.0, 500.0)),
        ("Fluss", 1): (5, 32.0, "", (1.0, -1.0)),
        ("SpO2", 1): (5, 1.0, "%", (0.0, 100.0)),
        ("SaO2", 1): (1, 1.0, "%", (0.0, 1.0)),
        ("Akku", 1): (1, 1.0, "", (0.0, 1.0)),
    }
    facts = census.readiness()
    assert {reason: rows["n"] for reason, rows in facts["would_fail"].items()} == {
        "edf_corrupt": 1,
        "edf_truncated": 1,
    }
    assert census.judgement.montages[0].montage.files == "*/*.edf"


def test_with_a_manifest_everything_missing_is_said(root: Path) -> None:
    """Recordings that would convert or fail, what they lack, what is excluded, what lies elsewhere."""
    facts = scan(load_manifest(str(root / "lab.yaml")), root).readiness()
    assert (facts["n_recordings"], facts["n_would_convert"], facts["n_excluded"]) == (9, 6, 1)
    assert facts["would_fail"]["edf_truncated"]["recordings"] == ["lab/x7"]
    assert facts["would_fail"]["edf_corrupt"]["first"].startswith("x8.edf: the file is empty")
    assert facts["without"]["annotation"] == ["lab/x6", "lab/x7", "lab/x8"]
    assert facts["without"]["subject"] == ["lab/x5", "lab/x7", "lab/x8"]
    assert facts["n_files_outside_layout"] == 1
    assert facts["channels"] == {"eeg_c4_m1": 6, "spo2": 6, "airflow": 5}
    assert facts["label_use"]["left_over"] == [{"label": "Akku", "n": 1}]


def test_odd_headers_are_remarked(root: Path) -> None:
    """A reversed range, and per cent that end at one."""
    census = scan(load_manifest(str(root / "lab.yaml")), root)
    remarks = {row.label: row.remarks for row in census.judgement.labels}
    assert remarks["Fluss"] == ("its range is the wrong way round",)
    assert "its range ends at 1 %" in remarks["SaO2"][0]
    assert {row.label for row in census.judgement.labels if row.use is Use.USED} == {
        *("EEG C4-M1", "Fluss", "SpO2", "SaO2")
    }


def test_terms_are_shown_where_many_have_them(root: Path) -> None:
    """What five subjects have is vocabulary; what one has may be personal, and is only counted."""
    manifest = load_manifest(str(root / "lab.yaml"))
    census = scan(manifest, root)
    assert (census.event_texts, census.hidden_texts) == ({"Kauen": 5}, (1, 1))
    shown = scan(manifest, root, show_text=True)
    assert (shown.event_texts, shown.hidden_texts) == ({"Kauen": 5, "Herr Maier lacht": 1}, (0, 0))


def test_a_damaged_scoring_is_a_reason(root: Path) -> None:
    """A night whose annotations cannot be read would fail, and its labels are counted all the same."""
    (root / "scores" / "x2.csv").write_text("nothing like it\n1\n", "utf-8")
    census = scan(load_manifest(str(root / "lab.yaml")), root)
    assert census.readiness()["would_fail"]["annotation_corrupt"]["recordings"] == ["lab/x2"]
    assert next(row.n for row in census.judgement.labels if row.label == "EEG C4-M1") == 6


def test_processes_see_the_same(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several of them look at many files; the answer and its order are those of one."""
    monkeypatch.setattr("pipeline.scan.headers._FEW", 1)
    monkeypatch.setattr("pipeline.scan.headers._A_BATCH", 2)
    manifest = load_manifest(str(root / "lab.yaml"))
    assert scan(manifest, root, workers=2) == scan(manifest, root)


def test_an_empty_folder_is_the_wrong_folder(tmp_path: Path) -> None:
    """It says which names it looks for."""
    (tmp_path / "notes.txt").touch()
    with pytest.raises(SourceMissing, match=r"no file of signals below the root: expected names that end in \.edf"):
        scan(None, tmp_path)


# --- the commands ------------------------------------------------------------------------------------------


def test_a_census_is_carried_elsewhere(root: Path, tmp_path: Path) -> None:
    """The table alone tells a manifest what the files themselves tell it, but for what is not in headers."""
    done = in_process("scan", "lab.yaml", "--root", ".", "--csv", "scan.csv", cwd=root)
    assert done.returncode == 0, done.stderr
    with (root / "scan.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {(row["label"], row["becomes"], row["n"]) for row in rows if row["label"] == "Akku"} == {
        ("Akku", "left_over", "1")
    }
    there = in_process("manifest", "check", "lab.yaml", "--scan", "scan.csv", "--json", cwd=root)
    here = in_process("manifest", "check", "lab.yaml", "--root", ".", "--json", cwd=root)
    assert (there.returncode, here.returncode) == (3, 3), there.stderr + here.stderr
    told, known = json.loads(there.stdout), json.loads(here.stdout)
    assert (told["n_files"], told["n_would_convert"]) == (8, 6)
    for fact in ("label_use", "channels"):
        assert told[fact] == known[fact]
    assert {reason: rows["n"] for reason, rows in told["would_fail"].items()} == {
        reason: rows["n"] for reason, rows in known["would_fail"].items()
    }


def test_a_mended_manifest_is_tried_on_the_old_table(root: Path) -> None:
    """What the table says of a verdict is not read back: once the unit is explained, all convert."""
    blind = json.loads(json.dumps(MANIFEST))
    blind["montage"][1].pop("unit_when_blank")
    (root / "blind.yaml").write_text(yaml.safe_dump(blind), "utf-8")
    in_process("scan", "blind.yaml", "--root", ".", "--csv", "scan.csv", cwd=root)
    before, after = (
        json.loads(in_process("manifest", "check", name, "--scan", "scan.csv", "--json", cwd=root).stdout)
        for name in ("blind.yaml", "lab.yaml")
    )
    assert (before["n_would_convert"], after["n_would_convert"]) == (1, 6)
    assert before["would_fail"]["unit_missing"]["first"].startswith("montage 1: 'Fluss' has a blank unit")


def test_the_page_describes_the_table() -> None:
    """Every column is in docs/scan.md, in its order."""
    page = (Path(__file__).parents[3] / "docs" / "scan.md").read_text("utf-8")
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", page.split("## The table")[1], re.MULTILINE)
    assert tuple(re.findall(r"`(\w+)`", " ".join(rows))) == COLUMNS


def test_what_people_read(root: Path) -> None:
    """Labels, sets of labels, what is missing and what is left over, each with its number."""
    said = in_process("scan", "lab.yaml", "--root", ".", cwd=root).stdout
    for words in (
        "2 sets of labels:",
        "1 x 'Akku', 'EEG C4-M1', 'SaO2'",
        "lab: 6 of 9 recordings would convert, 1 are excluded; 3 without annotation, 3 without subject row",
        "would fail     1 x edf_truncated, first: x7.edf:",
        "without annotation: lab/x6, lab/x7, lab/x8",
        "1 files of signals do not fit the manifest's layout",
        "left over        1 x 'Akku'",
        "unmapped text      5 x 'Kauen'",
        "unmapped text      1 x 1 more, which may be personal: --show-text lists them",
        "next: sleep2vec convert lab.yaml --root . --out OUT --dry-run",
    ):
        assert words in said, said
    assert "Maier" not in said


def test_a_table_without_visits_is_judged_by_the_best(tmp_path: Path) -> None:
    """Where rules differ by visit, it is said that none was known."""
    edf = "polysomnography/edfs/shhs1/shhs1-200001.edf"
    night(tmp_path / edf, EdfSignal("EEG", 125, "uV", (-125, 125), (-128, 127)))
    in_process("scan", "--root", ".", "--csv", "bare.csv", cwd=tmp_path)
    in_process("scan", "shhs", "--root", ".", "--csv", "known.csv", cwd=tmp_path)
    bare, known = (
        in_process("manifest", "check", "shhs", "--scan", name, cwd=tmp_path).stdout
        for name in ("bare.csv", "known.csv")
    )
    assert "no visits in the table" in bare
    assert "no visits in the table" not in known
    assert "shhs: 1 of 1 files would convert" in known


def test_files_without_signals_are_told_from_unreadable_ones(tmp_path: Path) -> None:
    """A hypnogram may be an EDF, too: it is read, and holds no signals."""
    night(tmp_path / "night.edf", EEG)
    night(tmp_path / "stages.edf", EdfSignal("EDF Annotations", 15, "", (-1, 1), (-32768, 32767)))
    (tmp_path / "empty.edf").touch()
    said = in_process("scan", "--root", ".", cwd=tmp_path).stdout
    assert "3 files of signals, 1 of them cannot be read, 1 hold annotations alone" in said, said


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("scan --root empty", "no file of signals below the root"),
        ("scan --root . --show-text", "--show-text needs MANIFEST"),
        ("manifest check lab.yaml --scan people.csv", "2 columns without label and n"),
        ("manifest check lab.yaml --scan people.csv --root .", "--root or --scan, not both"),
        ("manifest check lab.yaml --scan nowhere.csv", "does not exist"),
    ],
)
def test_wrong_use_is_told_in_words(root: Path, command: str, words: str) -> None:
    """Code 2, and what to do."""
    (root / "empty").mkdir()
    done = in_process(*command.split(), cwd=root)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr

"""R-point files: the columns that matter, clocks, and what is said of files that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.read.rpoints import RPoints, RPointType, read_rpoints
from schemas.errors import AnnotationCorrupt, SourceMissing

HEADER = "RPoint,Type,samplingrate,seconds,rpointadj"


def read(folder: Path, *lines: str, header: str = HEADER) -> RPoints:
    path = folder / "night-rpoint.csv"
    path.write_text("\n".join([header, *lines, ""]))
    return read_rpoints(path)


def test_times_and_types(tmp_path: Path) -> None:
    """Samples of 256 Hz are not mistaken for those of an ECG of 125 Hz; artefacts are points and no beats."""
    points = read(tmp_path, "128,1,125,0.5,62.5", "384,0,125,1.5,187.5", "512,3,125,2.0,250", "768,2,125,3,375")
    assert points.time_s.tolist() == [0.5, 1.5, 2.0, 3.0]
    assert [RPointType(kind).name for kind in points.type] == [
        "SINUS",
        "ARTIFACT",
        "SUPRAVENTRICULAR",
        "VENTRICULAR",
    ]
    assert points.is_beat.tolist() == [True, False, True, True]


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("Type,seconds", "1,0.5"),
        (" TYPE , Seconds ,other", "1.0, 0.5 ,whatever it says"),
        ("Type,rpointadj,samplingrate", "1,62.5,125"),
        ("\ufeffseconds,Type", "0.5,1"),
        (HEADER, "128,1,,0.5,"),
        (HEADER, "128,1,125,0.5,62"),
    ],
    ids=["seconds", "case and blanks", "samples of the ECG", "byte-order mark", "empty second clock", "rounded"],
)
def test_any_clock_will_do(tmp_path: Path, header: str, line: str) -> None:
    """One clock is enough, order and case of the columns are free."""
    assert read(tmp_path, line, header=header).time_s.tolist() == [0.5]


def test_a_file_without_beats(tmp_path: Path) -> None:
    """A header alone says that there was no beat; empty lines say nothing."""
    assert read(tmp_path, "", "").time_s.size == 0


WRONG = {
    "line 1 does not name the columns that are needed: saw 2 columns, Type is not among them": (
        "RPoint,seconds",
        "1,2",
    ),
    "line 1 does not name the columns that are needed: saw 2 columns, Type is among them": ("RPoint,Type", "1,2"),
    "line 3: seconds is no number: saw text": ("seconds,Type", "1,1", "Jane,1"),
    "line 2: seconds is no number: saw an empty cell": ("seconds,Type", ",1"),
    "line 2: seconds is no number": ("seconds,Type", "nan,1"),
    "line 3 ends too early: saw 1 cells, expected at least 2": ("seconds,Type", "1,1", "2"),
    "line 2: no type of beat": ("seconds,Type", "1,4"),
    "line 3: times run backwards: saw a step of -0.500 s": ("seconds,Type", "1.0,1", "0.5,1"),
    "line 2: no time of a beat: saw a time before the recording": ("seconds,Type", "-1,1"),
    "line 2: no time of a beat: saw times 0.524 s apart": (HEADER, "128,1,125,0.5,128"),
    "line 2: no sampling rate": (HEADER, "128,1,0,0.5,128"),
    "the file is not comma-separated text: saw a zero byte": ("seconds,Type", "1,\0"),
}


@pytest.mark.parametrize("words", WRONG)
def test_what_is_wrong_is_told(tmp_path: Path, words: str) -> None:
    """The file, the line, what was seen and what was expected; nothing that the file says."""
    header, *lines = WRONG[words]
    with pytest.raises(AnnotationCorrupt) as error:
        read(tmp_path, *lines, header=header)
    assert str(error.value).startswith(f"night-rpoint.csv: {words}")
    assert "Jane" not in str(error.value)


def test_no_file(tmp_path: Path) -> None:
    """A missing file is missing."""
    with pytest.raises(SourceMissing):
        read_rpoints(tmp_path / "night-rpoint.csv")

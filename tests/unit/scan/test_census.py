"""Counted headers: equal ones stand together, and a table of them can be read back."""

from __future__ import annotations

import csv
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from pipeline.scan.census import COLUMNS, LabelCount, Montage, group, read_counts, rows_of
from schemas.errors import SourceError
from schemas.recording import SignalInfo

EEG = SignalInfo(0, "EEG C4-M1", "uV", Fraction(256), -500.0, 500.0)
AIR = SignalInfo(1, "Luft", "", Fraction(2559997, 10000), 1.0, -1.0)
DEAD = SignalInfo(2, "Luft", "V", Fraction(1), 0.0, 0.0, usable=False)


def test_equal_headers_are_one_montage() -> None:
    """The most frequent come first, and each file is told which is its own."""
    headers = [("", (EEG,), "", "a/1.edf"), ("", (EEG, AIR), "", "a/2.edf"), ("", (EEG, AIR), "", "a/3.edf")]
    montages, which = group(headers)
    assert [montage.n for montage in montages] == [2, 1]
    assert [montage.labels for montage in montages] == [("EEG C4-M1", "Luft"), ("EEG C4-M1",)]
    assert which == [1, 0, 0]


def test_a_range_makes_another_montage() -> None:
    """A gain of its own, a visit of its own, an error of its own: each is told apart."""
    other = replace(EEG, physical_max=400.0)
    headers = [("1", (EEG,), "", "1.edf"), ("1", (other,), "", "2.edf"), ("2", (EEG,), "", "3.edf")]
    headers.append(("1", (), "edf_corrupt", "4.edf"))
    assert [montage.n for montage in group(headers)[0]] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("paths", "pattern"),
    [
        (["edf/1.edf", "edf/2.edf"], "edf/*.edf"),
        (["edf/Anna/1.edf", "edf/Berta/1.edf"], "edf/*/*.edf"),
        (["1.edf", "deep/2.edf"], ""),
    ],
)
def test_folders_are_named_only_where_all_share_them(paths: list[str], pattern: str) -> None:
    """A folder may bear a person's name; what differs between files is a star."""
    (montage,) = group([("", (EEG,), "", path) for path in paths])[0]
    assert montage.files == pattern


def _written(path: Path, *montages: Montage, delimiter: str = ",") -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, delimiter=delimiter)
        writer.writeheader()
        for number, montage in enumerate(montages, 1):
            writer.writerows(rows_of(number, montage, []))
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_is_read_back_as_it_was(tmp_path: Path, delimiter: str) -> None:
    """Order, doubled labels, odd rates, reversed and unusable ranges, files without signals: all of it returns."""
    whole = Montage(7, (EEG, AIR, DEAD), "visit1", "", "nights/*.edf")
    montages = (whole, Montage(2, (), "visit1"), Montage(1, (), None, "edf_truncated", "nights/*.edf"))
    path = _written(tmp_path / "scan.csv", *montages, delimiter=delimiter)
    assert read_counts(path).montages == montages
    assert read_counts(path).labels == ()


def test_counts_of_labels_alone(tmp_path: Path) -> None:
    """Two columns are enough; visit and nth are read, others may be there."""
    path = tmp_path / "counts.csv"
    path.write_text("\ufefflabel,n,note,visit,nth\nEEG,12,x,,\nAIRFLOW,3,,v1,2\n", "utf-8")
    assert read_counts(path).labels == (LabelCount("EEG", 12), LabelCount("AIRFLOW", 3, 2, "v1"))
    assert read_counts(path).montages == ()


HEAD = "montage,n,visit,label,rate_hz,unit\n"
WRONG = {  # what the file holds: what is said of it
    "": "0 columns without label and n",
    "\n\n": "0 columns without label and n",
    "subject,age\nJane Doe,40\n": "2 columns without label and n",
    "label,n\n": "a heading and no line below it",
    "label,n\nEEG,many\n": "line 2, column n cannot be read: expected a whole number from 1 on",
    "label,n\nEEG,0\n": "line 2, column n",
    "label,n\n,3\n": "line 2, column label",
    "montage,label,n\n1,EEG,3\n": "a column montage, and no rate_hz and unit",
    HEAD + "1,3,,EEG,fast,uV\n": "line 2, column rate_hz cannot be read: expected a number with a point",
    HEAD + "1,3,,EEG,,uV\n": "line 2, column rate_hz",
    HEAD + "1,3,,EEG,256,uV\n1,4,,EOG,256,uV\n": "line 3, column n cannot be read: expected n and visit of line 2",
}


@pytest.mark.parametrize("content", WRONG)
def test_another_table_is_refused_in_words(tmp_path: Path, content: str) -> None:
    """The error names file and line, says what to do, and shows nothing of what may be personal."""
    path = tmp_path / "scan.csv"
    path.write_text(content, "utf-8")
    with pytest.raises(SourceError) as refused:
        read_counts(path)
    assert str(refused.value).startswith("scan.csv: ")
    assert WRONG[content] in str(refused.value)
    assert "Jane" not in str(refused.value)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    """A spreadsheet's own format is no table."""
    path = tmp_path / "scan.xlsx"
    path.write_bytes(b"PK\x03\x04\x93\xff\xfe\x00label,n\x00")
    with pytest.raises(SourceError, match=r"scan\.xlsx: not a table of counted labels"):
        read_counts(path)

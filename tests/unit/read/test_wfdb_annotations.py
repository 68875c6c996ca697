"""WFDB annotation files, built word by word after the format's description."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from pipeline.read.wfdb_annotations import read_wfdb_annotations
from schemas.errors import AnnotationCorrupt, SourceMissing

END = b"\0\0"


def word(code: int, value: int) -> bytes:
    return struct.pack("<H", code << 10 | value)


def skip(samples: int) -> bytes:
    high, low = divmod(samples & 0xFFFFFFFF, 1 << 16)
    return word(59, 0) + struct.pack("<HH", high, low)


def written(folder: Path, *parts: bytes) -> Path:
    path = folder / "100.atr"
    path.write_bytes(b"".join(parts))
    return path


def test_intervals_add_up(tmp_path: Path) -> None:
    """Each annotation counts from the one before."""
    found = read_wfdb_annotations(written(tmp_path, word(1, 18), word(5, 300), word(8, 1023), END))
    assert found.sample.tolist() == [18, 318, 1341]
    assert found.symbol.tolist() == ["N", "V", "A"]


def test_beats_among_other_annotations(tmp_path: Path) -> None:
    """Rhythm, noise, flutter waves and blocked P waves are no beats; paced, fusion and unclassifiable ones are."""
    codes = (28, 1, 14, 12, 31, 38, 37, 13, 16, 30, 34, 41, 25)
    found = read_wfdb_annotations(written(tmp_path, *(word(code, 10) for code in codes), END))
    assert "".join(found.symbol) == "+N~/!fxQ|?erB"
    assert "".join(found.symbol[found.is_beat]) == "N/fQ?erB"
    assert found.beat_sample.tolist() == [20, 40, 60, 80, 100, 110, 120, 130]


def test_long_interval(tmp_path: Path) -> None:
    """A pause longer than 1023 samples is written before its annotation, upper half first."""
    found = read_wfdb_annotations(written(tmp_path, word(1, 5), skip(70_000), word(1, 2), END))
    assert found.sample.tolist() == [5, 70_007]


def test_fields_and_texts_are_passed_over(tmp_path: Path) -> None:
    """Subtype, channel, number and text, padded to whole words, belong to the annotation before."""
    fields = (word(61, 1), word(62, 0), word(60, 3), word(63, 3) + b"(N\0\0")
    found = read_wfdb_annotations(written(tmp_path, word(28, 7), *fields, word(1, 10), END))
    assert found.sample.tolist() == [7, 17]


def test_file_without_its_end(tmp_path: Path) -> None:
    """A file that was cut is refused: beats may be missing."""
    with pytest.raises(AnnotationCorrupt, match="ends too early"):
        read_wfdb_annotations(written(tmp_path, word(1, 18), word(5, 300)))


def test_times_that_run_backwards(tmp_path: Path) -> None:
    """A negative step is a damaged file."""
    with pytest.raises(AnnotationCorrupt, match="backwards"):
        read_wfdb_annotations(written(tmp_path, word(1, 500), skip(-400), word(1, 10), END))


def test_no_file(tmp_path: Path) -> None:
    """A missing file is missing, whatever its folder is called."""
    with pytest.raises(SourceMissing):
        read_wfdb_annotations(tmp_path / "100.atr")

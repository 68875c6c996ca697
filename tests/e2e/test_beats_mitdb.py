"""Beats against experts' annotations of real ECG, and the records themselves against what is published of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.mitdb import Record, read_record, record_names
from pipeline.derive.rpeaks import detect
from pipeline.score.match import Score, match

N_BEAT = {"100": 2273, "105": 2572, "203": 2980, "217": 2208}  # Moody & Mark, record tables


@pytest.fixture(scope="module")
def records(data_root: Path) -> list[Record]:
    folder = data_root / "mitdb"
    return [read_record(folder, name) for name in record_names(folder)]


@pytest.mark.system
def test_numbers_of_annotated_beats(records: list[Record]) -> None:
    """As many beats as the database's tables give."""
    found = {record.name: record.beat_s.size for record in records}
    assert {name: found.get(name) for name in N_BEAT} == N_BEAT


@pytest.mark.system
@pytest.mark.parametrize("sign", [1, -1])
def test_beats_equal_the_annotated_ones(records: list[Record], sign: int) -> None:
    """F1 within 150 ms over whole records, nothing excluded, upright and upside down; 50 ms beside it."""
    found = [(record, detect(sign * record.lead[0].astype(np.float32), record.rate_hz)) for record in records]
    wide = sum((match(record.beat_s, beat_s, 0.15) for record, beat_s in found), Score())
    narrow = sum((match(record.beat_s, beat_s, 0.05) for record, beat_s in found), Score())
    assert wide.f1 >= 0.997
    assert narrow.f1 >= 0.97


@pytest.mark.system
def test_half_the_records_at_a_third_of_the_rate(records: list[Record]) -> None:
    """At 120 Hz, with three samples averaged into one, real ECG loses nothing."""
    score = Score()
    for record in records[::2]:
        n = record.lead.shape[1] // 3 * 3
        slow = record.lead[0, :n].reshape(-1, 3).mean(axis=1)
        beat_s = detect(slow, record.rate_hz / 3) + 1 / record.rate_hz
        score += match(record.beat_s, beat_s, 0.15)
    assert score.f1 >= 0.997

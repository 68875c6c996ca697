"""Desaturations: each clause of the stated rule, and what must never make one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.derive.desaturations import Desaturations, desaturations


def held(*readings: tuple[float, float]) -> NDArray[np.float32]:
    """Return a night at 4 Hz from (seconds, per cent) pairs."""
    n_sample = [round(seconds * 4) for seconds, _ in readings]
    return np.repeat(np.array([value for _, value in readings], np.float32), n_sample)


def rows(table: Desaturations) -> list[tuple[float, ...]]:
    columns = (table.onset_s, table.nadir_s, table.end_s, table.baseline_percent, table.nadir_percent)
    return [tuple(float(value) for value in row) for row in zip(*columns, strict=True)]


def test_one_desaturation() -> None:
    """Onset at the last reading of the baseline, nadir at the first lowest, end at the first within 1 %."""
    night = held((60, 96), (5, 94), (10, 91), (5, 92), (5, 94), (60, 95))
    assert rows(desaturations(night, drop_percent=3.0)) == [(59.75, 65.0, 85.0, 96.0, 91.0)]


@pytest.mark.parametrize(("lowest", "n3", "n4"), [(94, 0, 0), (93, 1, 0), (92, 1, 1)])
def test_least_drop(lowest: float, n3: int, n4: int) -> None:
    """3 % or more, 4 % or more."""
    night = held((60, 96), (15, lowest), (60, 96))
    assert desaturations(night, drop_percent=3.0).onset_s.size == n3
    assert desaturations(night, drop_percent=4.0).onset_s.size == n4


def test_quantised_readings_are_whole() -> None:
    """Counts of a 16-bit file that stand for 96 and 93 are 3 % apart."""
    gain = 100 / 65535
    night = np.float32(gain) * np.rint(held((60, 96), (15, 93), (60, 96)) / gain).astype(np.float32)
    assert desaturations(night, drop_percent=3.0).onset_s.size == 1


@pytest.mark.parametrize(("seconds", "n"), [(9, 0), (10, 1)])
def test_least_duration(seconds: float, n: int) -> None:
    """Ten seconds from onset to end."""
    night = held((60, 96), (seconds - 0.25, 92), (60, 96))
    assert desaturations(night, drop_percent=3.0).onset_s.size == n


def test_slow_drift_is_none() -> None:
    """The baseline is no older than two minutes."""
    drift = held(*((65, value) for value in (97, 96, 95, 94, 93, 92, 91, 90)))
    assert rows(desaturations(drift, drop_percent=3.0)) == []
    faster = held(*((35, value) for value in (97, 96, 95, 94, 93)))
    assert desaturations(faster, drop_percent=3.0).onset_s.size == 1


def test_saw_teeth_are_counted_one_by_one() -> None:
    """Without full recovery the next fall counts from the highest reading since the last nadir."""
    night = held((60, 96), *(((20, 88), (20, 92)) * 4), (60, 96))
    found = desaturations(night, drop_percent=3.0)
    assert found.baseline_percent.tolist() == [96, 92, 92, 92]
    assert found.nadir_percent.tolist() == [88] * 4
    assert (np.diff(found.onset_s) == 40).all()


def test_a_flicker_of_one_is_no_recovery() -> None:
    """Readings are whole numbers: a rise by one does not end a fall."""
    night = held((60, 96), (10, 92), (5, 93), (10, 90), (30, 96))
    assert rows(desaturations(night, drop_percent=3.0)) == [(59.75, 75.0, 85.0, 96.0, 90.0)]


def test_no_recovery_is_an_end_too() -> None:
    """A new level is one desaturation that ends two minutes after its nadir, and the baseline of what follows."""
    night = held((60, 96), (400, 91), (20, 87), (60, 91))
    assert rows(desaturations(night, drop_percent=3.0)) == [
        (59.75, 60.0, 180.0, 96.0, 91.0),
        (459.75, 460.0, 480.0, 91.0, 87.0),
    ]


def test_end_of_the_recording_is_an_end() -> None:
    """A fall that the recording ends in counts as far as it is known."""
    assert rows(desaturations(held((60, 96), (20, 91)), drop_percent=3.0)) == [(59.75, 60.0, 79.75, 96.0, 91.0)]


def test_nothing_is_judged_across_missing_readings() -> None:
    """A mask between a high and a low reading is no fall."""
    assert rows(desaturations(held((60, 96), (1, np.nan), (60, 90)), drop_percent=3.0)) == []
    assert rows(desaturations(held((60, np.nan)), drop_percent=3.0)) == []
    assert rows(desaturations(np.zeros(0, np.float32), drop_percent=3.0)) == []


@settings(max_examples=60, deadline=None)
@given(
    readings=st.lists(st.tuples(st.integers(1, 40), st.integers(85, 99)), min_size=1, max_size=60),
    gaps=st.lists(st.tuples(st.integers(0, 2400), st.integers(1, 40)), max_size=5),
)
def test_rows_are_in_order_and_true(readings: list[tuple[int, int]], gaps: list[tuple[int, int]]) -> None:
    """Whatever the night: times increase, values are readings, no row touches a missing one."""
    night = held(*readings)
    for first, n in gaps:
        night[first : first + n] = np.nan
    before = night.copy()
    found = desaturations(night, drop_percent=3.0)
    np.testing.assert_array_equal(night, before)
    assert (np.diff(found.onset_s) > 0).all()
    assert (found.onset_s[1:] >= found.nadir_s[:-1]).all()
    for onset_s, nadir_s, end_s, baseline, nadir in rows(found):
        first, lowest, last = (round(t * 4) for t in (onset_s, nadir_s, end_s))
        assert first < lowest <= last
        assert (night[first], night[lowest]) == (baseline, nadir)
        assert np.isfinite(night[first : last + 1]).all()
        assert baseline - nadir >= 3
        assert night[first : lowest + 1].max() == baseline
        assert last - first >= 40

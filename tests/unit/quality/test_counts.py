"""What integers tell: sensors that are off, counts outside the declared range."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pipeline.epoch_runs import runs
from pipeline.quality.counts import check_counts
from schemas.recording import Segment, Signal


def signal(*records: np.ndarray, start_s: float = 0.0, rate_hz: int = 4) -> Signal:
    """A signal whose declared digital range is -100 to 100."""
    digital = np.stack(records).astype(np.int16)
    return Signal("Chest", "", Fraction(rate_hz), 1.0, 0.0, -1, 1, -100, 100, (Segment(start_s, digital),))


def moving(n: int, per_record: int = 4) -> list[np.ndarray]:
    return [np.arange(per_record) + i % 7 for i in range(n)]


def resting(n: int, value: int = 3, per_record: int = 4) -> list[np.ndarray]:
    return [np.full(per_record, value) for _ in range(n)]


def test_epoch_of_one_count_is_flat() -> None:
    """Only the epochs that lie wholly within the rest are flat."""
    found = check_counts(signal(*moving(40), *resting(70), *moving(40)), offset_s=0.0, n_epoch=5)
    assert found.flat.tolist() == [False, False, True, False, False]


def test_two_rests_at_different_counts_are_not_one() -> None:
    """A step between two rests is a change."""
    found = check_counts(signal(*resting(45, 1), *resting(45, 2)), offset_s=0.0, n_epoch=3)
    assert found.flat.tolist() == [True, False, True]


def test_grid_offset_and_segment_start_count() -> None:
    """The rest is placed by the segment's own start, the epochs by the grid's origin."""
    found = check_counts(signal(*resting(60), start_s=12.5), offset_s=12.5, n_epoch=3)
    assert found.flat.tolist() == [True, True, False]


def test_one_record_as_long_as_an_epoch_is_enough() -> None:
    """Files with 30-s records are judged as well."""
    found = check_counts(signal(*moving(1, 120), *resting(1, per_record=120)), offset_s=0.0, n_epoch=2)
    assert found.flat.tolist() == [False, True]


@pytest.mark.parametrize(("value", "n"), [(100, 0), (101, 1), (-101, 1)])
def test_records_outside_the_declared_range_are_counted(value: int, n: int) -> None:
    """The ends belong to the range."""
    assert check_counts(signal(*moving(3), *resting(1, value)), offset_s=0.0, n_epoch=1).n_record_outside == n


def test_runs_are_half_open() -> None:
    """Runs of True at both ends and in the middle."""
    assert runs(np.array([True, False, True, True, False, True])) == ((0, 1), (2, 4), (5, 6))

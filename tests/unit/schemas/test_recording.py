"""Recordings: keys, and digital samples turned physical."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from fractions import Fraction

import numpy as np
import pytest

from schemas.recording import RecordingKey, Segment, Signal, SubjectFields


def _signal(gain: float, *segments: Segment, rate_hz: Fraction = Fraction(4), offset: float = 0.0) -> Signal:
    return Signal("EEG", "uV", rate_hz, gain, offset, -1.0, 1.0, -2, 2, segments)


def _segment(start_s: float, *records: list[int]) -> Segment:
    return Segment(start_s, np.array(records, np.int16))


def test_key_reads_as_cohort_and_name() -> None:
    """Errors and logs call a recording by its key."""
    assert str(RecordingKey("study", "study1-200001", "200001", "study1")) == "study/study1-200001"


def test_physical_values_row_after_row() -> None:
    """Records follow each other in time."""
    signal = _signal(0.5, _segment(0, [-2, 0, 1, 2], [3, 4, 5, 6]), offset=10.0)
    assert signal.physical().tolist() == [9.0, 10.0, 10.5, 11.0, 11.5, 12.0, 12.5, 13.0]


def test_negative_gain_is_kept() -> None:
    """A legal inversion of the header is arithmetic, nothing more."""
    assert _signal(-0.5, _segment(0, [-2, 2])).physical().tolist() == [1.0, -1.0]


def test_extreme_counts_do_not_wrap() -> None:
    """The sum is taken in float64."""
    signal = _signal(2.0, _segment(0, [-32768, 32767]), offset=-1.0)
    assert signal.physical().tolist() == [-65537.0, 65533.0]
    assert signal.physical().dtype == np.float64


def test_segments_are_addressed() -> None:
    """Each gapless run has values of its own."""
    signal = _signal(1.0, _segment(0, [1, 2]), _segment(9.0, [3, 4]))
    assert signal.physical(1).tolist() == [3.0, 4.0]
    assert [s.n_sample for s in signal.segments] == [2, 2]


def test_end_counts_gaps_and_odd_rates() -> None:
    """A signal ends where its last segment ends, exactly."""
    signal = _signal(1.0, _segment(0, [1]), _segment(9.0, [3, 4, 5]), rate_hz=Fraction(3, 10))
    assert signal.end_s == 19.0


def test_strided_views_are_read_without_a_copy() -> None:
    """A segment may be a view of interleaved records."""
    interleaved = np.arange(12, dtype=np.int16).reshape(3, 4)
    segment = Segment(0.0, interleaved[:, 2:])
    assert np.shares_memory(segment.digital, interleaved)
    assert _signal(1.0, segment).physical().tolist() == [2.0, 3.0, 6.0, 7.0, 10.0, 11.0]


def test_unknown_is_never_zero() -> None:
    """A person of whom nothing is known has no age and no sex, not age 0."""
    nobody = SubjectFields()
    assert (nobody.age_years, nobody.sex, nobody.site, nobody.bmi) == (None, "unknown", None, None)


def test_nothing_changes_after_the_fact() -> None:
    """Records of this module are frozen."""
    with pytest.raises(FrozenInstanceError):
        SubjectFields().age_years = 3.0  # type: ignore[misc]

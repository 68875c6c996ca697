"""Joining of overlapping events, and what they go with."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.derive.linking import Breathless, join_overlapping, with_arousal, with_fall


def events(*rows: tuple[float, float, bool, bool]) -> Breathless:
    table = np.array(rows, float).reshape(-1, 4)
    return Breathless(table[:, 0], table[:, 1], table[:, 2] > 0, table[:, 3] > 0)


@pytest.mark.parametrize(
    ("one", "other", "central"),
    [
        ((True, True), (True, True), True),
        ((True, True), (False, False), True),
        ((True, True), (True, False), False),
        ((False, False), (False, False), False),
    ],
)
def test_a_joined_event_is_central_where_all_its_apneas_are(
    one: tuple[bool, bool], other: tuple[bool, bool], central: bool
) -> None:
    """A hypopnea adds nothing to a central apnea, an obstructive one does; the order does not matter."""
    for first, second in ((one, other), (other, one)):
        joined = join_overlapping(events((0, 20, *first), (5, 25, *second)))
        assert (joined.n_event, joined.end_s.tolist(), joined.is_central.tolist()) == (1, [25.0], [central])


def test_chains_are_joined_and_sorted() -> None:
    """Three that overlap one after the other are one; an event within another changes nothing."""
    joined = join_overlapping(events((18, 40, False, False), (0, 20, True, False), (38, 50, False, False)))
    assert (joined.onset_s.tolist(), joined.end_s.tolist(), joined.is_apnea.tolist()) == ([0], [50], [True])
    assert join_overlapping(events((0, 60, False, False), (10, 20, False, False))).end_s.tolist() == [60]
    assert join_overlapping(events()).n_event == 0


def test_a_fall_goes_with_the_event_before_it_not_with_the_next() -> None:
    """The second event was under way at the nadir, but the first had ended: the fall is the first one's."""
    two = events((0, 20, False, False), (32, 52, False, False))
    assert with_fall(two, np.array([25.0]), np.array([45.0])).tolist() == [[True], [False]]


def test_a_fall_through_two_events_goes_with_both() -> None:
    """Breathing stopped again before saturation recovered: one fall, two events."""
    two = events((0, 20, False, False), (25, 45, False, False))
    assert with_fall(two, np.array([15.0]), np.array([60.0])).tolist() == [[True], [True]]


def test_nothing_goes_with_nothing() -> None:
    """Empty tables have no links."""
    assert with_fall(events(), np.empty(0), np.empty(0)).shape == (0, 0)
    assert with_arousal(events((0, 20, False, False)), np.empty(0)).tolist() == [False]

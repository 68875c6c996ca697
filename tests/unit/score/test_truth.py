"""Breaths against the truth of a synthetic night: which of them are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.score.match import Score
from pipeline.score.truth import score_breaths

TRUE_S = np.arange(2.5, 120.0, 4.0)  # thirty breaths
WHOLE = np.zeros(480, np.float32)  # two minutes at 4 Hz


def truth(**changes: Any) -> dict[str, Any]:
    none = np.empty(0)
    night = {
        "breath_time_s": TRUE_S,
        "movement_onset_s": none,
        "movement_duration_s": none,
        "event_type": np.array([], np.str_),
        "event_onset_s": none,
        "event_duration_s": none,
    }
    return night | changes


def score(found_s: np.ndarray, *, is_flow: bool = False, resp: np.ndarray = WHOLE, **changes: Any) -> Score:
    return score_breaths(truth(**changes), found_s, resp, offset_s=0.0, is_flow=is_flow)[0]


def test_breaths_within_half_a_second() -> None:
    """One too late, one too many, one not there."""
    found_s = np.sort(np.r_[TRUE_S[:28], TRUE_S[28] + 0.6, 40.0])
    assert score(found_s) == Score(28, 2, 2)
    late = score_breaths(truth(), TRUE_S + 0.25, WHOLE, offset_s=0.0, is_flow=False)[1]
    assert late.tolist() == [0.25] * 30


def test_times_count_from_the_grid() -> None:
    """True breaths before the grid's origin and behind its end are not asked for."""
    moved = truth(breath_time_s=np.r_[1.0, TRUE_S + 12.5, 200.0])
    assert score_breaths(moved, TRUE_S, WHOLE, offset_s=12.5, is_flow=False)[0] == Score(30, 0, 0)


def test_movement_and_lost_sensors_count_nowhere() -> None:
    """Neither what is missed there nor what is found."""
    resp = WHOLE.copy()
    resp[4 * 60 : 4 * 70] = np.nan
    outside = (TRUE_S < 56) | (TRUE_S >= 74)
    extra_s = np.sort(np.r_[TRUE_S[outside], 64.0, 65.0])
    assert score(extra_s, resp=resp) == Score(int(outside.sum()), 0, 0)
    calm = (TRUE_S < 29) | (TRUE_S >= 38)
    moving = {"movement_onset_s": np.array([30.0]), "movement_duration_s": np.array([6.0])}
    assert score(np.sort(np.r_[TRUE_S[calm], 33.0]), **moving) == Score(int(calm.sum()), 0, 0)


@pytest.mark.parametrize(("kind", "n_asked"), [("obstructive_apnea", 25), ("central_apnea", 30)])
def test_efforts_against_a_closed_throat(kind: str, n_asked: int) -> None:
    """Flow cannot show them, belts must."""
    event = {
        "event_type": np.array([kind]),
        "event_onset_s": np.array([40.0]),
        "event_duration_s": np.array([20.0]),
    }
    assert score(TRUE_S, is_flow=True, **event) == Score(n_asked, 0, 0)
    assert score(TRUE_S, is_flow=False, **event) == Score(30, 0, 0)

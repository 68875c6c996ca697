"""Checks of breathing and of clocks: belts, flow, breaths, sensors that run apart."""

from __future__ import annotations

import numpy as np
import pytest

from tests.quality_views import channel, derived, measured, remarks, view

N = 120  # epochs: an hour
TIME_S = np.arange(N * 120) / 4


def breathing(seed: int = 1, late_s: np.ndarray | float = 0.0) -> np.ndarray:
    """Breaths whose rate wanders, seen later by some seconds."""
    wander = np.interp(TIME_S, TIME_S[::80], np.random.default_rng(seed).standard_normal(TIME_S[::80].size))
    phase = np.cumsum(0.25 * (1 + 0.1 * wander)) / 4
    return np.sin(2 * np.pi * np.interp(TIME_S - late_s, TIME_S, phase))


@pytest.mark.parametrize("sign", [1, -1])
def test_belts_are_compared_by_sign(sign: int) -> None:
    """The correlation is that of the wiring; a turned belt is remarked on."""
    night = view(channel("thor", breathing()), channel("abdo", 5 * sign * breathing()))
    assert measured(night, "belt_inverted")["belt_correlation", None] == pytest.approx(sign, abs=1e-4)
    assert len(remarks(night, "belt_inverted")) == (sign < 0)


def test_flow_of_the_same_breaths_agrees_at_any_lag() -> None:
    """A flow a second late is the same breathing; another person's is not."""
    belt = channel("thor", breathing())
    same = view(belt, channel("nasal_pressure", breathing(late_s=1.0)))
    other = view(belt, channel("nasal_pressure", breathing(seed=2)))
    assert measured(same, "flow_differs")["breathing_agreement", "nasal_pressure"] > 0.95
    assert remarks(same, "flow_differs") == []
    assert [remark.channel for remark in remarks(other, "flow_differs")] == ["nasal_pressure"]


@pytest.mark.parametrize("apart_s", [0.0, 8.0, -12.0])
def test_drift_of_a_clock_is_measured(apart_s: float) -> None:
    """Seconds at the end of the night, to within one; none where there is only a lag."""
    late = breathing(late_s=1.0 - apart_s * TIME_S / TIME_S[-1])
    night = view(channel("thor", breathing()), channel("airflow", late))
    (found,) = measured(night, "clock_drift").values()
    assert found == pytest.approx(-apart_s, abs=1.0)
    assert len(remarks(night, "clock_drift")) == (abs(apart_s) > 3)


def test_breaths_are_looked_for_where_there_is_respiration() -> None:
    """One trusted breath is enough for an epoch."""
    time_s = np.arange(N // 4) * 30.0 + 5
    tables = {"breath_time_s": time_s, "breath_valid": np.ones(time_s.size, np.int8)}
    resp = breathing()
    resp[N * 60 :] = np.nan
    night = view(of=[derived("resp", resp, "thor")], tables=tables)
    assert measured(night, "breath_coverage")["breath_coverage", None] == 0.5
    none = view(
        of=[derived("resp", resp, "thor")], tables={**tables, "breath_valid": np.zeros(time_s.size, np.int8)}
    )
    assert len(remarks(none, "breath_coverage")) == 1

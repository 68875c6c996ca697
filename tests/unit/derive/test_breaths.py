"""Breaths and their intervals: counts, onsets, apneas, obstructed efforts, artefacts, losses."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.derive.breaths import BBI_LIMITS_S, Breaths, find_breaths
from tests.breathing import RATE_HZ, Breathing, Floats, breathe, noise, respiration


def found(**values: Floats) -> Breaths:
    return find_breaths(respiration(**values))


def between(begin_s: float, end_s: float) -> slice:
    return slice(round(begin_s * RATE_HZ), round(end_s * RATE_HZ))


def unmatched(truth_s: Floats, found_s: Floats, tolerance_s: float = 0.5) -> tuple[int, int]:
    """Return how many have no partner on the other side."""
    apart = np.abs(truth_s[:, None] - found_s[None, :])
    return int((apart.min(axis=1) > tolerance_s).sum()), int((apart.min(axis=0) > tolerance_s).sum())


@pytest.mark.parametrize("per_minute", [6, 8, 12, 16, 24, 32, 40])
def test_every_breath_once(per_minute: int) -> None:
    """Six to forty breaths a minute, each where inspiration begins and not where expiration has ended."""
    sleeper = breathe(per_minute)
    breaths = found(thor=sleeper.volume)
    missed, added = unmatched(sleeper.onset_s, breaths.time_s)
    assert missed <= 1
    assert added <= 1
    assert abs(breaths.time_s.size - sleeper.onset_s.size) <= 1
    assert breaths.valid.all()
    assert not breaths.obstructed.any()


@pytest.mark.parametrize("channel", ["thor", "nasal_pressure"])
def test_intervals(channel: str) -> None:
    """At every instant the time between the breaths around it."""
    sleeper = breathe(14)
    breaths = found(**{channel: sleeper.volume if channel == "thor" else sleeper.flow})
    time_s = np.arange(breaths.bbi.size) / RATE_HZ
    inside = np.flatnonzero((time_s > sleeper.onset_s[1]) & (time_s < sleeper.onset_s[-2]))
    breath = np.searchsorted(sleeper.onset_s, time_s[inside]) - 1
    expected = np.diff(sleeper.onset_s)[breath]
    assert np.isfinite(breaths.bbi[inside]).all()
    assert np.median(np.abs(breaths.bbi[inside] - expected)) < 0.05
    assert np.isnan(breaths.bbi[time_s < breaths.time_s[0]]).all()
    assert np.isnan(breaths.bbi[time_s >= breaths.time_s[-1]]).all()


def test_constant_breathing_has_one_interval() -> None:
    """A train of equal breaths gives one number, up to a hundredth of a second and the ends."""
    sleeper = breathe(15, wander=0.0)
    bbi = found(thor=sleeper.volume).bbi[between(30, 1700)]
    np.testing.assert_allclose(bbi, 4.0, atol=0.02)


def test_origin_and_amplifier_do_not_matter() -> None:
    """The same night an epoch later and a thousand times larger has the same breaths an epoch later."""
    sleeper = breathe(15)
    first = found(thor=sleeper.volume)
    later = found(thor=1000 * np.concatenate([sleeper.volume[:120], sleeper.volume]))
    kept = later.time_s[later.time_s > 60] - 30
    np.testing.assert_allclose(kept, first.time_s[first.time_s > 30], atol=0.02)


def periodic(time_s: float) -> float:
    """Return the depth of Cheyne-Stokes breathing: waxing and waning, then half a minute of nothing."""
    return max(0.0, float(np.sin(2 * np.pi * time_s / 60)))


def test_central_apnea_has_no_breath_and_no_interval() -> None:
    """Respiration is there and small; between the last breath and the first nothing is counted."""
    sleeper = breathe(16, depth=lambda t: float(t % 120 < 100))
    resp = respiration(thor=sleeper.volume, abdo=sleeper.volume)
    breaths = find_breaths(resp)
    assert unmatched(sleeper.onset_s, breaths.time_s) == (0, 0)
    pauses = np.flatnonzero(np.diff(sleeper.onset_s) > 10)
    assert pauses.size >= 13
    for pause in pauses:
        inside = between(sleeper.onset_s[pause] + 0.5, sleeper.onset_s[pause + 1] - 0.5)
        assert np.isnan(breaths.bbi[inside]).all()
        assert np.isfinite(resp.value[inside]).all()


def test_periodic_breathing() -> None:
    """Breaths that wax and wane are found down to a quarter of the largest."""
    sleeper = breathe(16, depth=periodic)
    breaths = found(thor=sleeper.volume, abdo=sleeper.volume)
    clear = np.array([periodic(t) > 0.25 for t in sleeper.onset_s])
    assert unmatched(sleeper.onset_s[clear], breaths.time_s)[0] == 0
    assert unmatched(sleeper.onset_s, breaths.time_s)[1] == 0


@pytest.mark.parametrize("depth", [0.3, 0.5, 0.7])
def test_hypopneas_are_breaths(depth: float) -> None:
    """Shallow breaths count and have intervals."""
    sleeper = breathe(15, depth=lambda t: depth if t % 120 < 25 else 1.0, wander=0.05)
    breaths = found(thor=sleeper.volume)
    assert unmatched(sleeper.onset_s, breaths.time_s) == (0, 0)
    assert np.isfinite(breaths.bbi[between(30, 1700)]).all()


def obstructed(sleeper: Breathing, time_s: Floats, *, inward: str) -> dict[str, Floats]:
    """Return belts that work against each other for 20 s of two minutes; one of them is drawn inward."""
    against = np.where(time_s % 120 < 20, -0.7, 1.0) * sleeper.volume
    with_it = np.where(time_s % 120 < 20, 0.7, 1.0) * sleeper.volume
    return {"thor": against, "abdo": with_it} if inward == "thor" else {"thor": with_it, "abdo": against}


@pytest.mark.parametrize("inward", ["thor", "abdo"])
def test_obstructed_efforts_are_listed_and_are_no_breaths(inward: str) -> None:
    """Efforts against a closed throat are found whichever belt turns, told apart, and have no interval."""
    sleeper = breathe(16, wander=0.05)
    time_s = np.arange(sleeper.volume.size) / RATE_HZ
    breaths = found(**obstructed(sleeper, time_s, inward=inward))
    missed, added = unmatched(sleeper.onset_s, breaths.time_s)
    assert missed <= 15  # one an event: the breath in which the belts turn
    assert added <= 15
    deep = (breaths.time_s % 120 > 4) & (breaths.time_s % 120 < 16)
    assert breaths.obstructed[deep].mean() > 0.95
    assert not breaths.obstructed[breaths.time_s % 120 > 25].any()
    assert not breaths.valid[breaths.obstructed].any()
    assert np.isfinite(breaths.bbi[(time_s % 120 > 6) & (time_s % 120 < 14)]).mean() < 0.03


def test_a_belt_that_lags_is_no_obstruction() -> None:
    """An abdomen an eighth of a cycle behind the rib cage breathes."""
    sleeper = breathe(15, wander=0.2)
    breaths = found(thor=sleeper.volume, abdo=np.roll(sleeper.volume, 2))
    assert breaths.obstructed.mean() < 0.01
    assert unmatched(sleeper.onset_s, breaths.time_s)[0] <= 0.01 * sleeper.onset_s.size


def test_end_of_expiration_is_no_inspiration() -> None:
    """In flow, what rises to zero at the beginning of an apnea is no breath."""
    sleeper = breathe(16, depth=lambda t: float(t % 120 < 100))
    breaths = found(airflow=sleeper.flow)
    assert unmatched(sleeper.onset_s, breaths.time_s) == (0, 0)


def test_the_heart_is_no_breath() -> None:
    """Ripple of 3 % at the heart's rate is not counted, in apnea either."""
    sleeper = breathe(15, depth=lambda t: float(t % 120 < 95))
    ripple = 0.03 * np.sin(2 * np.pi * 1.1 * np.arange(sleeper.volume.size) / RATE_HZ)
    breaths = found(thor=sleeper.volume + ripple)
    assert unmatched(sleeper.onset_s, breaths.time_s) == (0, 0)


@pytest.mark.parametrize("size", [0.01, 0.03])
def test_noise(size: float) -> None:
    """Noise of some hundredths of a breath moves onsets, and adds and takes none."""
    sleeper = breathe(15)
    breaths = found(thor=sleeper.volume + noise(size, sleeper.volume))
    assert unmatched(sleeper.onset_s, breaths.time_s) == (0, 0)


def test_a_slipped_belt_loses_no_breath() -> None:
    """The level that breaths are measured by follows a lasting change."""
    sleeper = breathe(15)
    slipped = np.where(np.arange(sleeper.volume.size) < 900 * RATE_HZ, 1.0, 0.2) * sleeper.volume
    breaths = found(thor=slipped)
    missed, added = unmatched(sleeper.onset_s, breaths.time_s)
    assert added <= 1
    inside = (sleeper.onset_s > 890) & (sleeper.onset_s < 1050)  # until most of five minutes have the new size
    assert missed <= np.count_nonzero(inside)
    assert unmatched(sleeper.onset_s[~inside], breaths.time_s)[0] == 0


def test_sighs_are_breaths_and_movement_is_not_valid() -> None:
    """A breath three times as deep is valid, a swing of ten times is not, nor its intervals."""
    sleeper = breathe(15, depth=lambda t: 3.0 if t % 200 < 4 else 1.0)
    moved = sleeper.volume.copy()
    moved[between(900, 902)] += 12.0
    breaths = found(thor=moved)
    quiet = np.abs(breaths.time_s - 901) > 20
    assert breaths.valid[quiet].all()
    assert not breaths.valid[~quiet].all()
    assert np.isnan(breaths.bbi[between(900, 901)]).all()


def test_no_interval_across_a_lost_sensor() -> None:
    """Breaths on either side of a gap are not neighbours."""
    sleeper = breathe(15)
    gap = sleeper.volume.copy()
    gap[between(600, 603)] = np.nan
    breaths = found(thor=gap)
    assert np.isnan(breaths.bbi[between(600, 603)]).all()
    assert not ((breaths.time_s > 600) & (breaths.time_s < 603)).any()
    before, after = breaths.time_s[breaths.time_s < 600][-1], breaths.time_s[breaths.time_s > 603][0]
    assert np.isnan(breaths.bbi[between(before, after)][1:]).all()


@pytest.mark.parametrize("n_second", [30, 60])
def test_short_recordings(n_second: int) -> None:
    """An epoch of breathing has its breaths."""
    sleeper = breathe(15, minutes=n_second / 60)
    breaths = found(thor=sleeper.volume)
    assert abs(breaths.time_s.size - sleeper.onset_s.size) <= 1
    assert breaths.bbi.shape == (n_second * RATE_HZ,)


@pytest.mark.parametrize("seed", range(4))
def test_form(seed: int) -> None:
    """Times increase within the night, arrays agree, intervals are within their limits, whatever the signal."""
    sleeper = breathe(18, depth=lambda t: float(t % 90 < 60), seed=seed, wander=0.3)
    rough = sleeper.volume + noise(0.2, sleeper.volume, seed)
    rough[between(300 + 50 * seed, 310 + 50 * seed)] = np.nan
    breaths = found(thor=rough, abdo=-sleeper.volume)
    assert (np.diff(breaths.time_s) > 0).all()
    assert breaths.time_s[0] >= 0
    assert breaths.time_s[-1] <= rough.size / RATE_HZ
    assert breaths.time_s.shape == breaths.valid.shape == breaths.obstructed.shape
    known = breaths.bbi[np.isfinite(breaths.bbi)]
    assert known.size
    assert known.min() >= BBI_LIMITS_S[0]
    assert known.max() <= BBI_LIMITS_S[1]

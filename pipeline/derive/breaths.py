"""Breaths of a night: when each inspiration begins, and the interval from breath to breath.

A breath is an upward swing of respiration of at least 15 % of the swings around it: more than an apnea leaves (at
most 10 %, AASM), less than any hypopnea that is scored (30 to 70 %). It begins when inspiratory flow begins, so a
rest after expiration belongs to the breath before. Where the belts work against each other an obstructed effort is
found in their difference; it is listed, and is no breath. Definition, measurements, limits: docs/adr/0008-resp.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d, percentile_filter

from pipeline.derive.effort import RATE_HZ
from pipeline.derive.resp import Resp
from pipeline.epoch_runs import runs

__all__ = ["BBI_LIMITS_S", "Breaths", "find_breaths"]

Floats = NDArray[np.float32]
Times = NDArray[np.float64]
BBI_LIMITS_S = (1.0, 10.0)  # 60 breaths a minute; a pause of 10 s is an apnea (AASM)
_LEAST_SWING = 0.15  # of the swings around
_MOST_SWING = 5.0  # sighs have 2 to 4; more is movement
_BLOCK_S = 10.0  # holds one breath at least
_AROUND_S = 300.0  # both sides together: the level follows a new position, and outlasts an event
_TYPICAL = 75.0  # percentile of the blocks around: breathing between events, also where events are the half of it
_BREATHS_AROUND = 61  # about as long
_LEAST_LEVEL = 0.1  # of the night's typical swing
_ONSET_FLOW = (
    0.3,
    0.6,
)  # of a breath's largest inspiratory flow: above what the heart moves in a belt, before a plateau
_LONGEST_RISE_S = 6.0
_LEAST_EFFORT = np.float32(0.3)  # of the swings around, of the belts against each other
_MOST_AIR = np.float32(0.5)  # of the swings around, left of the belts together: lag of one belt leaves more
_OBSTRUCTED_S = 6.0  # window for comparing the belts' sum and difference: a breath and a half
_SAME_BREATH_S = 1.0


@dataclass(frozen=True)
class Breaths:
    """Breaths and obstructed efforts in order of time.

    Parameters
    ----------
    time_s : ndarray, shape (n_breath,), float64, seconds
        Start of inspiration from the grid's origin, strictly increasing. Where the polarity of respiration is
        unknown it may be the start of expiration, all night.
    valid : ndarray, shape (n_breath,), bool
        The swing is that of a breath, neither movement nor obstructed effort.
    obstructed : ndarray, shape (n_breath,), bool
        Rib cage and abdomen move against each other and hardly any air moves.
    bbi : ndarray, shape (n,), float32, seconds
        At every instant from one breath to the next, the time between them. NaN in apnea, next to a lost sensor,
        where either breath is not valid, and outside 1 to 10 s.
    """

    time_s: Times
    valid: NDArray[np.bool_]
    obstructed: NDArray[np.bool_]
    bbi: Floats


@dataclass(frozen=True)
class _Found:
    """Breaths in one wave: onset in samples, swing over the swings around."""

    onset: Times
    swing: Floats

    def take(self, keep: NDArray[np.bool_]) -> _Found:
        return _Found(self.onset[keep], self.swing[keep])


def find_breaths(resp: Resp) -> Breaths:
    """Find the breaths of a night.

    Parameters
    ----------
    resp : Resp
        From `pipeline.derive.resp.derive_resp`.

    Returns
    -------
    Breaths

    Source
    ------
    AASM Manual v3: apnea, a fall of flow by 90 % or more for 10 s or more; hypopnea, by 30 % or more.
    """
    level = _level(resp.value)
    found = _find(resp.value, level, is_flow=resp.is_flow)
    obstructed = np.zeros(found.onset.size, bool)
    if resp.paradox is not None:
        found, obstructed = _with_efforts(resp, found, level)
    first = np.append(True, np.diff(found.onset) > 0) if found.onset.size else np.zeros(0, bool)
    found, obstructed = found.take(first), obstructed[first]
    valid = (found.swing <= _MOST_SWING) & ~obstructed
    return Breaths(found.onset / RATE_HZ, valid, obstructed, _intervals(resp.value, found.onset, valid))


def _level(value: Floats) -> Floats:
    """Return the swing of the breaths around every sample; infinite where there is nothing to measure by."""
    n_block = int(_BLOCK_S * RATE_HZ)
    n = -(-value.size // n_block)
    padded = np.full(n * n_block, np.nan, np.float32)
    padded[: value.size] = value
    rows = padded.reshape(n, n_block)
    swing = np.where(np.isfinite(rows).all(axis=1), rows.max(axis=1) - rows.min(axis=1), np.nan)
    known = np.flatnonzero(np.isfinite(swing))
    if not known.size:
        return np.full(value.size, np.inf, np.float32)
    n_around = min(int(_AROUND_S / _BLOCK_S) | 1, known.size)
    around = np.percentile(sliding_window_view(swing[known], n_around), _TYPICAL, axis=1)
    around = np.maximum(around, _LEAST_LEVEL * np.median(around))
    centre = (known[: around.size] + known[n_around - 1 :]) / 2 * n_block + n_block / 2
    level = np.asarray(np.interp(np.arange(value.size), centre, around), np.float32)
    return np.where(level > 0, level, np.float32(np.inf))


def _find(value: Floats, level: Floats, *, is_flow: bool) -> _Found:
    """Return the upward swings of a wave, each stretch of samples by itself."""
    parts = [
        _find_in(value[first:stop], level[first:stop], first, is_flow=is_flow)
        for first, stop in runs(np.isfinite(value))
        if stop - first > 2 * RATE_HZ
    ]
    if not parts:
        return _Found(np.zeros(0), np.zeros(0, np.float32))
    return _Found(np.concatenate([p.onset for p in parts]), np.concatenate([p.swing for p in parts]))


def _find_in(value: Floats, level: Floats, offset: int, *, is_flow: bool) -> _Found:
    smooth = value.copy()
    smooth[1:-1] = (value[:-2] + 2 * value[1:-1] + value[2:]) / 4
    least = level * np.float32(_LEAST_SWING)
    low, high = _alternate(smooth, least)
    flow = smooth if is_flow else np.diff(smooth, append=smooth[-1:])
    largest = _largest_between(flow, low, high)
    inward = _flows_in(flow[largest])
    low, high, largest = low[inward], high[inward], largest[inward]
    onset = _onset(flow, low, largest) + (0.0 if is_flow else 0.5)
    swing = (smooth[high] - smooth[low]) / level[high]
    return _Found(onset + offset, swing.astype(np.float32))


def _flows_in(largest: Floats) -> NDArray[np.bool_]:
    """Return where inspiratory flow is that of a breath too: after the last breath a high-passed line creeps up."""
    around = percentile_filter(largest, _TYPICAL, _BREATHS_AROUND, mode="nearest") if largest.size else largest
    return np.asarray(largest >= np.float32(_LEAST_SWING) * around)


def _alternate(wave: Floats, least: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return troughs and the peaks that follow them, each at least ``least`` away from the one before.

    One pass over the turning points with hysteresis: a swing is believed when it is large enough, and its end is
    the farthest point before the wave has come back as far.
    """
    slope = np.sign(np.diff(wave))
    turn = np.flatnonzero(slope[1:] != slope[:-1]) + 1
    position = [0, *turn.tolist(), wave.size - 1]
    height, need = wave[position].tolist(), least[position].tolist()
    low: list[int] = []
    high: list[int] = []
    rising = False
    at, extreme = position[0], height[0]
    for index, value, enough in zip(position, height, need, strict=True):
        if rising:
            if value > extreme:
                at, extreme = index, value
            elif extreme - value >= enough:
                high.append(at)
                rising, at, extreme = False, index, value
        elif value < extreme:
            at, extreme = index, value
        elif value - extreme >= enough:
            low.append(at)
            rising, at, extreme = True, index, value
    if rising:
        high.append(at)
    return np.array(low, np.intp), np.array(high, np.intp)


def _onset(flow: Floats, low: NDArray[np.intp], largest: NDArray[np.intp]) -> Times:
    """Return where inspiratory flow begins, in samples: on a line through two levels, where it is the least."""
    early, later = (_crossing(flow, largest, low, fraction) for fraction in _ONSET_FLOW)
    share = (_ONSET_FLOW[0] - _LEAST_SWING) / (_ONSET_FLOW[1] - _ONSET_FLOW[0])
    return np.asarray(early - share * (later - early))


def _largest_between(flow: Floats, low: NDArray[np.intp], high: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the sample of largest flow on the way from every trough up to its peak."""
    if not low.size:
        return low
    stop = np.minimum(high + 1, flow.size - 1)
    n_step = stop - low
    largest = np.maximum.reduceat(flow, np.column_stack([low, stop]).reshape(-1))[::2]
    breath = np.repeat(np.arange(low.size), n_step)
    rising = np.arange(breath.size) - np.repeat(np.cumsum(n_step) - stop, n_step)
    best = flow[rising] >= largest[breath]
    at = low.copy()
    at[breath[best]] = rising[best]
    return at


def _crossing(flow: Floats, largest: NDArray[np.intp], low: NDArray[np.intp], fraction: float) -> Times:
    """Return the last upward crossing of a fraction of the largest flow before it, between samples."""
    goal = flow[largest] * np.float32(fraction)
    below = np.maximum(largest - 1, 0)
    for _ in range(int(_LONGEST_RISE_S * RATE_HZ)):
        back = (flow[below] > goal) & (below > low)
        if not back.any():
            break
        below = below - back
    above = np.minimum(below + 1, flow.size - 1)
    rise = np.maximum(flow[above] - flow[below], np.float32(1e-12))
    return np.asarray(below + np.clip((goal - flow[below]) / rise, 0.0, 1.0), np.float64)


def _with_efforts(resp: Resp, found: _Found, level: Floats) -> tuple[_Found, NDArray[np.bool_]]:
    """Put the efforts of obstruction, found in the belts' difference, in the place of what is left of their sum."""
    assert resp.paradox is not None
    against, together = _swing(resp.paradox), _swing(resp.value)
    opposed = (against > together) & (against > _LEAST_EFFORT * level) & (together < _MOST_AIR * level)
    if not opposed.any():
        return found, np.zeros(found.onset.size, bool)
    kept = found.take(~_at(opposed, found.onset))
    near = np.asarray(maximum_filter1d(opposed, 2 * int(_OBSTRUCTED_S * RATE_HZ) + 1))
    wave = np.where(near & np.isfinite(resp.paradox), resp.paradox, np.float32(0))
    candidates = [_find(turned, level, is_flow=False) for turned in (wave, -wave)]
    effort = min(
        (candidate.take(_at(opposed, candidate.onset)) for candidate in candidates),
        key=lambda candidate: _out_of_step(kept.onset, candidate.onset),
    )
    far = _distance(kept.onset, effort.onset) > _SAME_BREATH_S * RATE_HZ
    effort = effort.take(far)
    onset = np.concatenate([kept.onset, effort.onset])
    order = np.argsort(onset, kind="stable")
    obstructed = np.concatenate([np.zeros(kept.onset.size, bool), np.ones(effort.onset.size, bool)])
    return _Found(onset[order], np.concatenate([kept.swing, effort.swing])[order]), obstructed[order]


def _swing(value: Floats) -> Floats:
    """Return highest less lowest value around every sample; 0 where anything is missing."""
    known = np.nan_to_num(value, nan=0.0)
    width = int(_OBSTRUCTED_S * RATE_HZ) | 1
    return np.asarray(maximum_filter1d(known, width) - minimum_filter1d(known, width))


def _at(mask: NDArray[np.bool_], onset: Times) -> NDArray[np.bool_]:
    return np.asarray(mask[np.clip(np.rint(onset), 0, mask.size - 1).astype(np.intp)])


def _distance(sorted_onset: Times, onset: Times) -> Times:
    """Return the distance of each onset to the nearest one of a sorted array."""
    edged = np.concatenate([[-np.inf], sorted_onset, [np.inf]])
    after = np.searchsorted(edged, onset)
    return np.asarray(np.minimum(edged[after] - onset, onset - edged[after - 1]))


def _out_of_step(breath: Times, effort: Times) -> float:
    """Return how far efforts are from where the rhythm of the breaths before them would have them, in cycles.

    The drive to breathe goes on through an obstruction. Which of the two belts keeps its direction differs between
    people; the one that does continues the rhythm.
    """
    if effort.size == 0 or breath.size < 2:
        return 1.0
    before = np.searchsorted(breath, effort)
    usable = before >= 2
    before = before[usable]
    cycle = breath[before - 1] - breath[before - 2]
    since = (effort[usable] - breath[before - 1]) / cycle
    next_ones = since < 1.5  # farther on, the rhythm is no longer known
    if not next_ones.any():
        return 1.0
    return float(np.median(np.abs(since[next_ones] - 1)))


def _intervals(value: Floats, onset: Times, valid: NDArray[np.bool_]) -> Floats:
    """Return the breath-to-breath interval, carried by the instants within it."""
    bbi = np.full(value.size, np.nan, np.float32)
    if onset.size < 2:
        return bbi
    interval = np.diff(onset) / RATE_HZ
    good = valid[:-1] & valid[1:] & (interval >= BBI_LIMITS_S[0]) & (interval <= BBI_LIMITS_S[1])
    sample = np.arange(value.size)
    current = np.searchsorted(onset, sample, side="right") - 1
    inside = (current >= 0) & (current < interval.size)
    n_missing = np.concatenate([[0], np.cumsum(~np.isfinite(value))])
    edge = np.clip(np.ceil(onset), 0, value.size).astype(np.intp)
    good &= n_missing[edge[1:]] == n_missing[edge[:-1]]
    bbi[inside] = np.where(good, interval, np.nan)[current[inside]]
    return bbi

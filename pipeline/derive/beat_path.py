"""The most credible sequence of beats among candidates, by dynamic programming.

A sequence is worth the sum of its candidates' weights, less a penalty for each of its intervals. The penalty grows
with the logarithm of how much the interval differs from the local one and is bounded, so that a premature beat, a
pause or atrial fibrillation costs a little and strong evidence always wins, while doubtful maxima are taken where a
beat is due and left where none is. Within 200 ms of a beat there is no other; up to 360 ms, where T waves are, a
second one needs more evidence.

The night is cut into overlapping stretches, and all of them advance together, one candidate at a time.

Source: refractory period and the 360-ms rule for T waves: Pan & Tompkins 1985 (doi:10.1109/TBME.1985.325532).
"""

from __future__ import annotations

import math

import numpy as np
import scipy.ndimage
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.derive.beat_candidates import Candidates

__all__ = ["REFRACTORY_S", "best_path"]

REFRACTORY_S = 0.2
_T_WAVE_S = 0.36
_T_WAVE_PENALTY = 20.0  # a second: 1.2 at 300 ms, 3.2 at 200 ms
_USUAL_S = 0.8  # interval before anything is known
_PENALTY = 0.3  # of the logarithm below
_SPREAD = 0.15  # intervals of one person within seconds differ by that much, as a fraction
_BOUND = 3.0  # of the logarithm: reached at a factor of 1.9
_NEIGHBOURS = 15  # intervals whose median is the local one
_ROUNDS = 2  # with the local interval known
_STRETCH_S = 40.0
_OVERLAP_S = 10.0
_BACK = 10  # candidates a beat looks back for its predecessor; farther ones cost the bound
_NEVER = -1e9


def best_path(candidates: Candidates) -> NDArray[np.intp]:
    """Return the indices of the candidates that are beats, increasing.

    Parameters
    ----------
    candidates : Candidates
        In order of time.
    """
    time_s = candidates.time_s
    if not time_s.size:
        return np.zeros(0, np.intp)
    stretches = _Stretches(time_s)
    local_s = np.full(time_s.size, _USUAL_S)
    chosen = stretches.solve(candidates.weight, _penalties(time_s, local_s))
    for _ in range(_ROUNDS):
        if chosen.size > 1:
            intervals = scipy.ndimage.median_filter(np.diff(time_s[chosen]), _NEIGHBOURS, mode="nearest")
            local_s = np.interp(time_s, time_s[chosen[1:]], intervals)
        chosen = stretches.solve(candidates.weight, _penalties(time_s, local_s))
    return chosen


def _penalties(time_s: NDArray[np.float64], local_s: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return what it costs to follow each of the last candidates; shape (n_candidate, _BACK), nearest first."""
    padded = np.concatenate([np.full(_BACK, -np.inf), time_s])
    interval_s = time_s[:, None] - sliding_window_view(padded, _BACK)[:-1, ::-1]
    odd = np.log(np.maximum(interval_s, REFRACTORY_S) / local_s[:, None]) / _SPREAD
    cost = _PENALTY * np.minimum(np.log1p(odd * odd), _BOUND)
    cost += _T_WAVE_PENALTY * np.maximum(_T_WAVE_S - interval_s, 0.0)
    cost[(interval_s < REFRACTORY_S) | np.isinf(interval_s)] = -_NEVER
    return np.asarray(cost, np.float32)


class _Stretches:
    """Overlapping stretches of candidates that are solved side by side."""

    def __init__(self, time_s: NDArray[np.float64]) -> None:
        n = math.ceil((time_s[-1] - time_s[0]) / _STRETCH_S) or 1
        edge_s = time_s[0] + _STRETCH_S * np.arange(n + 1)
        edge_s[-1] = np.inf
        begin = np.searchsorted(time_s, edge_s[:-1] - _OVERLAP_S)
        stop = np.searchsorted(time_s, edge_s[1:] + _OVERLAP_S)
        row = begin + np.arange((stop - begin).max())[:, None]
        self.inside = row < stop  # (n_step, n_stretch)
        self.row = np.minimum(row, time_s.size - 1)
        at_s = time_s[self.row]
        self.own = self.inside & (at_s >= edge_s[:-1]) & (at_s < edge_s[1:])

    def solve(self, weight: NDArray[np.float32], penalty: NDArray[np.float32]) -> NDArray[np.intp]:
        """Return the indices of the chosen candidates."""
        n_step, n_stretch = self.row.shape
        gain = np.where(self.inside, weight[self.row], _NEVER)
        cost = penalty[self.row][:, :, ::-1].transpose(0, 2, 1)  # (n_step, _BACK, n_stretch), farthest first
        total = np.full((n_step + _BACK, n_stretch), 2 * _NEVER)
        previous = np.empty((n_step, n_stretch), np.intp)
        far, far_at = np.zeros(n_stretch), np.full(n_stretch, -1)
        column = np.arange(n_stretch)
        for j in range(n_step):
            near = total[j : j + _BACK] - cost[j]
            which = near.argmax(axis=0)
            best = near[which, column]
            fresh = far - _PENALTY * _BOUND
            previous[j] = np.where(fresh >= best, far_at, which + (j - _BACK))
            total[j + _BACK] = np.maximum(fresh, best) + gain[j]
            if j >= _BACK:
                leaving = total[j]
                far_at = np.where(leaving > far, j - _BACK, far_at)
                far = np.maximum(far, leaving)
        return self._trace(total[_BACK:].argmax(axis=0), previous)

    def _trace(self, last: NDArray[np.intp], previous: NDArray[np.intp]) -> NDArray[np.intp]:
        taken = np.zeros(self.row.shape, bool)
        column = np.arange(last.size)
        while column.size:
            taken[last, column] = True
            last = previous[last, column]
            going = last >= 0
            last, column = last[going], column[going]
        return np.asarray(np.sort(self.row[taken & self.own]))

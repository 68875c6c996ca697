"""How well found events agree with true ones: matched one to one within a tolerance, and counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Score", "match", "matched"]


@dataclass(frozen=True)
class Score:
    """Counts of events; two scores add up.

    Parameters
    ----------
    found : int
        True events with a partner.
    false : int
        Found events that are none.
    missed : int
        True events that were not found.
    """

    found: int = 0
    false: int = 0
    missed: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(self.found + other.found, self.false + other.false, self.missed + other.missed)

    @property
    def sensitivity(self) -> float:
        """Share of the true events that were found; NaN where there are none."""
        return _share(self.found, self.found + self.missed)

    @property
    def ppv(self) -> float:
        """Share of the found events that are true (positive predictive value); NaN where none was found."""
        return _share(self.found, self.found + self.false)

    @property
    def f1(self) -> float:
        """Harmonic mean of the two; NaN where there is neither a true nor a found event."""
        return _share(2 * self.found, 2 * self.found + self.false + self.missed)


def match(truth_s: NDArray[Any], found_s: NDArray[Any], tolerance_s: float) -> Score:
    """Count what `matched` finds."""
    of_truth, _ = matched(truth_s, found_s, tolerance_s)
    n = int(of_truth.sum())
    return Score(n, found_s.size - n, truth_s.size - n)


def matched(
    truth_s: NDArray[Any], found_s: NDArray[Any], tolerance_s: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Match as many events as possible, one to one and in order of time.

    Parameters
    ----------
    truth_s, found_s : ndarray, shapes (n_truth,) and (n_found,), float64, seconds
        Times on one clock, not decreasing.
    tolerance_s : float
        How far apart partners may be; the limit itself counts.

    Returns
    -------
    of_truth, of_found : ndarray of bool, shapes (n_truth,) and (n_found,)
        Which have a partner; the k-th of one is the partner of the k-th of the other.

    Notes
    -----
    Whichever comes too early for the other is given up: with one tolerance for all no other choice matches more.
    """
    of_truth, of_found = np.zeros(truth_s.size, bool), np.zeros(found_s.size, bool)
    truth, found = truth_s.tolist(), found_s.tolist()
    i = j = 0
    while i < len(truth) and j < len(found):
        away_s = found[j] - truth[i]
        if abs(away_s) <= tolerance_s:
            of_truth[i] = of_found[j] = True
        i, j = i + (away_s >= -tolerance_s), j + (away_s <= tolerance_s)
    return of_truth, of_found


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")

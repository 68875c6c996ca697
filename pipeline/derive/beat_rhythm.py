"""What interval a beat is expected after, which intervals are odd, and where the whole rhythm is irregular."""

from __future__ import annotations

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

__all__ = ["expected", "irregular", "is_odd", "usual"]

Mask = NDArray[np.bool_]
Intervals = NDArray[np.float64]
_AROUND = 11  # intervals, ten seconds: the heart's rate changes little within
_ODD = (0.8, 1.25)  # of the usual interval; breathing does less
_RHYTHM_AROUND = 61  # intervals, about a minute
_LAGS = (1, 2, 3, 4)  # bigeminy repeats after two intervals, trigeminy after three
_IRREGULAR = 0.08  # of the interval: sinus rhythm with much breathing in it has 0.05, atrial fibrillation 0.15


def usual(x: NDArray[np.floating], n: int = _AROUND) -> NDArray[np.floating]:
    """Return the running median over ``n`` values."""
    return np.asarray(scipy.ndimage.median_filter(x, min(n, x.size | 1), mode="reflect"))


def expected(interval_s: Intervals) -> Intervals:
    """Return the mean of the intervals around each: the sinus node's own, also where every second beat is early.

    Pauses and gaps count as no more than twice the median of all.
    """
    kernel = np.ones(min(_AROUND, interval_s.size))
    total = np.convolve(np.minimum(interval_s, 2 * np.median(interval_s)), kernel, "same")
    return np.asarray(total / np.convolve(np.ones(interval_s.size), kernel, "same"))


def is_odd(interval_s: Intervals, clean: Mask) -> Mask:
    """Return which intervals differ from the clean ones around.

    Parameters
    ----------
    interval_s : ndarray, shape (n,), float64, seconds
    clean : ndarray, shape (n,), bool
        At least one.
    """
    known = np.flatnonzero(clean)
    usual_s = np.interp(np.arange(interval_s.size), known, usual(interval_s[known]))
    return np.asarray((interval_s < _ODD[0] * usual_s) | (interval_s > _ODD[1] * usual_s))


def irregular(interval_s: Intervals, counted: Mask) -> Mask:
    """Return which intervals lie in an irregular rhythm: for a minute none is like the ones before.

    Parameters
    ----------
    interval_s : ndarray, shape (n,), float64, seconds
    counted : ndarray, shape (n,), bool
        Those that tell, such as between beats of one shape; the others are as the ones around.

    Notes
    -----
    The usual change from one interval to the next, to the one after that, and so on; the least of them. It is small
    in any rhythm that repeats, and medians do not feel a few early beats.
    """
    known = np.flatnonzero(counted)
    if known.size < _RHYTHM_AROUND:
        return np.zeros(interval_s.size, np.bool_)
    log = np.log(interval_s[known])
    change = np.min([usual(np.abs(log - np.roll(log, lag)), _RHYTHM_AROUND) for lag in _LAGS], axis=0)
    return np.asarray(np.interp(np.arange(interval_s.size), known, change) > _IRREGULAR)

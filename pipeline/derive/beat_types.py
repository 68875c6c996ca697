"""Which beats are ectopic, and where the rhythm is irregular.

A beat is ectopic where it comes early and a longer interval follows, or where its complex is unlike those around
and its timing is unlike too, or where the complex is like no other. In an irregular rhythm, as in atrial
fibrillation, no beat is early: there the complex alone tells. One lead cannot tell more; a fusion beat or an
aberrantly conducted one may be on either side.
"""

from __future__ import annotations

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from pipeline.derive.rpeaks import Beats
from schemas.vocabulary import BeatType

__all__ = ["irregular", "type_beats"]

Mask = NDArray[np.bool_]
Intervals = NDArray[np.float64]
_AROUND = 11  # intervals whose mean is what a beat is expected after; bigeminy has its own mean
_EARLY = 0.85  # of the expected interval
_RETURNS = 1.1  # times the early interval: what follows is longer, not a faster heart
_SLIGHTLY = (0.93, 1.07)  # of the expected interval: timing of a beat whose complex is unlike
_UNLIKE = 0.08  # 1 - correlation; noise of a clean ECG gives 0.03
_UNLIKE_FACTOR = 4.0  # times the usual
_VERY_UNLIKE = 0.35
_USUAL_AROUND = 301  # beats
_RHYTHM_AROUND = 61  # intervals, about a minute
_LAGS = (1, 2, 3, 4)  # bigeminy repeats after two intervals, trigeminy after three
_IRREGULAR = 0.08  # of the interval: sinus rhythm with breathing is at 0.05, atrial fibrillation at 0.15


def irregular(interval_s: Intervals) -> Mask:
    """Return which intervals lie in an irregular rhythm: for a minute no interval is like the ones before.

    Parameters
    ----------
    interval_s : ndarray, shape (n,), float64, seconds

    Notes
    -----
    The usual change from one interval to the next, to the one after that, and so on; the least of them. It is small
    in any rhythm that repeats, and medians do not feel a few ectopic beats.
    """
    if interval_s.size < _RHYTHM_AROUND:
        return np.zeros(interval_s.size, np.bool_)
    log = np.log(interval_s)
    change = [
        scipy.ndimage.median_filter(np.abs(log - np.roll(log, lag)), _RHYTHM_AROUND, mode="nearest")
        for lag in _LAGS
    ]
    return np.asarray(np.min(change, axis=0) > _IRREGULAR)


def type_beats(beats: Beats, trusted: Mask, is_irregular: Mask) -> NDArray[np.int8]:
    """Return the type of every beat.

    Parameters
    ----------
    trusted : ndarray, shape (n_beat,), bool
        Beats that are there; the others are uncertain.
    is_irregular : ndarray, shape (n_beat - 1,), bool
        Intervals in an irregular rhythm.

    Returns
    -------
    ndarray, shape (n_beat,), int8
        Codes of `schemas.vocabulary.BeatType`.
    """
    kind = np.where(trusted, BeatType.NORMAL, BeatType.UNCERTAIN).astype(np.int8)
    if trusted.size < 3:
        return kind
    interval_s = np.diff(beats.time_s)
    expected_s = _expected(interval_s)
    before, after = np.append(expected_s[0], interval_s), np.append(interval_s, expected_s[-1])
    expected = np.append(expected_s[0], expected_s)
    early = (before < _EARLY * expected) & (after > _RETURNS * before)
    early &= before < _EARLY * np.append(expected_s[0], before[:-1])
    early &= ~np.append(False, is_irregular)
    unlike = 1 - beats.likeness
    usual = scipy.ndimage.median_filter(unlike, min(_USUAL_AROUND, unlike.size | 1), mode="nearest")
    is_unlike = unlike > np.maximum(_UNLIKE, _UNLIKE_FACTOR * usual)
    off_time = (before < _SLIGHTLY[0] * expected) | (after > _SLIGHTLY[1] * expected)
    very = unlike > np.maximum(_VERY_UNLIKE, _UNLIKE_FACTOR * usual)
    kind[trusted & (early | (is_unlike & off_time) | very)] = BeatType.ECTOPIC
    return kind


def _expected(interval_s: Intervals) -> Intervals:
    """Return the mean interval around each; pauses and gaps count no more than twice the median."""
    median = float(np.median(interval_s))
    weight = np.ones(min(_AROUND, interval_s.size))
    total = np.convolve(np.minimum(interval_s, 2 * median), weight, "same")
    return np.asarray(total / np.convolve(np.ones(interval_s.size), weight, "same"))

"""Which beats, and which intervals between them, are to be trusted.

An interval is *clean* where both beats stand out of the noise and little more lies between them than is usual for
the person. It is *odd* where it differs from those around. A clean interval is trusted unless it is odd and
something speaks against it: a neighbour that is not clean (one of its beats may be none), a doubtful wave within (a
beat passed over), or a dead lead (a beat lost). Oddness alone costs nothing, so ectopic beats, pauses and atrial
fibrillation keep their intervals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from pipeline.derive.rpeaks import CLEAR, Beats

__all__ = ["IBI_LIMITS_S", "Trust", "is_odd", "judge_intervals", "usual"]

Mask = NDArray[np.bool_]
IBI_LIMITS_S = (0.25, 3.0)  # 240 and 20 beats a minute
_AROUND = 11  # intervals whose median is the local one
_USUAL_AROUND = 301  # intervals whose median is what is usual between beats: five minutes, longer than motion
_DISTURBED = 2.5  # times the usual: a wave or noise that is not this person's
_DOUBTFUL = 1.6
_DEAD = 0.3  # of the quietest that is usual
_LEAST_PEAK, _LEAST_MEAN = 0.1, 0.03  # of a beat: less is never suspicious
_ODD = (0.8, 1.25)  # of the local interval; sinus arrhythmia within breaths is less
_MOST_PEAK = 1.0
_MOST_MEAN = 0.35


@dataclass(frozen=True)
class Trust:
    """Judgement of beats and intervals.

    Parameters
    ----------
    beat : ndarray, shape (n_beat,), bool
    interval : ndarray, shape (n_beat - 1,), bool
    interval_s : ndarray, shape (n_beat - 1,), float64, seconds
    """

    beat: Mask
    interval: Mask
    interval_s: NDArray[np.float64]


def judge_intervals(beats: Beats) -> Trust:
    """Judge the beats of a night and the intervals between them."""
    stands_out = np.asarray(beats.height > CLEAR * beats.noise)
    interval_s = np.diff(beats.time_s)
    if not interval_s.size:
        nothing = np.zeros(0, np.bool_)
        return Trust(np.zeros_like(stands_out), nothing, interval_s)
    peak, mean, quiet = (x[:-1] for x in (beats.between.peak, beats.between.mean, beats.between.quiet))
    excess = np.maximum(
        peak / np.maximum(usual(peak, _USUAL_AROUND), _LEAST_PEAK),
        mean / np.maximum(usual(mean, _USUAL_AROUND), _LEAST_MEAN),
    )
    clean = stands_out[:-1] & stands_out[1:] & (excess < _DISTURBED) & (peak < _MOST_PEAK) & (mean < _MOST_MEAN)
    clean &= (interval_s >= IBI_LIMITS_S[0]) & (interval_s <= IBI_LIMITS_S[1])
    if not clean.any():
        return Trust(np.zeros_like(stands_out), clean, interval_s)
    dead = quiet < _DEAD * np.quantile(quiet[clean], 0.05)
    odd = is_odd(interval_s, clean)
    alone = ~np.append(True, clean[:-1]) | ~np.append(clean[1:], True)
    trusted = clean & ~(odd & (alone | dead | (excess > _DOUBTFUL)))
    beat = np.append(trusted, False) | np.append(False, trusted)
    return Trust(beat, trusted, interval_s)


def is_odd(interval_s: NDArray[np.float64], clean: Mask | None = None) -> Mask:
    """Return which intervals differ from those around, of which only clean ones count."""
    if not interval_s.size:
        return np.zeros(0, np.bool_)
    known = np.arange(interval_s.size) if clean is None else np.flatnonzero(clean)
    local_s = np.interp(np.arange(interval_s.size), known, usual(interval_s[known], _AROUND))
    return np.asarray((interval_s < _ODD[0] * local_s) | (interval_s > _ODD[1] * local_s))


def usual(x: NDArray[np.floating], n: int) -> NDArray[np.floating]:
    """Return the running median over ``n`` values."""
    return np.asarray(scipy.ndimage.median_filter(x, min(n, x.size | 1), mode="nearest"))

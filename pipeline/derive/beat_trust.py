"""Which beats, and which intervals between them, are to be trusted.

An interval is *clean* where both beats stand out of the noise and little more lies between them than is usual for
the person. A clean interval is trusted unless

- it is odd, and a neighbour is not clean (one of its beats may be none), a doubtful wave lies within (a beat passed
  over), or the lead was dead within (a beat lost); or
- the complex of one of its beats is unlike those around, and it does not come as an ectopic beat does.

Oddness alone costs nothing, so ectopic beats, pauses and atrial fibrillation keep their intervals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.derive.beat_evidence import Between
from pipeline.derive.beat_rhythm import expected, irregular, is_odd, usual
from pipeline.derive.rpeaks import CLEAR, Beats

__all__ = ["IBI_LIMITS_S", "Trust", "judge_intervals"]

Mask = NDArray[np.bool_]
Intervals = NDArray[np.float64]
IBI_LIMITS_S = (0.25, 3.0)  # 240 and 20 beats a minute
_USUAL_AROUND = 301  # intervals whose median is what usually lies between beats: five minutes, longer than motion
_LEAST_PEAK, _LEAST_MEAN = 0.1, 0.03  # of a beat: T waves and amplifiers; less is never suspicious
_DISTURBED = 2.5  # times the usual: no wave of this person
_DOUBTFUL = 1.6  # times the usual
_MOST_PEAK, _MOST_MEAN = 1.0, 0.35  # of a beat, whatever is usual: something as strong as a beat was passed over
_DEAD = 0.3  # of what the quietest tenth of a second of nearly every interval has
_SAME = 0.92  # correlation with the beats around: 95 of 100 normal beats have it, three ventricular ones of 100
_LIKE = 0.8  # correlation with the beats around; below, the fiducial may be elsewhere in the complex
_EARLY = 0.9  # of the expected interval
_TWO_OF_ECTOPIC = 1.33  # expected intervals: an early beat, and with it what follows


@dataclass(frozen=True)
class Trust:
    """Judgement of beats and intervals.

    Parameters
    ----------
    beat : ndarray, shape (n_beat,), bool
        An interval on one of its sides is trusted.
    interval : ndarray, shape (n_beat - 1,), bool
    irregular : ndarray, shape (n_beat - 1,), bool
        The interval lies in an irregular rhythm.
    interval_s : ndarray, shape (n_beat - 1,), float64, seconds
    """

    beat: Mask
    interval: Mask
    irregular: Mask
    interval_s: Intervals


def judge_intervals(beats: Beats) -> Trust:
    """Judge the beats of a night and the intervals between them."""
    interval_s = np.diff(beats.time_s)
    within = (interval_s >= IBI_LIMITS_S[0]) & (interval_s <= IBI_LIMITS_S[1])
    stands_out = np.asarray(beats.height > CLEAR * beats.noise)
    clean, doubtful = _look(beats.between)
    clean &= within & stands_out[:-1] & stands_out[1:]
    if not clean.any():
        return Trust(np.zeros_like(stands_out), clean, np.zeros_like(clean), interval_s)
    quiet = beats.between.quiet[:-1]
    dead = quiet < _DEAD * np.quantile(quiet[clean], 0.05)
    alone = ~np.append(True, clean[:-1]) | ~np.append(clean[1:], True)
    is_same = beats.likeness >= _SAME
    is_irregular = irregular(interval_s, clean & is_same[:-1] & is_same[1:])
    strange = (beats.likeness < _LIKE) & ~_as_ectopic(interval_s, clean & ~is_irregular)
    trusted = clean & ~(is_odd(interval_s, clean) & (alone | dead | doubtful)) & ~strange[:-1] & ~strange[1:]
    return Trust(np.append(trusted, False) | np.append(False, trusted), trusted, is_irregular, interval_s)


def _look(between: Between) -> tuple[Mask, Mask]:
    """Return between which beats there is little, and between which more than usual; shape (n_beat - 1,) each."""
    peak, mean = between.peak[:-1], between.mean[:-1]
    if not peak.size:
        return np.zeros(0, np.bool_), np.zeros(0, np.bool_)
    excess = np.maximum(
        peak / np.maximum(usual(peak, _USUAL_AROUND), _LEAST_PEAK),
        mean / np.maximum(usual(mean, _USUAL_AROUND), _LEAST_MEAN),
    )
    return (excess < _DISTURBED) & (peak < _MOST_PEAK) & (mean < _MOST_MEAN), excess > _DOUBTFUL


def _as_ectopic(interval_s: Intervals, regular: Mask) -> Mask:
    """Return which beats come as ectopic ones do: early, with a longer interval after; shape (n_beat,).

    A wave of noise falls anywhere. In an irregular rhythm timing tells nothing.
    """
    ratio = interval_s / expected(interval_s)
    before, after = np.append(np.nan, ratio), np.append(ratio, np.nan)
    early = (before < _EARLY) & (after > before) & (before + after > _TWO_OF_ECTOPIC)
    return np.asarray(early & np.append(False, regular) & np.append(regular, False))

"""Inter-beat intervals on the 4-Hz grid, and which of them are between two normal beats.

``ibi(t) = b[i + 1] - b[i]`` for ``b[i] <= t < b[i + 1]``: an instant carries the interval it lies in. NaN where
either beat is not to be trusted, or the interval is outside 0.25 to 3 s. Ectopic beats and irregular rhythms keep
their intervals; `Ibi.nn_valid` tells them apart. Nothing is corrected. Decision: docs/adr/0009-ibi.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.derive.beat_rhythm import is_odd
from pipeline.derive.beat_trust import IBI_LIMITS_S, judge_intervals
from pipeline.derive.beat_types import type_beats
from pipeline.derive.rpeaks import Beats
from schemas.findings import Finding
from schemas.vocabulary import BeatType

__all__ = ["IBI_LIMITS_S", "RATE_HZ", "Ibi", "derive_ibi"]

Times = NDArray[np.float64]
Mask = NDArray[np.bool_]
RATE_HZ = 4  # of the slow channels


@dataclass(frozen=True)
class Ibi:
    """Inter-beat intervals of a night and what is known of each beat.

    Parameters
    ----------
    value : ndarray, shape (n_sample,), float32, seconds
        At 4 Hz from the grid's origin; NaN where missing.
    nn_valid : ndarray, shape (n_sample,), bool
        The interval is between two normal beats of a regular rhythm.
    beat_type : ndarray, shape (n_beat,), int8
        Codes of `schemas.vocabulary.BeatType`.
    beat_valid : ndarray, shape (n_beat,), bool
        The beat is there, and its instant is known.
    findings : tuple of Finding
    """

    value: NDArray[np.float32]
    nn_valid: Mask
    beat_type: NDArray[np.int8]
    beat_valid: Mask
    findings: tuple[Finding, ...]


def derive_ibi(beats: Beats, *, n_sample: int, pulse_s: Times | None = None) -> Ibi:
    """Derive inter-beat intervals from the beats of a night.

    Parameters
    ----------
    beats : Beats
        ``time_s`` in seconds from the grid's origin; may lie before it or beyond the end.
    n_sample : int
        Length of the grid, at 4 Hz.
    pulse_s : ndarray, shape (n_pulse,), float64, seconds, optional
        Arrival of pulses at the finger, from the grid's origin: a second opinion on doubtful beats.

    Source
    ------
    Task Force 1996 (doi:10.1161/01.CIR.93.5.1043), NN intervals.
    """
    trust = judge_intervals(beats)
    kind = type_beats(beats, trust.beat, trust.irregular)
    normal = kind == BeatType.NORMAL
    between_normal = trust.interval & ~trust.irregular & normal[:-1] & normal[1:]
    if between_normal.any():
        between_normal &= ~is_odd(trust.interval_s, between_normal)
    held = np.searchsorted(beats.time_s, np.arange(n_sample) / RATE_HZ, side="right") - 1
    inside = (held >= 0) & (held < trust.interval_s.size)
    value = np.full(n_sample, np.nan, np.float32)
    nn_valid = np.zeros(n_sample, np.bool_)
    held = held[inside]
    value[inside] = np.where(trust.interval[held], trust.interval_s[held], np.nan)
    nn_valid[inside] = between_normal[held]
    return Ibi(value, nn_valid, kind, trust.beat, ())

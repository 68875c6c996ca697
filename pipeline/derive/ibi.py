"""Inter-beat intervals on the 4-Hz grid, and which of them are between two normal beats.

``ibi(t) = b[i + 1] - b[i]`` for ``b[i] <= t < b[i + 1]``: an instant carries the interval it lies in. NaN where
either beat is not to be trusted, or the interval is outside 0.25 to 3 s. Ectopic beats and irregular rhythms keep
their intervals; `Ibi.nn_valid` tells them apart. Nothing is corrected. Decision: docs/adr/0009-ibi.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.derive.beat_rhythm import is_odd
from pipeline.derive.beat_trust import IBI_LIMITS_S, judge_intervals
from pipeline.derive.beat_types import type_beats
from pipeline.derive.rpeaks import Beats
from pipeline.epoch_runs import runs
from schemas.findings import Finding, finding
from schemas.vocabulary import EPOCH_S, BeatType

__all__ = ["IBI_LIMITS_S", "RATE_HZ", "Ibi", "derive_ibi"]

Mask = NDArray[np.bool_]
RATE_HZ = 4  # of the slow channels
_N_PER_EPOCH = RATE_HZ * EPOCH_S
_ENOUGH = 0.5  # of the night


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


def derive_ibi(beats: Beats, *, n_sample: int) -> Ibi:
    """Derive inter-beat intervals from the beats of a night.

    Parameters
    ----------
    beats : Beats
        ``time_s`` in seconds from the grid's origin; may lie before it or beyond the end.
    n_sample : int
        Length of the grid, at 4 Hz.

    Notes
    -----
    About 30 ms for 8 h.

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
    held = held[inside]
    value = np.full(n_sample, np.nan, np.float32)
    value[inside] = np.where(trust.interval[held], trust.interval_s[held], np.nan)
    nn_valid, is_irregular = np.zeros((2, n_sample), np.bool_)
    nn_valid[inside], is_irregular[inside] = between_normal[held], (trust.irregular & trust.interval)[held]
    return Ibi(value, nn_valid, kind, trust.beat, tuple(_remarks(value, is_irregular)))


def _remarks(value: NDArray[np.float32], is_irregular: Mask) -> Iterator[Finding]:
    """Say where the rhythm is irregular, and how little can be trusted."""
    known = np.isfinite(value)
    if is_irregular.any():
        whole = is_irregular[: value.size // _N_PER_EPOCH * _N_PER_EPOCH].reshape(-1, _N_PER_EPOCH)
        share = is_irregular.sum() / known.sum()
        yield finding(
            "PSG-S030", f"in {share:.1%} of the intervals", channel="ibi", epochs=runs(np.any(whole, axis=1))
        )
    if known.any() and known.mean() < _ENOUGH:
        yield finding("PSG-S031", f"in {known.mean():.1%} of the night", channel="ibi")

"""What a signal's integers tell before anything is computed: a sensor that is off, counts that cannot be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.recording import Signal
from schemas.vocabulary import EPOCH_S

__all__ = ["CountCheck", "check_counts", "runs"]

_SLACK = 1e-9  # epochs; rounding of times


@dataclass(frozen=True)
class CountCheck:
    """Remarks on one signal.

    Parameters
    ----------
    flat : ndarray, shape (n_epoch,), bool
        Epochs in which the count never changes.
    n_record_outside : int
        Data records with a sample outside the digital range that the header declares.
    """

    flat: NDArray[np.bool_]
    n_record_outside: int


def check_counts(signal: Signal, *, offset_s: float, n_epoch: int) -> CountCheck:
    """Look at every record's smallest and largest count, once.

    Parameters
    ----------
    offset_s : float
        Seconds from recording start to the epoch grid's origin.
    """
    flat = np.zeros(n_epoch, bool)
    n_outside = 0
    declared = sorted((signal.digital_min, signal.digital_max))
    for segment in signal.segments:
        low, high = segment.digital.min(axis=1), segment.digital.max(axis=1)
        n_outside += int(np.count_nonzero((low < declared[0]) | (high > declared[1])))
        record_s = segment.digital.shape[1] / float(signal.rate_hz)
        first, stop = _constant_runs(low, high)
        begin = np.ceil((segment.start_s + first * record_s - offset_s) / EPOCH_S - _SLACK).astype(int)
        end = np.floor((segment.start_s + stop * record_s - offset_s) / EPOCH_S + _SLACK).astype(int)
        begin, end = np.clip(begin, 0, n_epoch), np.clip(end, 0, n_epoch)
        for a, b in zip(begin[begin < end], end[begin < end], strict=True):
            flat[a:b] = True
    return CountCheck(flat, n_outside)


def runs(mask: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    """Return the half-open runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return tuple((int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True))


def _constant_runs(
    low: NDArray[np.generic], high: NDArray[np.generic]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First record and end of every run of records that hold one and the same count."""
    constant = low == high
    goes_on = constant[1:] & constant[:-1] & (low[1:] == low[:-1])
    first = np.flatnonzero(constant & ~np.concatenate(([False], goes_on)))
    last = np.flatnonzero(constant & ~np.concatenate((goes_on, [False])))
    return first, last + 1

"""What a signal's integers tell before anything is computed: a sensor that is off, counts that cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.recording import Signal
from schemas.vocabulary import EPOCH_S

__all__ = ["CountCheck", "check_counts"]

_SLACK = 1e-9  # epochs; rounding of times
_PLATEAU = 3  # samples: one or two may be a peak that just fits


@dataclass(frozen=True)
class CountCheck:
    """Remarks on one signal.

    Parameters
    ----------
    flat : ndarray, shape (n_epoch,), bool
        Epochs in which the count never changes.
    range_end : ndarray, shape (n_epoch,), bool
        Epochs in which the count rests at an end of the digital range that the header declares.
    n_record_outside : int
        Data records with a sample outside that range.
    """

    flat: NDArray[np.bool_]
    range_end: NDArray[np.bool_]
    n_record_outside: int


def check_counts(signal: Signal, *, offset_s: float, n_epoch: int) -> CountCheck:
    """Look at a signal's integers, once.

    Parameters
    ----------
    offset_s : float
        Seconds from recording start to the epoch grid's origin.
    """
    flat, range_end = np.zeros((2, n_epoch), bool)
    n_outside = 0
    low, high = sorted((signal.digital_min, signal.digital_max))
    for segment in signal.segments:
        digital = segment.digital
        least, most = digital.min(), digital.max()
        if least < low or most > high:
            n_outside += int(((digital < low) | (digital > high)).any(axis=1).sum())
        record_s = digital.shape[1] / float(signal.rate_hz)
        if least <= low or most >= high:
            resting = np.flatnonzero(_rests_at_an_end(digital, low, high))
            epoch = np.floor((segment.start_s + (resting + 0.5) * record_s - offset_s) / EPOCH_S).astype(int)
            range_end[epoch[(epoch >= 0) & (epoch < n_epoch)]] = True
        first, stop = _constant_runs(digital)
        begin = np.ceil((segment.start_s + first * record_s - offset_s) / EPOCH_S - _SLACK).astype(int)
        end = np.floor((segment.start_s + stop * record_s - offset_s) / EPOCH_S + _SLACK).astype(int)
        begin, end = np.clip(begin, 0, n_epoch), np.clip(end, 0, n_epoch)
        for a, b in zip(begin[begin < end], end[begin < end], strict=True):
            flat[a:b] = True
    return CountCheck(flat, range_end & ~flat, n_outside)


def _rests_at_an_end(digital: NDArray[Any], low: int, high: int) -> NDArray[np.bool_]:
    """Return the records in which three samples in a row lie at an end of the range or beyond it."""
    end = (digital <= low) | (digital >= high)
    if digital.shape[1] < _PLATEAU:
        return np.asarray(end.all(axis=1))
    return np.asarray(np.any(end[:, 2:] & end[:, 1:-1] & end[:, :-2], axis=1))


def _constant_runs(digital: NDArray[np.generic]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First record and end of every run of records that hold one and the same count.

    Only records whose first, middle and last counts agree are read whole.
    """
    first = digital[:, 0]
    constant = (first == digital[:, -1]) & (first == digital[:, digital.shape[1] // 2])
    suspects = np.flatnonzero(constant)
    constant[suspects] = (digital[suspects] == first[suspects, None]).all(axis=1)
    goes_on = constant[1:] & constant[:-1] & (first[1:] == first[:-1])
    begin = np.flatnonzero(constant & ~np.concatenate(([False], goes_on)))
    last = np.flatnonzero(constant & ~np.concatenate((goes_on, [False])))
    return begin, last + 1

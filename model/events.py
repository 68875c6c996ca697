"""Events from yes or no second by second: runs that are long enough, and how many of them an hour of sleep has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.epoch_runs import runs
from schemas.vocabulary import EPOCH_S, Stage

__all__ = ["onsets", "per_hour_of_sleep"]

_SLEEP = (Stage.N1, Stage.N2, Stage.N3, Stage.REM)


def onsets(is_event: NDArray[np.bool_], least_s: int) -> NDArray[np.int64]:
    """Return the first second of every run of at least so many; two events without a second between them are one.

    Parameters
    ----------
    is_event : ndarray, shape (n_second,), bool
    """
    return np.array([first for first, beyond in runs(is_event) if beyond - first >= least_s], np.int64)


def per_hour_of_sleep(is_event: NDArray[np.bool_], stage: NDArray[np.integer], least_s: int) -> float:
    """Return events that begin in sleep, an hour of sleep; NaN without sleep.

    Parameters
    ----------
    is_event : ndarray, shape (n_epoch, 30), bool
    stage : ndarray, shape (n_epoch,)
        As in a store; -1 is not sleep.
    """
    is_asleep = np.isin(stage, _SLEEP)
    n_sleep = int(is_asleep.sum())
    if not n_sleep:
        return float("nan")
    begun = onsets(is_event.reshape(-1), least_s) // EPOCH_S
    return int(is_asleep[begun].sum()) / (n_sleep * EPOCH_S / 3600)

"""How good answers are: per recording, pooled, and with intervals over subjects.

Tested against scikit-learn; written here because a few lines of counting are all it takes, on any subset at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "accuracy",
    "auprc",
    "auroc",
    "bootstrap_interval",
    "c_index",
    "calibration_error",
    "class_f1",
    "confusion",
    "kappa",
    "macro_f1",
    "pooled",
]

Counts = NDArray[np.int64]
_EDGES = (0.025, 0.975)  # of an interval of 95 %


def confusion(truth: NDArray[np.integer], answer: NDArray[np.integer], n_class: int) -> Counts:
    """Return how often each true class (row) was answered by each class (column); truth below 0 does not count."""
    known = truth >= 0
    flat = truth[known].astype(np.int64) * n_class + answer[known].astype(np.int64)
    return np.bincount(flat, minlength=n_class * n_class).reshape(n_class, n_class)


def accuracy(counts: Counts) -> float:
    """Return the share of right answers; NaN of nothing."""
    total = counts.sum()
    return float(np.trace(counts) / total) if total else float("nan")


def kappa(counts: Counts) -> float:
    """Return Cohen's κ (1960); NaN where chance alone would agree always."""
    total = counts.sum()
    if not total:
        return float("nan")
    by_chance = float(counts.sum(0) @ counts.sum(1) / total**2)
    return (accuracy(counts) - by_chance) / (1 - by_chance) if by_chance < 1 else float("nan")


def class_f1(counts: Counts) -> NDArray[np.float64]:
    """Return F1 of every class; NaN for one that is neither there nor answered."""
    hits = np.diag(counts)
    size = counts.sum(0) + counts.sum(1)
    f1: NDArray[np.float64] = np.divide(2 * hits, size, out=np.full(len(counts), np.nan), where=size > 0)
    return f1


def macro_f1(counts: Counts) -> float:
    """Return the mean F1 of the classes that are there or were answered."""
    values = class_f1(counts)
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def calibration_error(probability: NDArray[np.floating], truth: NDArray[np.integer], n_bin: int = 15) -> float:
    """Return the expected calibration error of the answered class (Guo et al. 2017, arXiv 1706.04599).

    Parameters
    ----------
    probability : ndarray, shape (n, n_class)
    truth : ndarray, shape (n,)
        Below 0 does not count.
    """
    known = truth >= 0
    best = probability[known].max(axis=1)
    right = probability[known].argmax(axis=1) == truth[known]
    place = np.minimum((best * n_bin).astype(np.int64), n_bin - 1)
    gap = np.bincount(place, right - best, minlength=n_bin)
    return float(np.abs(gap).sum() / known.sum()) if known.any() else float("nan")


def auroc(score: NDArray[np.floating], truth: NDArray[Any]) -> float:
    """Return how often one who has it scores above one who has not, ties for half; NaN without both.

    Parameters
    ----------
    score, truth : ndarray, shape (n,)
        Truth is 1 or 0; below 0 and NaN do not count.
    """
    known = truth >= 0
    values, place = np.unique(score[known], return_inverse=True)
    yes = np.bincount(place, truth[known] == 1, minlength=len(values))
    no = np.bincount(place, truth[known] == 0, minlength=len(values))
    if not (yes.sum() and no.sum()):
        return float("nan")
    return float(yes @ (no.cumsum() - no / 2) / (yes.sum() * no.sum()))


def auprc(score: NDArray[np.floating], truth: NDArray[Any]) -> float:
    """Return the average precision, arguments as those of `auroc`; NaN when nobody has it."""
    known = truth >= 0
    values, place = np.unique(-score[known], return_inverse=True)  # the highest score first
    yes = np.bincount(place, truth[known] == 1, minlength=len(values))
    if not yes.sum():
        return float("nan")
    precision = yes.cumsum() / np.bincount(place, minlength=len(values)).cumsum()
    return float(yes @ precision / yes.sum())


def c_index(risk: NDArray[np.floating], years: NDArray[np.floating], event: NDArray[np.floating]) -> float:
    """Return Harrell's concordance: how often the one with the earlier event has the higher risk, ties for half.

    Parameters
    ----------
    risk, years, event : ndarray, shape (n,)
        ``event`` is 1 where it ended the years, else 0; who has a NaN does not count.
    """
    known = np.isfinite(years) & np.isfinite(event)
    risk, years, event = risk[known], years[known], event[known]
    is_later = (years[None, :] > years[:, None]) | ((years[None, :] == years[:, None]) & (event[None, :] == 0))
    is_pair = is_later & (event[:, None] == 1)  # i's event came, j was there longer
    if not is_pair.any():
        return float("nan")
    order = np.sign(risk[:, None] - risk[None, :])
    return float((0.5 + 0.5 * order[is_pair]).mean())


def pooled(measure: Callable[[Counts], float]) -> Callable[[Counts], float]:
    """Return a measure of one matrix as one of those of recordings, (n_recording, n_class, n_class)."""
    return lambda counts: measure(counts.sum(axis=0))


def bootstrap_interval(
    columns: Sequence[NDArray[Any]],
    subject: Sequence[str],
    measure: Callable[..., float],
    *,
    n_draw: int = 1000,
) -> tuple[float, float]:
    """Return the interval of a measure when persons, with all their nights, are drawn again and again.

    Draws without a measure, for instance a κ of one class alone, do not count.

    Parameters
    ----------
    columns : sequence of ndarray, shape (n_recording, …)
        Arguments of the measure.
    subject : sequence of str
        Of each recording.
    """
    names, place = np.unique(np.asarray(subject), return_inverse=True)
    share = np.full(len(names), 1 / len(names))
    n_times = np.random.default_rng(0).multinomial(len(names), share, size=n_draw)  # (n_draw, n_person)
    draws = (np.repeat(np.arange(len(place)), own[place]) for own in n_times)
    values = np.array([measure(*(column[rows] for column in columns)) for rows in draws])
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, _EDGES) if known.size else (np.nan, np.nan)
    return float(low), float(high)

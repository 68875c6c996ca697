"""Nights that are in the stores twice under two names: the same person in two cohorts, or a download made again.

Two marks of a night, either of which survives another export of the same recording (other rates, gains, labels and
file formats, ends cut off), and neither of which two different nights share:

- **stages**: every stretch of 120 scored epochs with at least 10 changes of stage;
- **heart**: over every 64 epochs, whether the usual interval between beats rises or falls from each to the next.

One stretch of four, chosen by its hash, is looked up, and nights that share enough of them at one shift are told.
Work grows with the number of stretches, not with pairs of nights. Not found: nights whose grids begin at another
instant *and* were scored anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.epoch_runs import runs
from schemas.vocabulary import EPOCH_S

__all__ = ["NightMarks", "Twins", "find_twins", "night_marks"]

STAGE_STRETCH = 120  # epochs, an hour
LEAST_CHANGES = 10  # of stage in it: a quiet hour looks like any other
HEART_STRETCH = 64  # epochs, one bit each
LEAST_BEATS = 10  # in an epoch, for its median to count
USUAL_PART = 0.25  # intervals that differ by more from the median are ectopic, or have a beat lost between
LEAST_SHARED = 3  # stretches at one and the same shift between the nights
MOST_PLACES = 8  # that may share a stretch: more have it by their scoring, not by their person
ONE_OF = 4  # stretches is kept, chosen by its hash, so by the same choice in every night


@dataclass(frozen=True)
class NightMarks:
    """Hashes of a night's stretches, each with its first epoch.

    Parameters
    ----------
    stage, heart : ndarray, shape (n, 2), uint64
        Hash, first epoch.
    """

    stage: NDArray[np.uint64]
    heart: NDArray[np.uint64]


@dataclass(frozen=True)
class Twins:
    """Two recordings that are one night.

    Parameters
    ----------
    shift_epoch : int
        Epochs by which the second one begins later in the night.
    by : tuple of str
        ``stages``, ``heart`` or both.
    """

    one: str
    other: str
    shift_epoch: int
    by: tuple[str, ...]


def night_marks(stage: NDArray[np.int8], beat_time_s: NDArray[np.float64]) -> NightMarks:
    """Return the marks of a night.

    Parameters
    ----------
    stage : ndarray, shape (n_epoch,), int8
        `Stage` codes; -1 unscored.
    beat_time_s : ndarray, shape (n_beat,), float64, seconds
        From the grid's origin, increasing; may be empty.
    """
    return NightMarks(_stage_marks(stage), _heart_marks(beat_time_s, stage.size))


def _stage_marks(stage: NDArray[np.int8]) -> NDArray[np.uint64]:
    if stage.size < STAGE_STRETCH:
        return np.empty((0, 2), np.uint64)
    stretches = np.lib.stride_tricks.sliding_window_view(stage, STAGE_STRETCH)
    changes = (np.diff(stretches, axis=1) != 0).sum(axis=1)
    return _hashed(
        stretches.astype(np.uint64) + np.uint64(2), (changes >= LEAST_CHANGES) & (stretches >= 0).all(axis=1)
    )


def _heart_marks(beat_time_s: NDArray[np.float64], n_epoch: int) -> NDArray[np.uint64]:
    """Hash the signs of changes of the usual interval; a stretch with an epoch that has none is left out."""
    if n_epoch <= HEART_STRETCH or beat_time_s.size < 2:
        return np.empty((0, 2), np.uint64)
    mean_s = np.full(n_epoch, np.nan)
    interval = np.diff(beat_time_s)
    edges = np.searchsorted(beat_time_s[:-1], np.arange(n_epoch + 1) * EPOCH_S)
    for epoch, (first, stop) in enumerate(pairwise(edges)):
        if stop - first >= LEAST_BEATS:
            mean_s[epoch] = _usual(interval[first:stop])
    rise = np.diff(mean_s)
    stretches = np.lib.stride_tricks.sliding_window_view(rise, HEART_STRETCH)
    told = np.isfinite(stretches).all(axis=1) & (np.abs((stretches > 0).mean(axis=1) - 0.5) < 0.25)
    return _hashed((stretches > 0).astype(np.uint64), told)


def _usual(interval_s: NDArray[np.float64]) -> float:
    """Return the mean of the intervals near the median: a lost beat changes nothing, a rounding little."""
    median = np.median(interval_s)
    return float(interval_s[np.abs(interval_s - median) < USUAL_PART * median].mean())


def _hashed(stretches: NDArray[np.uint64], kept: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Return hash and first epoch of one row of four: a polynomial modulo 2^64, mixed at the end (SplitMix64)."""
    power = np.cumprod(np.full(stretches.shape[1], 6364136223846793005, np.uint64), dtype=np.uint64)
    value = (stretches[kept] * power).sum(axis=1, dtype=np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        value = (value ^ (value >> np.uint64(shift))) * np.uint64(factor)
    value ^= value >> np.uint64(31)
    marks = np.stack([value, np.flatnonzero(kept).astype(np.uint64)], axis=1)
    return np.asarray(marks[value % np.uint64(ONE_OF) == 0])


def find_twins(nights: Mapping[str, NightMarks]) -> tuple[Twins, ...]:
    """Return every two recordings that are one night, by name.

    Parameters
    ----------
    nights : mapping of str to NightMarks
        By ``cohort/recording``.
    """
    names = sorted(nights)
    found: dict[tuple[int, int], dict[str, int]] = defaultdict(dict)
    for by, of in (("stages", "stage"), ("heart", "heart")):
        for one, other, shift in _shared([getattr(nights[name], of) for name in names]):
            found[one, other][by] = shift
    return tuple(
        Twins(names[one], names[other], shift_epoch=next(iter(ways.values())), by=tuple(ways))
        for (one, other), ways in sorted(found.items())
    )


def _shared(nights: Sequence[NDArray[np.uint64]]) -> Iterator[tuple[int, int, int]]:
    """Yield pairs of nights, by number, that share enough stretches at one shift."""
    value = np.concatenate([np.empty(0, np.uint64), *(marks[:, 0] for marks in nights)])
    epoch = np.concatenate([np.empty(0, np.int64), *(marks[:, 1].astype(np.int64) for marks in nights)])
    night = np.repeat(np.arange(len(nights)), [len(marks) for marks in nights])
    order = np.lexsort((night, value))
    value, epoch, night = value[order], epoch[order], night[order]
    counts: dict[tuple[int, int, int], int] = defaultdict(int)
    for first, last in runs(value[1:] == value[:-1]):
        places = list(zip(night[first : last + 1].tolist(), epoch[first : last + 1].tolist(), strict=True))
        if len(places) <= MOST_PLACES:
            for (one, begin), (other, later) in combinations(places, 2):
                if one != other:
                    counts[one, other, begin - later] += 1
    yield from sorted(key for key, n in counts.items() if n >= LEAST_SHARED)

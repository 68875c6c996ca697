"""Which windows make a pass, in which order: a function of seed and number of the pass alone.

A pass cuts every night into windows that lie back to back, from a place that is drawn anew for every pass: what
does not fill a window in one pass is seen in another. Nights shorter than a window are one window with padding.
Each window of the pass is in exactly one batch, however many workers read and ranks share them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from model.data.draw import Draw, Spans

__all__ = ["NightPlan", "PairPlan", "Plan", "WindowPlan", "all_pairs"]

Pair = tuple[str, str]
_Windows = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]  # recording, start, length


class Plan(ABC):
    """What the loader asks of any of them; a plan's fields, spans first, are all that decides its order."""

    name: ClassVar[str]
    spans: Spans
    seed: int

    @property
    def choices(self) -> tuple[object, ...]:
        """What decides the order besides the spans."""
        return (self.name, *list(vars(self).values())[1:])

    @abstractmethod
    def batches(self, number: int) -> list[Draw]:
        """Return the batches of a pass."""


def all_pairs(modalities: Sequence[str]) -> list[Pair]:
    """Return every pair of modalities, in their order."""
    return list(combinations(modalities, 2))


@dataclass(frozen=True)
class WindowPlan(Plan):
    """Windows with whatever a night has of the modalities.

    Parameters
    ----------
    n_epoch : int
        Epochs of a window.
    batch : int
        Windows of a batch, all ranks together.
    """

    name = "windows"
    spans: Spans
    n_epoch: int
    batch: int
    seed: int

    def batches(self, number: int) -> list[Draw]:
        """Return the batches of a pass."""
        generator = np.random.default_rng([self.seed, number])
        windows = _cut(self.spans, self.n_epoch, generator)
        known = np.isin(windows[0], self.spans.having(self.spans.modalities, 1))
        order = generator.permutation(np.flatnonzero(known))
        return [_draw(self.spans.modalities, windows, rows, self.n_epoch) for rows in _even(order, self.batch)]


@dataclass(frozen=True)
class PairPlan(Plan):
    """Pairs of modalities, each with windows of nights that have both.

    A pass has as many batches as its windows fill, and pairs take turns in having them. Windows are shared out as
    evenly as montages allow: those of nights with few modalities first, the others to the batches that have fewest.
    """

    name = "pairs"
    spans: Spans
    pairs: tuple[Pair, ...]
    n_epoch: int
    batch: int
    seed: int

    def batches(self, number: int) -> list[Draw]:
        """Return the batches of a pass."""
        generator = np.random.default_rng([self.seed, number])
        windows = _cut(self.spans, self.n_epoch, generator)
        draws = [
            _draw(self.pairs[pair], windows, rows, self.n_epoch)
            for pair, own in self._share(windows[0], generator)
            for rows in _even(generator.permutation(own), self.batch)
        ]
        return [draws[i] for i in generator.permutation(len(draws))]

    def _share(
        self, recording: NDArray[np.int64], generator: np.random.Generator
    ) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Yield the pair of every batch and its windows."""
        column = self.spans.modalities.index
        sides = np.array([[column(a), column(b)] for a, b in self.pairs])
        has = self.spans.present[:, sides].all(axis=2)  # (recording, pair)
        montages, of_recording = np.unique(has, axis=0, return_inverse=True)
        of_window = of_recording.reshape(-1)[recording]
        n_window = np.bincount(of_window, minlength=len(montages)) * montages.any(axis=1)
        pair = self._pairs_of_pass(montages, n_window, generator)
        n_given = np.zeros(len(pair), np.int64)
        given: list[list[NDArray[np.int64]]] = [[] for _ in pair]
        for number in np.argsort(montages.sum(axis=1), kind="stable"):
            if n_window[number]:
                able = generator.permutation(np.flatnonzero(montages[number][pair]))
                mine = generator.permutation(np.flatnonzero(of_window == number))
                counts = _level(n_given[able], len(mine))
                n_given[able] += counts
                for batch, rows in zip(able, np.split(mine, np.cumsum(counts)[:-1]), strict=True):
                    given[batch].append(rows)
        return ((int(pair[k]), np.concatenate(rows)) for k, rows in enumerate(given) if rows)

    def _pairs_of_pass(
        self, montages: NDArray[np.bool_], n_window: NDArray[np.int64], generator: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return a pair for every batch that the windows make: all in turn, and more where a montage has none."""
        pair = np.resize(generator.permutation(len(self.pairs)), -(-int(n_window.sum()) // self.batch))
        for montage, n in zip(montages, n_window, strict=True):
            if n and not montage[pair].any():
                more = np.resize(generator.permutation(np.flatnonzero(montage)), -(-int(n) // self.batch))
                pair = np.concatenate([pair, more])
        return pair


@dataclass(frozen=True)
class NightPlan(Plan):
    """Whole nights, in their order or shuffled anew for every pass."""

    name = "nights"
    spans: Spans
    batch: int
    seed: int
    is_shuffled: bool

    def batches(self, number: int) -> list[Draw]:
        """Return the batches of a pass."""
        nights = self.spans.having(self.spans.modalities, 1)
        if self.is_shuffled:
            nights = np.random.default_rng([self.seed, number]).permutation(nights)
        start, length = self.spans.start, self.spans.length
        return [
            Draw(self.spans.modalities, own, start[own], length[own], int(length[own].max()))
            for own in (nights[at : at + self.batch] for at in range(0, len(nights), self.batch))
        ]


def _cut(spans: Spans, n_epoch: int, generator: np.random.Generator) -> _Windows:
    """Cut every night into windows, the first from a place that is drawn."""
    n_window = np.where(spans.length > 0, np.maximum(1, spans.length // n_epoch), 0)
    slack = np.maximum(0, spans.length - n_window * n_epoch)
    first = spans.start + generator.integers(0, slack + 1)
    recording = np.repeat(np.arange(len(n_window)), n_window)
    within = np.arange(len(recording)) - np.repeat(np.cumsum(n_window) - n_window, n_window)
    return recording, first[recording] + within * n_epoch, np.minimum(spans.length, n_epoch)[recording]


def _level(n_given: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return how ``n`` more are to be given out so that totals become as even as they can."""
    order = np.argsort(n_given, kind="stable")
    level = np.sort(n_given)
    for k in range(len(level), 0, -1):  # the lowest k are filled to one height
        total = int(level[:k].sum()) + n
        if total >= k * level[k - 1]:
            break
    height, more = divmod(total, k)
    counts = np.zeros_like(n_given)
    counts[order[:k]] = height + (np.arange(k) < more) - level[:k]
    return counts


def _even(rows: NDArray[np.int64], most: int) -> Iterator[NDArray[np.int64]]:
    """Cut rows into the fewest parts of at most so many, as even as they can be."""
    return iter(np.array_split(rows, -(-len(rows) // most)) if len(rows) else [])


def _draw(modalities: tuple[str, ...], windows: _Windows, rows: NDArray[np.int64], n_epoch: int) -> Draw:
    recording, start, length = (column[rows] for column in windows)
    return Draw(modalities, recording, start, length, n_epoch)

"""Copy windows from an open split into arrays that were there before: counts, which tokens are valid, labels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.data.draw import Draw
from pipeline.shards.read import ShardSet
from schemas.shard import modality_kind
from schemas.store import MISSING
from schemas.vocabulary import Modality

__all__ = ["Gatherer", "Raw", "n_byte", "n_per_epoch"]

_SECOND = 30  # seconds of an epoch: events are drawn second by second
_ALIGN = 64  # bytes: where an array begins


@dataclass(frozen=True)
class Raw:
    """Windows as they are stored.

    Parameters
    ----------
    counts : mapping of modality to ndarray, shape (B, T, N), int16
        `MISSING` where missing, in padding, and where the night does not have the modality.
    valid : mapping of modality to ndarray, shape (B, T), bool
    labels : mapping of name to ndarray, shape (B, T) or (B, T, 30), int8
        -1 where nobody scored, and in padding.
    """

    counts: dict[str, NDArray[np.int16]]
    valid: dict[str, NDArray[np.bool_]]
    labels: dict[str, NDArray[np.int8]]

    @classmethod
    def within(cls, memory: NDArray[np.uint8], draw: Draw, labels: tuple[str, ...]) -> Raw:
        """Lay the arrays of a draw into a block of bytes, one behind the other, always alike."""
        at = 0
        laid: list[dict[str, NDArray[Any]]] = []
        for group in _arrays(draw, labels):
            laid.append({})
            for name, (shape, data_type) in group.items():
                size = math.prod(shape) * data_type.itemsize
                laid[-1][name] = memory[at : at + size].view(data_type).reshape(shape)
                at += _aligned(size)
        return cls(*laid)

    @classmethod
    def of_facts(cls, draw: Draw, labels: tuple[str, ...]) -> Raw:
        """Return new arrays for everything but counts."""
        _, *facts = _arrays(draw, labels)
        return cls({}, *({name: np.empty(shape, kind) for name, (shape, kind) in own.items()} for own in facts))


def n_byte(draw: Draw, labels: tuple[str, ...]) -> int:
    """Return the bytes that `Raw.within` needs."""
    groups = _arrays(draw, labels)
    return sum(_aligned(math.prod(shape) * kind.itemsize) for group in groups for shape, kind in group.values())


@cache
def n_per_epoch(modality: str) -> int:
    """Return how many samples an epoch has."""
    return modality_kind(Modality(modality)).rate_class.n_per_epoch


def _aligned(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


def _arrays(draw: Draw, labels: tuple[str, ...]) -> list[dict[str, tuple[tuple[int, ...], np.dtype[Any]]]]:
    """Return shapes and types of counts, valid and labels."""
    tokens = (len(draw), draw.n_epoch)
    return [
        {name: ((*tokens, n_per_epoch(name)), np.dtype(np.int16)) for name in draw.modalities},
        {name: (tokens, np.dtype(np.bool_)) for name in draw.modalities},
        {name: ((*tokens, *_label_shape(name)), np.dtype(np.int8)) for name in labels},
    ]


def _label_shape(name: str) -> tuple[int, ...]:
    return (_SECOND,) if name.startswith(("event_", "onset_")) else ()


@dataclass(frozen=True)
class Gatherer:
    """Read from an open split; may be sent to other processes.

    Parameters
    ----------
    labels : tuple of str
        Arrays of the split that go with the samples: ``stage``, ``event_<class>``, …
    least_usable : float
        A token is valid when at least this share of its samples is usable.
    in_bed_only : bool
        Whether tokens that are known to be out of bed are not valid.
    """

    shards: ShardSet
    labels: tuple[str, ...]
    least_usable: float
    in_bed_only: bool

    @cached_property
    def _column(self) -> dict[str, int]:
        return {str(modality): column for column, modality in enumerate(self.shards.modalities)}

    def pieces(self, draw: Draw, row: int, modality: str) -> Iterator[tuple[int, NDArray[np.int16]]]:
        """Yield first epoch and counts of a window's pieces; nothing where the night does not have the modality."""
        if not self.shards.nights.present[draw.recording[row], self._column[modality]]:
            return
        at = 0
        for piece in self.shards.pieces(modality, self._first(draw, row), int(draw.length[row])):
            yield at, piece
            at += len(piece)

    def fill(self, draw: Draw, raw: Raw) -> None:
        """Copy everything.

        Raises
        ------
        StoreCorrupt
            When a chunk is not what was written.
        """
        self.facts(draw, raw)
        for modality in draw.modalities:
            counts = raw.counts[modality]
            for row in range(len(draw)):
                done = 0
                for at, piece in self.pieces(draw, row, modality):
                    done = at + len(piece)
                    counts[row, at:done] = piece
                counts[row, done:] = MISSING

    def facts(self, draw: Draw, raw: Raw) -> None:
        """Copy which tokens are valid, and labels."""
        for row in range(len(draw)):
            self._valid(draw, row, raw)
            length = int(draw.length[row])
            for name, values in raw.labels.items():
                values[row, :length] = self._read(draw, row, name)
                values[row, length:] = -1

    def _valid(self, draw: Draw, row: int, raw: Raw) -> None:
        """A modality that the night does not have is nowhere valid."""
        length = int(draw.length[row])
        usable = self._read(draw, row, "usable_fraction") >= self.least_usable
        if self.in_bed_only:
            usable &= (self._read(draw, row, "in_bed") != 0)[:, None]
        nights = self.shards.nights
        present, column = nights.present[draw.recording[row]], nights.column
        for modality, valid in raw.valid.items():
            own = self._column[modality]
            valid[row, :length] = usable[:, column[own]] if present[own] else False
            valid[row, length:] = False

    def _read(self, draw: Draw, row: int, name: str) -> NDArray[Any]:
        return self.shards.read(name, self._first(draw, row), int(draw.length[row]))

    def _first(self, draw: Draw, row: int) -> int:
        return int(self.shards.nights.start[draw.recording[row]] + draw.start[row])

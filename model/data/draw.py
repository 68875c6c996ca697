"""What is read together, and where it lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.shards.read import ShardSet

__all__ = ["Draw", "Spans"]


@dataclass(frozen=True)
class Draw:
    """Windows of nights, all filled up to the same number of epochs.

    Parameters
    ----------
    modalities : tuple of str
    recording : ndarray, shape (B,), int64
        Positions in the split.
    start, length : ndarray, shape (B,), int64
        First epoch within the night, and epochs that are read.
    n_epoch : int
        Epochs of a window; those beyond its length are padding.
    """

    modalities: tuple[str, ...]
    recording: NDArray[np.int64]
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    n_epoch: int

    def __len__(self) -> int:
        return len(self.recording)

    def rows(self, rows: slice) -> Draw:
        """Return some of the windows."""
        return replace(self, recording=self.recording[rows], start=self.start[rows], length=self.length[rows])

    def parts(self, n_row: int) -> Iterator[Draw]:
        """Yield the windows in parts of at most ``n_row``; nothing is one empty part."""
        return (self.rows(slice(at, at + n_row)) for at in range(0, max(1, len(self)), n_row))


@dataclass(frozen=True)
class Spans:
    """The epochs of every night that windows are taken from.

    Parameters
    ----------
    start, length : ndarray, shape (n_recording,), int64
        Within the night; a length of 0 leaves the night out.
    present : ndarray, shape (n_recording, n_modality), bool
    modalities : tuple of str
        Columns of ``present``.
    """

    start: NDArray[np.int64]
    length: NDArray[np.int64]
    present: NDArray[np.bool_]
    modalities: tuple[str, ...]

    @classmethod
    def of(cls, shards: ShardSet, *, in_bed_only: bool) -> Spans:
        """Return whole nights, or each from its first to its last epoch that is not known to be out of bed."""
        nights, names = shards.nights, tuple(map(str, shards.modalities))
        if not in_bed_only:
            return cls(np.zeros_like(nights.length), nights.length, nights.present, names)
        in_bed = np.flatnonzero(shards.read("in_bed", 0, shards.n_epoch) != 0)
        low = np.searchsorted(in_bed, nights.start)
        high = np.searchsorted(in_bed, nights.start + nights.length)
        padded = np.append(in_bed, 0)
        first, last = padded[low], padded[high - 1]
        length = np.where(high > low, last - first + 1, 0)
        return cls(np.where(high > low, first - nights.start, 0), length, nights.present, names)

    def only(self, keep: NDArray[np.bool_]) -> Spans:
        """Leave the other nights out."""
        return replace(self, length=np.where(keep, self.length, 0))

    def having(self, modalities: tuple[str, ...], n_needed: int) -> NDArray[np.int64]:
        """Return the nights that have at least so many of the modalities, and epochs."""
        columns = [self.modalities.index(name) for name in modalities]
        return np.flatnonzero((self.present[:, columns].sum(axis=1) >= n_needed) & (self.length > 0))

"""Open a split of a set of training shards: where its recordings lie, and windows of their samples.

Sets on a disk whose chunks are not compressed are read directly (`pipeline.shards.direct`); everything else goes
through zarr-python, with the same values. What cannot be read raises; nothing damaged is ever returned.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.shards.direct import DirectArray, read_index
from pipeline.shards.documents import arrays_of, read_group, read_set, small_array
from pipeline.shards.layout import Grid
from pipeline.shards.sources import Source, source_of
from schemas.errors import ChannelError, SpecViolation
from schemas.shard import STATISTICS, Codec, group_name, modality_kind
from schemas.vocabulary import Modality

__all__ = ["Nights", "ShardSet", "open_shards"]

_N_NAMED = 5  # recordings that an error lists


class _Array(Protocol):
    """Any way to read an array of a split."""

    grid: Grid

    def pieces(self, start: int, n_epoch: int) -> Iterator[NDArray[Any]]:
        """Yield consecutive epochs."""


@dataclass(frozen=True)
class Nights:
    """The recordings of a split, in the order in which they lie.

    Parameters
    ----------
    recording, subject : list of str
        ``cohort/key`` and ``cohort/subject``.
    start, length : ndarray, shape (n_recording,), int64
        First epoch in the split, and epochs.
    present : ndarray, shape (n_recording, n_modality), bool
        Columns are the modalities that were opened.
    usable, night_factor, center, scale : ndarray, shape (n_recording, n_modality), float64
        As in docs/shard-spec.md; NaN where the recording does not have the modality.
    column : ndarray, shape (n_modality,), int64
        Where ``usable_fraction`` has the modalities that were opened.
    """

    recording: list[str]
    subject: list[str]
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    present: NDArray[np.bool_]
    usable: NDArray[np.float64]
    night_factor: NDArray[np.float64]
    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    column: NDArray[np.int64]

    def names(self, start: int, stop: int) -> str:
        """Return the recordings that lie in a half-open range of epochs, the first few by name."""
        first = int(np.searchsorted(self.start, start, "right")) - 1
        last = int(np.searchsorted(self.start, stop, "left"))
        names = self.recording[max(0, first) : last]
        more = f" and {len(names) - _N_NAMED} more" if len(names) > _N_NAMED else ""
        return ", ".join(names[:_N_NAMED]) + more


class ShardSet:
    """A split that is open; made by `open_shards`, may be pickled to other processes.

    Assumptions: the files do not change while they are open.

    Attributes
    ----------
    split : str
    modalities : tuple of Modality
    n_epoch : int
        Epochs of the split, all recordings.
    nights : Nights
    is_direct : bool
        Whether samples come straight from the files.
    """

    def __init__(
        self,
        place: Path | str,
        split: str,
        modalities: tuple[Modality, ...],
        nights: Nights,
        documents: dict[str, Any],
    ) -> None:
        self._place, self._documents = place, documents
        self.split, self.modalities, self.nights = split, modalities, nights
        self.n_epoch = int(nights.length.sum())
        self._arrays: dict[str, _Array] = {name: self._open(name) for name in modalities}

    @property
    def is_direct(self) -> bool:
        """Whether samples come straight from the files."""
        return all(isinstance(array, DirectArray) for array in self._arrays.values())

    def n_per_epoch(self, modality: Modality) -> int:
        """Return how many samples an epoch has."""
        return modality_kind(modality).rate_class.n_per_epoch

    def scale_factor(self, modality: Modality) -> float:
        """Return what turns counts into the stored unit."""
        return modality_kind(modality).scale

    def pieces(self, name: str, start: int, n_epoch: int) -> Iterator[NDArray[Any]]:
        """Yield consecutive epochs of an array, (k, …): views where the set is read directly, so copy them at once.

        Parameters
        ----------
        name : str
            A modality that was opened, or ``stage``, ``in_bed``, ``usable_fraction``, ``recording_index``,
            ``event_<class>``, ``onset_<class>``.

        Raises
        ------
        StoreCorrupt
            When a chunk is not what was written; names file, array and recordings.
        ChannelError
            When the split has no such array.
        IndexError
            When the epochs are not all in the split.
        """
        if start < 0 or start + n_epoch > self.n_epoch:
            raise IndexError(f"epochs {start} to {start + n_epoch} of {self.n_epoch}")
        array = self._arrays.get(name)
        if array is None:
            array = self._arrays[name] = self._open(name)
        return array.pieces(start, n_epoch)

    def read_window(self, start: int, n_epoch: int, modality: Modality, out: NDArray[np.int16]) -> None:
        """Copy counts into ``out``.

        Parameters
        ----------
        start : int
            First epoch in the split.
        out : ndarray, shape (n_epoch, n_per_epoch), int16
            Filled with counts; `schemas.store.MISSING` where missing.

        Raises
        ------
        StoreCorrupt, IndexError
            As `pieces`.
        """
        done = 0
        for piece in self.pieces(modality, start, n_epoch):
            out[done : done + len(piece)] = piece
            done += len(piece)

    def read(self, name: str, start: int, n_epoch: int) -> NDArray[Any]:
        """Return consecutive epochs of any array on ``epoch`` as a new array, counts as counts."""
        pieces = list(self.pieces(name, start, n_epoch))
        if pieces:
            return np.concatenate(pieces)
        grid = self._arrays[name].grid
        return np.empty((0, *grid.shape[1:]), grid.dtype)

    def statistics(self) -> dict[str, Any]:
        """Return moments and quantiles of the split train, by modality (docs/shard-spec.md)."""
        said: dict[str, Any] = json.loads(source_of(self._place).read(STATISTICS))
        return said

    def _open(self, name: str) -> _Array:
        document = self._documents.get(name)
        if document is None or document["dimension_names"][0] != "epoch":
            raise ChannelError("the split has no such array", saw=name, expected=", ".join(sorted(self._documents)))
        grid = Grid.of(document)
        if isinstance(self._place, Path):
            folder = self._place / group_name(self.split) / name
            if grid.codec is Codec.NONE:
                return DirectArray(folder, document, self.nights.names)
            for number in range(grid.n_file):
                read_index(folder, grid, number, self.nights.names)
        from pipeline.shards.through_zarr import ZarrArray

        return ZarrArray(source_of(self._place), self.split, name, document, self.nights.names)


def open_shards(
    path: str | Path, split: str = "train", modalities: Sequence[Modality | str] | None = None
) -> ShardSet:
    """Open a split of a set; costs a few files, whatever the number of recordings.

    Parameters
    ----------
    path : str or Path
        The set's folder, or its URL, which is read in place.
    split : str
        One of the set's splits.
    modalities : sequence of Modality, optional
        Those that are wanted, all that the set holds without.

    Raises
    ------
    StoreIncomplete
        When the set, or a file of it, is not there.
    StoreCorrupt
        When a document, an index or a length is not what was written.
    SpecViolation, SpecTooNew
        When it is not a set of this version, or has no such split.
    ChannelError
        When the set does not hold a modality.
    """
    place: str | Path = str(path) if "://" in str(path) else Path(path)
    source = source_of(place)
    said = read_set(source, Path(path).name)
    held = tuple(Modality(name) for name in said["modalities"])
    wanted = held if modalities is None else tuple(Modality(name) for name in modalities)
    if absent := set(wanted) - set(held):
        raise ChannelError(
            "the set does not hold a modality", saw=", ".join(sorted(absent)), expected=", ".join(held)
        )
    documents = arrays_of(read_group(source, split, said))
    nights = _nights(source, split, documents, wanted)
    if int(nights.length.sum()) != said["splits"][split]["n_epoch"]:
        raise SpecViolation("lengths of the recordings do not add up", where=group_name(split))
    return ShardSet(place, split, wanted, nights, documents)


def _nights(source: Source, split: str, documents: dict[str, Any], wanted: tuple[Modality, ...]) -> Nights:
    def get(name: str) -> NDArray[Any]:
        return small_array(source, split, name, documents[name])

    columns = list(get("modality"))
    take = [columns.index(str(name)) for name in wanted]
    return Nights(
        recording=list(get("recording")),
        subject=list(get("subject")),
        start=get("start"),
        length=get("length"),
        present=get("present")[:, take] == 1,
        usable=get("usable")[:, take],
        night_factor=get("night_factor")[:, take],
        center=get("center")[:, take],
        scale=get("scale")[:, take],
        column=np.array(take, np.int64),
    )

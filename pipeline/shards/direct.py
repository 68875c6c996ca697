"""Read an array of a set straight from its files: memory maps, a checksum on first touch, nothing in between.

Chunks that are not compressed lie back to back, so epochs are ranges of bytes. The index of every file is read and
checked when the array is opened; what it lists, and whether the file is whole, is known from then on.

Source: Zarr v3 specification, sharding codec 1.0.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from pipeline.files.places import storage_errors
from pipeline.shards.layout import CHECKSUM_BYTE, Grid
from schemas.errors import StoreCorrupt, StoreIncomplete
from schemas.shard import Codec

__all__ = ["DirectArray", "Who", "chunk_sum", "read_index"]

Who = Callable[[int, int], str]  # names the recordings that lie in a half-open range of epochs
_ABSENT = np.iinfo(np.uint64).max  # offset and length of an inner chunk that was not written
_AGAIN = "Pull or build the set again."
_N_MAP = 768  # files mapped at a time: a memory map keeps a file open, and 1024 is a usual limit


class DirectArray:
    """One array, chunks not compressed.

    Parameters
    ----------
    folder : Path
        The array's folder.
    document : mapping
        Its Zarr document.
    who : callable
        For errors: the recordings in a range of epochs.

    Raises
    ------
    StoreIncomplete
        When a file or a chunk is not there.
    StoreCorrupt
        When a file was cut or its index altered.
    SpecViolation
        When it is laid out otherwise.
    """

    def __init__(self, folder: Path, document: Mapping[str, Any], who: Who) -> None:
        self.grid = Grid.of(document)
        self._files = [_File(folder, self.grid, number, who) for number in range(self.grid.n_file)]
        self._mapped: dict[int, _File] = {}

    def pieces(self, start: int, n_epoch: int) -> Iterator[NDArray[Any]]:
        """Yield views of consecutive epochs, (k, …), that together are ``[start, start + n_epoch)``.

        A view is read-only and lies in a memory map: copy or convert it at once.

        Raises
        ------
        StoreCorrupt
            When a chunk that is touched for the first time is not what was written.
        """
        stop = start + n_epoch
        while start < stop:
            number, inside = divmod(start, self.grid.shard)
            chunk, first = divmod(inside, self.grid.chunk)
            last = min(self.grid.chunk, first + stop - start)
            yield self._file(number).chunk(chunk)[first:last]
            start += last - first

    def _file(self, number: int) -> _File:
        file = self._mapped.get(number)
        if file is None:
            if len(self._mapped) >= _N_MAP:
                self._mapped.pop(next(iter(self._mapped))).close()
            file = self._mapped[number] = self._files[number]
        return file

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_mapped": {}}


class _File:
    """One shard: mapped when it is first read; its chunks are checked once a process."""

    def __init__(self, folder: Path, grid: Grid, number: int, who: Who) -> None:
        self._path, self._grid, self._number, self._who = folder / grid.file_name(number), grid, number, who
        self._chunk_byte = grid.chunk * grid.epoch_byte
        n_chunk = grid.n_chunk(number)
        offset, n_byte = read_index(folder, grid, number, who).T
        size = self._chunk_byte + CHECKSUM_BYTE
        if (n_byte != size).any() or (offset != np.arange(n_chunk, dtype=np.uint64) * np.uint64(size)).any():
            raise StoreCorrupt(
                "the chunks of a file do not lie as they were written",
                where=self._where,
                saw=self._whole,
                do=_AGAIN,
            )
        self._is_checked = np.zeros(n_chunk, np.bool_)
        self._chunks: NDArray[Any] | None = None

    def chunk(self, number: int) -> NDArray[Any]:
        """Return a view of an inner chunk, (chunk, …)."""
        if self._chunks is None:
            self._chunks = self._map()
        if not self._is_checked[number]:
            self._check(number, self._chunks[number])
        body: NDArray[Any] = self._chunks["body"][number]
        return body

    def _map(self) -> NDArray[Any]:
        """Map the file as records of a chunk and its checksum."""
        grid, n_chunk = self._grid, len(self._is_checked)
        record = np.dtype([("body", grid.dtype, grid.chunk_shape), ("checksum", "<u4")])
        with storage_errors("a file of the set cannot be read", where=self._where), self._path.open("rb") as stream:
            return np.frombuffer(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ), record, n_chunk)

    def _check(self, number: int, chunk: NDArray[Any]) -> None:
        if google_crc32c.value(chunk["body"].reshape(-1).view(np.uint8)) != int(chunk["checksum"]):
            first = self._number * self._grid.shard + number * self._grid.chunk
            raise StoreCorrupt(
                f"chunk {number} of the file is not what was written",
                where=self._where,
                saw=f"another checksum; recordings {self._who(first, first + self._grid.chunk)}",
                do=_AGAIN,
            )
        self._is_checked[number] = True

    @property
    def _where(self) -> str:
        return where(self._path, self._grid)

    @property
    def _whole(self) -> str:
        return whole(self._grid, self._number, self._who)

    def close(self) -> None:
        """Let the map go as soon as nobody holds a view of it."""
        self._chunks = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_chunks": None}


def read_index(folder: Path, grid: Grid, number: int, who: Who) -> NDArray[np.uint64]:
    """Read and check the index of one file.

    Returns
    -------
    ndarray, shape (n_chunk, 2), uint64
        Offset and bytes of every inner chunk that the file must hold.

    Raises
    ------
    StoreIncomplete
        When the file, or a chunk in it, is not there.
    StoreCorrupt
        When the file was cut or its index altered.
    """
    path, n_chunk = folder / grid.file_name(number), grid.n_chunk(number)
    facts = {"where": where(path, grid), "do": _AGAIN}
    if not path.is_file():
        raise StoreIncomplete("a file of the set is missing", saw=whole(grid, number, who), **facts)
    with storage_errors("a file of the set cannot be read", where=facts["where"]), path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - grid.index_byte))
        content = stream.read()
    index, checksum = content[:-CHECKSUM_BYTE], content[-CHECKSUM_BYTE:]
    is_whole = len(content) == grid.index_byte and google_crc32c.value(index) == int.from_bytes(checksum, "little")
    table = np.frombuffer(index, "<u8").reshape(-1, 2)[:n_chunk] if is_whole else np.empty((0, 2), np.uint64)
    if (table == _ABSENT).any():
        raise StoreIncomplete("a chunk is missing in a file", saw=whole(grid, number, who), **facts)
    if not is_whole or int(table.sum(axis=1).max()) + grid.index_byte != size:
        raise StoreCorrupt("a file was cut or its index altered", saw=whole(grid, number, who), **facts)
    return table


def chunk_sum(folder: Path, grid: Grid, number: int, who: Who) -> int:
    """Return the CRC-32C over the checksums of a file's chunks.

    A CRC of what ends in its own CRC is the same whatever it was: the checksum of a block of whole chunks does not
    tell a chunk from another valid one. This does.

    Raises
    ------
    StoreIncomplete, StoreCorrupt
        As `read_index`.
    """
    found = 0
    ends = read_index(folder, grid, number, who).sum(axis=1).tolist()
    with (folder / grid.file_name(number)).open("rb") as stream:
        for end in ends:
            stream.seek(end - CHECKSUM_BYTE)
            found = google_crc32c.extend(found, stream.read(CHECKSUM_BYTE))
    return int(found)


def where(path: Path, grid: Grid) -> str:
    """Return a file's name within its set: split, array, file."""
    return "/".join(path.parts[-len(grid.shape) - 3 :])


def whole(grid: Grid, number: int, who: Who) -> str:
    """Say which recordings a file holds."""
    return f"recordings {who(number * grid.shard, (number + 1) * grid.shard)}"


def is_direct(grid: Grid) -> bool:
    """Return whether chunks are stored as they are in memory."""
    return grid.codec is Codec.NONE

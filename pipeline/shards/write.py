"""Write an array of a set epoch by epoch: nothing is held, every file knows its checksums when it is closed.

A recording rarely ends where a chunk does. Large chunks that are not compressed are written as their epochs come;
small ones, and those that are compressed, are gathered first.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numcodecs import blosc
from numpy.typing import NDArray

from pipeline.shards.layout import CHECKSUM_BYTE, Grid
from pipeline.write.shard import LEVEL, NAME
from schemas.shard import BLOCK_BYTE, Codec

__all__ = ["ArrayWriter", "FileFacts", "SummedFile", "as_bytes", "checksum", "chunk_facts", "file_facts", "summed"]

FileFacts = dict[str, Any]  # size, CRC-32C of every block, and of the checksums of its chunks where it has such
_ABSENT = np.iinfo(np.uint64).max
_SMALL_BYTE = 1 << 16  # a chunk below is cheaper to copy than to write in parts
_BUFFER_BYTE = _SMALL_BYTE  # larger ones go past the buffer, not copied


class _Sums:
    """Size and checksums of bytes as they go by: CRC-32C, which costs a tenth of SHA-256."""

    def __init__(self) -> None:
        self._blocks: list[int] = [0]
        self.size = 0

    def add(self, content: NDArray[np.uint8]) -> None:
        """Take over bytes."""
        while len(content):
            if self.size and self.size % BLOCK_BYTE == 0:
                self._blocks.append(0)
            part = content[: BLOCK_BYTE - self.size % BLOCK_BYTE]
            self._blocks[-1] = google_crc32c.extend(self._blocks[-1], part)
            self.size += len(part)
            content = content[len(part) :]

    def facts(self) -> FileFacts:
        """Return what the set's list says of a file."""
        return {"size": self.size, "crc32c": self._blocks}


class SummedFile:
    """A new file whose checksums are known as soon as it is closed."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = path.open("xb", buffering=_BUFFER_BYTE)
        self._sums = _Sums()

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._sums.size

    def write(self, content: NDArray[np.uint8]) -> None:
        """Add bytes."""
        self._stream.write(content.data)
        self._sums.add(content)

    def close(self) -> FileFacts:
        """Close the file and return its size and checksums."""
        self._stream.close()
        return self._sums.facts()


def file_facts(content: bytes) -> FileFacts:
    """Return size and checksums of a file that is written at once."""
    sums = _Sums()
    sums.add(np.frombuffer(content, np.uint8))
    return sums.facts()


def chunk_facts(content: bytes) -> FileFacts:
    """Return what the set's list says of a file that is one chunk with its checksum."""
    return file_facts(content) | {"chunks": google_crc32c.value(content[-CHECKSUM_BYTE:])}


def summed(path: Path) -> FileFacts:
    """Return size and checksums of a file that is there."""
    sums = _Sums()
    with path.open("rb") as stream:
        while content := stream.read(BLOCK_BYTE):
            sums.add(np.frombuffer(content, np.uint8))
    return sums.facts()


class ArrayWriter:
    """Write one array of a set, its files one after the other.

    Parameters
    ----------
    folder : Path
        The array's folder.
    document : mapping
        Its Zarr document, from `pipeline.shards.layout.shard_document`.
    """

    def __init__(self, folder: Path, document: Mapping[str, Any]) -> None:
        self._folder, self._grid = folder, Grid.of(document)
        n_byte = self._grid.chunk * self._grid.epoch_byte
        self._gathers = self._grid.codec is Codec.ZSTD or n_byte < _SMALL_BYTE
        self._stored = np.empty(n_byte + CHECKSUM_BYTE, np.uint8)  # a chunk as it is stored, if nothing packs it
        self._gathered = self._stored[:n_byte].view(self._grid.dtype).reshape(self._grid.chunk_shape)
        self._file: SummedFile | None = None
        self._entries: list[tuple[int, int]] = []  # of the file that is open: offset and bytes of each chunk
        self._chunk_start = self._n_in_chunk = self._crc = self._of_chunks = 0
        self.files: dict[str, FileFacts] = {}

    def append(self, block: NDArray[Any]) -> None:
        """Add epochs, (k, …), of the array's type and contiguous."""
        done = 0
        while done < len(block):
            if self._file is None:
                self._file = SummedFile(self._folder / self._grid.file_name(len(self.files)))
            part = block[done : done + self._grid.chunk - self._n_in_chunk]
            self._add(self._file, part)
            done += len(part)
            if self._n_in_chunk == self._grid.chunk:
                self._end_chunk(self._file)

    def close(self) -> None:
        """Fill up the last chunk and close the last file."""
        if self._file is not None and self._n_in_chunk:
            n = self._grid.chunk - self._n_in_chunk
            self._add(self._file, np.full((n, *self._grid.shape[1:]), self._grid.fill, self._grid.dtype))
            self._end_chunk(self._file)
        if self._file is not None:
            self._end_file(self._file)

    def _add(self, file: SummedFile, part: NDArray[Any]) -> None:
        if self._gathers:
            self._gathered[self._n_in_chunk : self._n_in_chunk + len(part)] = part
        else:
            content = as_bytes(part)
            self._crc = google_crc32c.extend(self._crc, content)
            file.write(content)
        self._n_in_chunk += len(part)

    def _end_chunk(self, file: SummedFile) -> None:
        if self._grid.codec is Codec.ZSTD:
            item = self._grid.dtype.itemsize
            body = blosc.compress(self._gathered, NAME.encode(), LEVEL, blosc.BITSHUFFLE, 0, item)
            file.write(np.frombuffer(body, np.uint8))
            last = checksum(google_crc32c.value(body))
            file.write(last)
        elif self._gathers:
            last = checksum(google_crc32c.value(self._stored[:-CHECKSUM_BYTE]))
            self._stored[-CHECKSUM_BYTE:] = last
            file.write(self._stored)
        else:
            last = checksum(self._crc)
            file.write(last)
        self._of_chunks = google_crc32c.extend(self._of_chunks, last)
        self._entries.append((self._chunk_start, file.size - self._chunk_start))
        self._chunk_start, self._n_in_chunk, self._crc = file.size, 0, 0
        if len(self._entries) == self._grid.n_slot:
            self._end_file(file)

    def _end_file(self, file: SummedFile) -> None:
        index = np.full((self._grid.n_slot, 2), _ABSENT, "<u8")
        index[: len(self._entries)] = self._entries
        file.write(as_bytes(index))
        file.write(checksum(google_crc32c.value(as_bytes(index))))
        self.files[self._grid.file_name(len(self.files))] = file.close() | {"chunks": self._of_chunks}
        self._file, self._entries, self._chunk_start, self._of_chunks = None, [], 0, 0


def as_bytes(block: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a contiguous array's bytes, not copied."""
    return block.reshape(-1).view(np.uint8)


def checksum(value: int) -> NDArray[np.uint8]:
    """Return a CRC-32C as it stands behind chunks."""
    return np.frombuffer(value.to_bytes(4, "little"), np.uint8)

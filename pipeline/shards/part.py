"""The first recordings of a set: which bytes of its files they are, and files that hold nothing else.

A file's inner chunks lie in the order of time, so the first epochs are its first bytes. What follows them in the
last chunk belongs to another recording: it is overwritten with missing values, and the index is written anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import google_crc32c
import numpy as np
from numcodecs import blosc
from numpy.typing import NDArray

from pipeline.shards.direct import chunk_sum
from pipeline.shards.layout import CHECKSUM_BYTE, Grid, part_document
from pipeline.shards.sources import Source
from pipeline.shards.tables import index_columns
from pipeline.shards.transfer import Piece
from pipeline.shards.write import as_bytes, checksum
from pipeline.write.shard import LEVEL, NAME, plain_chunk
from schemas.errors import StoreCorrupt
from schemas.shard import BLOCK_BYTE, Codec
from schemas.vocabulary import Modality

__all__ = ["PartFile", "first_rows", "index_part", "splits_part"]

_ABSENT = np.iinfo(np.uint64).max


@dataclass
class PartFile:
    """The beginning of one file of an array.

    Parameters
    ----------
    name : str
        The file, relative to the set.
    whole, part : Grid
        The array over there and here.
    number : int
        Of the file.
    """

    name: str
    whole: Grid
    part: Grid
    number: int
    _end: NDArray[np.int64] | None = None  # where every chunk that is wanted ends

    @classmethod
    def plan(cls, folder: str, document: Mapping[str, Any], n_epoch: int) -> tuple[dict[str, Any], list[Self]]:
        """Return the document of an array's first epochs, and the files that hold them.

        Parameters
        ----------
        folder : str
            The array's folder, relative to the set.
        """
        laid = part_document(document, n_epoch)
        whole, part = Grid.of(document), Grid.of(laid)
        names = [f"{folder}/{part.file_name(number)}" for number in range(part.n_file)]
        return laid, [cls(name, whole, part, number) for number, name in enumerate(names)]

    def pieces(self, source: Source, size: int) -> list[Piece]:
        """Read the file's index over there and return what is to be fetched: runs of whole chunks.

        Parameters
        ----------
        size : int
            Bytes of the file over there.

        Raises
        ------
        StoreCorrupt
            When the index has not arrived as it was written.
        """
        content = source.read(self.name, size - self.whole.index_byte, size)
        index, last = content[:-CHECKSUM_BYTE], content[-CHECKSUM_BYTE:]
        start, n_byte = np.frombuffer(index, "<u8").reshape(-1, 2)[: self.part.n_chunk(self.number)].T
        end = np.cumsum(n_byte.astype(np.int64))
        if google_crc32c.value(index) != int.from_bytes(last, "little") or (start + n_byte != end).any():
            raise StoreCorrupt("the index of a file is not what was written", where=self.name)
        self._end = end
        return list(self._runs(end.tolist()))

    def _runs(self, end: list[int]) -> list[Piece]:
        """Gather chunks into pieces of about a block."""
        pieces, start, inside = [], 0, [0]
        for stop in end:
            inside.append(stop - start)
            if stop - start >= BLOCK_BYTE or stop == end[-1]:
                pieces.append(Piece(self.name, start, stop, _Chunks(tuple(inside))))
                start, inside = stop, [0]
        return pieces

    def finish(self, path: Path) -> None:
        """Overwrite what is not wanted in the last chunk, and write the index."""
        assert self._end is not None
        starts, end = [0, *self._end[:-1].tolist()], self._end.tolist()
        with path.open("r+b") as stream:
            stream.seek(starts[-1])
            last = self._cut(stream.read(end[-1] - starts[-1]))
            stream.seek(starts[-1])
            stream.write(last)
            end[-1] = starts[-1] + len(last)
            index = np.full((self.part.n_slot, 2), _ABSENT, "<u8")
            index[: len(end)] = np.stack([starts, np.subtract(end, starts)], axis=1)
            stream.write(as_bytes(index).data)
            stream.write(checksum(google_crc32c.value(as_bytes(index))).data)
            stream.truncate()

    def chunk_sum(self, root: Path) -> int:
        """Return what `pipeline.shards.direct.chunk_sum` says of the file in its place below ``root``."""
        folder = (root / self.name).parents[len(self.part.shape)]
        return chunk_sum(folder, self.part, self.number, lambda start, stop: f"in epochs {start} to {stop}")

    def _cut(self, stored: bytes) -> bytes:
        """Return the last chunk, what lies behind the part's last epoch replaced by its fill."""
        grid = self.part
        in_file = min(grid.shard, grid.shape[0] - self.number * grid.shard)
        n_keep = in_file - (grid.n_chunk(self.number) - 1) * grid.chunk
        body = stored[:-CHECKSUM_BYTE]
        values = np.frombuffer(blosc.decompress(body) if grid.codec is Codec.ZSTD else body, grid.dtype)
        cut = values.reshape(grid.chunk_shape).copy()
        cut[n_keep:] = grid.fill
        if grid.codec is Codec.ZSTD:
            body = blosc.compress(cut, NAME.encode(), LEVEL, blosc.BITSHUFFLE, 0, grid.dtype.itemsize)
        else:
            body = cut.tobytes()
        return body + checksum(google_crc32c.value(body)).tobytes()


@dataclass(frozen=True)
class _Chunks:
    """Whether bytes are chunks that end at these places, each with its checksum."""

    edge: tuple[int, ...]

    def __call__(self, content: bytes) -> bool:
        if len(content) != self.edge[-1]:
            return False
        view = np.frombuffer(content, np.uint8)
        return all(
            google_crc32c.value(view[a : b - CHECKSUM_BYTE])
            == int.from_bytes(content[b - CHECKSUM_BYTE : b], "little")
            for a, b in zip(self.edge[:-1], self.edge[1:], strict=True)
        )


def first_rows(values: NDArray[Any], document: Mapping[str, Any], n: int) -> tuple[dict[str, Any], bytes]:
    """Return document and chunk of an array's first rows; the modalities are never cut."""
    kept = values if document["dimension_names"][0] == "modality" else values[:n]
    shape = list(kept.shape)
    laid = {**document, "shape": shape}
    laid["chunk_grid"] = {"name": "regular", "configuration": {"chunk_shape": [max(1, k) for k in shape]}}
    return laid, plain_chunk(kept, document["data_type"])


def index_part(
    content: bytes, modalities: Sequence[Modality], counted: Mapping[str, Mapping[str, Any]]
) -> tuple[bytes, set[str]]:
    """Return the index of the first recordings of some splits, and the subjects in it."""
    import polars

    table = polars.read_parquet(BytesIO(content))
    parts = [table.filter(polars.col("split") == split).head(c["n_recording"]) for split, c in counted.items()]
    part = polars.concat(parts).select(*index_columns(modalities))
    buffer = BytesIO()
    part.write_parquet(buffer, compression="zstd")
    return buffer.getvalue(), set(part["subject"])


def splits_part(content: bytes, subjects: set[str]) -> bytes:
    """Return a split file's lines of these subjects; the counts in its head are dropped."""
    lines = content.decode().splitlines(keepends=True)
    kept = [line for line in lines if line.startswith("#") or line.rstrip("\n").partition("\t")[2] in subjects]
    return "".join(line for line in kept if not line.startswith("# persons in")).encode()

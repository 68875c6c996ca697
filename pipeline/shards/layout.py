"""How an array of a set lies in its files: the Zarr document that says so, and what a document says.

Source: Zarr v3 specification, sharding codec 1.0; docs/shard-spec.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from pipeline.write.documents import array_document
from pipeline.write.shard import LEVEL, NAME
from schemas.errors import SpecViolation
from schemas.shard import CHUNK_EPOCH, SHARD_EPOCH, Codec
from schemas.store import ArraySpec

__all__ = ["CHECKSUM_BYTE", "Grid", "part_document", "shard_document"]

CHECKSUM_BYTE = 4  # CRC-32C, little-endian, behind every inner chunk and every index
_INDEX = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]


@dataclass(frozen=True)
class Grid:
    """Inner chunks and files of a sharded array.

    Parameters
    ----------
    shape : tuple of int
        Epochs first.
    dtype : np.dtype
        Little-endian.
    chunk, shard : int
        Epochs of an inner chunk and of a file.
    codec : Codec
        How inner chunks are stored.
    fill : float
        What fills up the last chunk.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunk: int
    shard: int
    codec: Codec
    fill: float

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Read an array's document.

        Raises
        ------
        SpecViolation
            When it is laid out otherwise than the specification says.
        """
        try:
            sharding = document["codecs"][0]["configuration"]
            inner, outer = sharding["chunk_shape"], document["chunk_grid"]["configuration"]["chunk_shape"]
            grid = cls(
                tuple(document["shape"]),
                np.dtype(document["data_type"]).newbyteorder("<"),
                inner[0],
                outer[0],
                Codec.ZSTD if len(sharding["codecs"]) == 3 else Codec.NONE,
                float(document["fill_value"]),
            )
            expected = _layout(_plain_document(document), grid.chunk, grid.shard, grid.codec)
        except (KeyError, IndexError, TypeError, ValueError):
            raise _otherwise() from None
        if any(document[name] != expected[name] for name in ("codecs", "chunk_grid", "chunk_key_encoding")):
            raise _otherwise()
        return grid

    @property
    def n_file(self) -> int:
        """Files of the array."""
        return math.ceil(self.shape[0] / self.shard)

    @property
    def n_slot(self) -> int:
        """Entries of a file's index."""
        return self.shard // self.chunk

    @property
    def index_byte(self) -> int:
        """Bytes of a file's index with its checksum."""
        return 16 * self.n_slot + CHECKSUM_BYTE

    @property
    def chunk_shape(self) -> tuple[int, ...]:
        """Shape of an inner chunk."""
        return (self.chunk, *self.shape[1:])

    @property
    def epoch_byte(self) -> int:
        """Bytes of an epoch, not compressed."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    def n_chunk(self, file: int) -> int:
        """Return how many inner chunks a file holds: all slots but in the last file."""
        n_epoch = min(self.shard, self.shape[0] - file * self.shard)
        return math.ceil(n_epoch / self.chunk)

    def file_name(self, file: int) -> str:
        """Return a file's path below the array."""
        return "/".join(["c", str(file), *["0"] * (len(self.shape) - 1)])


def _otherwise() -> SpecViolation:
    return SpecViolation("an array is not laid out as training shards are", do="Build the set again.")


def shard_document(
    spec: ArraySpec,
    shape: tuple[int, ...],
    attrs: Mapping[str, Any],
    codec: Codec,
    *,
    shard_epoch: int = SHARD_EPOCH,
) -> dict[str, Any]:
    """Return the document of an array on ``epoch``: files of ``shard_epoch`` epochs, fewer in a small set.

    Parameters
    ----------
    shape : tuple of int
        Epochs first; every file holds all of the other dimensions.
    """
    n_whole = math.ceil(shape[0] / CHUNK_EPOCH) * CHUNK_EPOCH
    return _layout(array_document(spec, shape, attrs), CHUNK_EPOCH, min(shard_epoch, n_whole), codec)


def part_document(document: Mapping[str, Any], n_epoch: int) -> dict[str, Any]:
    """Return the document of an array's first epochs; files hold no more epochs than before.

    Raises
    ------
    SpecViolation
        When the array is laid out otherwise than the specification says.
    """
    grid = Grid.of(document)
    n_whole = math.ceil(n_epoch / grid.chunk) * grid.chunk
    plain = _plain_document({**document, "shape": [n_epoch, *grid.shape[1:]]})
    laid = _layout(plain, grid.chunk, min(grid.shard, n_whole), grid.codec)
    return {**document, **{name: laid[name] for name in ("shape", "chunk_grid", "codecs")}}


def _plain_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of one plain chunk that has the shape and type of another's."""
    spec = ArraySpec(tuple(document["dimension_names"]), document["data_type"], 0, None, "")
    return array_document(spec, tuple(document["shape"]), {})


def _layout(plain: dict[str, Any], chunk: int, shard: int, codec: Codec) -> dict[str, Any]:
    """Cut an array of one plain chunk into shards and inner chunks; its codecs become those of inner chunks."""
    to_bytes, checksum = plain["codecs"]
    item = np.dtype(plain["data_type"]).itemsize
    blosc = {"typesize": item, "cname": NAME, "clevel": LEVEL, "shuffle": "bitshuffle", "blocksize": 0}
    packing = [{"name": "blosc", "configuration": blosc}] if codec is Codec.ZSTD else []
    sharding = {
        "chunk_shape": [chunk, *plain["shape"][1:]],
        "codecs": [to_bytes, *packing, checksum],
        "index_codecs": _INDEX,
        "index_location": "end",
    }
    grid = {"name": "regular", "configuration": {"chunk_shape": [shard, *plain["shape"][1:]]}}
    return {**plain, "chunk_grid": grid, "codecs": [{"name": "sharding_indexed", "configuration": sharding}]}

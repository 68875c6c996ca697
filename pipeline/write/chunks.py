"""Read one array of a store back for verification: which inner chunks are there, and what they hold.

Zarr fills a chunk that a shard's index does not list, silently; a store promises every chunk, so a chunk that
is not listed is damage. The index is parsed here because zarr-python counts shards, not what is inside.

Source: Zarr v3 specification, sharding codec 1.0 (index: little-endian uint64 pairs and a CRC-32C at the end).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

__all__ = ["chunk_files", "lost_chunks", "read_array"]

_ABSENT = np.iinfo(np.uint64).max  # offset and length of an inner chunk that was not written


def chunk_files(document: dict[str, Any]) -> list[str]:
    """Return the file, relative to the array's folder, of its one chunk or shard; none for an empty array."""
    return ["/".join(["c", *("0" for _ in document["shape"])])] if math.prod(document["shape"]) else []


def lost_chunks(folder: Path, document: dict[str, Any]) -> list[int]:
    """Return the numbers of the inner chunks that the shard's index does not list.

    Parameters
    ----------
    folder : Path
        The array's folder.
    document : dict
        Its ``zarr.json``.
    """
    codec = document["codecs"][0]
    if codec["name"] != "sharding_indexed":
        return []
    inner = codec["configuration"]["chunk_shape"]
    outer = document["chunk_grid"]["configuration"]["chunk_shape"]
    n_chunk = math.prod(n // m for n, m in zip(outer, inner, strict=True))
    with (folder / chunk_files(document)[0]).open("rb") as stream:
        stream.seek(-(16 * n_chunk + 4), 2)
        index = np.frombuffer(stream.read(16 * n_chunk), "<u8").reshape(n_chunk, 2)
    return [int(k) for k in np.flatnonzero((index == _ABSENT).all(axis=1))]


def read_array(folder: Path) -> NDArray[Any]:
    """Return all stored values, packed counts as counts; every checksum on the way is checked.

    Raises
    ------
    Exception
        Whatever zarr-python and its codecs raise on damaged bytes.
    """
    return np.asarray(zarr.open_array(str(folder), mode="r", zarr_format=3)[...])

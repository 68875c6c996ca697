"""Read a recording store's counts as they are packed: the bytes that shards are made of.

The root document is held against the ledger's digest, every chunk against its checksum; zarr-python, whose work is
mostly its own here, is not needed.

Source: docs/store-spec.md; Zarr v3 specification, sharding codec 1.0.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numcodecs import blosc
from numpy.typing import NDArray

from pipeline.files.places import is_remote, storage_errors
from pipeline.shards.documents import plain_array
from schemas.errors import SpecViolation, StorageError, StoreCorrupt, StoreIncomplete
from schemas.store import ARRAY_FILE, primary_of

__all__ = ["RecordingStore", "Scratch"]

_CONVERT = "Run the conversion again: it rewrites this recording."


class Scratch:
    """Memory that is used again for every channel: fresh pages would cost a fifth of decompressing into them."""

    def __init__(self) -> None:
        self._memory = np.empty(0, "<i2")

    def take(self, shape: tuple[int, ...]) -> NDArray[np.int16]:
        """Return the memory in a shape; what was taken before is overwritten."""
        n = math.prod(shape)
        if n > self._memory.size:
            self._memory = np.empty(n, "<i2")
        return self._memory[:n].reshape(shape)


class RecordingStore:
    """One published recording store.

    Parameters
    ----------
    path : Path
        The store's folder.
    name : str
        ``cohort/key``, for errors.
    root_digest : str
        SHA-256 of the root document, as the ledger has it.

    Raises
    ------
    StoreIncomplete
        When there is no root document.
    StoreCorrupt
        When it is not the ledger's.
    """

    def __init__(self, path: Path, name: str, root_digest: str) -> None:
        self._path, self.name = path, name
        content = self._file(ARRAY_FILE).tobytes()
        if hashlib.sha256(content).hexdigest() != root_digest:
            raise StoreCorrupt("the root document is not the one that the ledger knows", where=name, do=_CONVERT)
        root = json.loads(content)
        self.attrs: dict[str, Any] = root["attributes"]
        self.documents: dict[str, Any] = root["consolidated_metadata"]["metadata"]

    @property
    def n_epoch(self) -> int:
        """Epochs of the night."""
        return int(self.documents["stage"]["shape"][0])

    def primary(self, modality: str) -> str | None:
        """Return the channel that stands for a modality, or None."""
        return primary_of(((name, document["attributes"]) for name, document in self.documents.items()), modality)

    def plain(self, name: str) -> NDArray[Any]:
        """Return a small array as it is stored.

        Raises
        ------
        StoreIncomplete, StoreCorrupt
            When its chunk is not there, or not what was written.
        SpecViolation
            When the store was written before stores had it.
        """
        document = self.documents.get(name)
        if document is None:
            raise SpecViolation("the store lacks an array", where=self.name, saw=f"no {name}", do=_CONVERT)
        if 0 in document["shape"]:
            return np.empty(document["shape"], document["data_type"])
        file = "/".join([name, "c", *["0"] * len(document["shape"])])
        return plain_array(self._file(file).tobytes(), document, f"{self.name} {file}")

    def counts(self, channel: str, scratch: Scratch) -> NDArray[np.int16]:
        """Return a channel's packed counts, (n_epoch, n_per_epoch), int16; they lie in ``scratch``.

        Raises
        ------
        StoreIncomplete, StoreCorrupt
            When a chunk is not there, or not what was written; names recording and array.
        """
        document = self.documents[channel]
        chunk, n_per_epoch = document["codecs"][0]["configuration"]["chunk_shape"]
        content = self._file(f"{channel}/c/0/0")
        n_chunk = -(-document["shape"][0] // chunk)
        index, index_sum = content[-16 * n_chunk - 4 : -4], content[-4:]
        whole = scratch.take((n_chunk * chunk, n_per_epoch))
        if len(index) != 16 * n_chunk or google_crc32c.value(index) != _checksum(index_sum):
            raise self._corrupt(channel)
        blosc.use_threads = False
        for number, (start, n_byte) in enumerate(index.view("<u8").reshape(-1, 2).tolist()):
            self._decode(channel, content[start : start + n_byte], whole[number * chunk : (number + 1) * chunk])
        return whole[: document["shape"][0]]

    def _decode(self, channel: str, stored: NDArray[np.uint8], out: NDArray[Any]) -> None:
        body = stored[:-4]
        if len(stored) < 4 or google_crc32c.value(body) != _checksum(stored[-4:]):
            raise self._corrupt(channel)
        blosc.decompress(body, out)

    def _corrupt(self, channel: str) -> StoreCorrupt:
        return StoreCorrupt(f"array {channel} is not what was written", where=self.name, do=_CONVERT)

    def _file(self, name: str) -> NDArray[np.uint8]:
        try:
            with storage_errors("a store cannot be read", where=self.name):
                return _mapped(self._path / name)
        except StorageError as error:
            if isinstance(error.__cause__, (FileNotFoundError, NotADirectoryError)):
                raise StoreIncomplete(f"the store has no {name}", where=self.name, do=_CONVERT) from None
            raise


def _mapped(path: Path) -> NDArray[np.uint8]:
    """Return a file's bytes, on a disk without copying them."""
    if is_remote(path):
        return np.frombuffer(path.read_bytes(), np.uint8)
    with path.open("rb") as stream:
        if not os.fstat(stream.fileno()).st_size:
            return np.empty(0, np.uint8)
        return np.frombuffer(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)


def _checksum(stored: NDArray[np.uint8]) -> int:
    return int.from_bytes(stored.tobytes(), "little")

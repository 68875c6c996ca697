"""Read an array of a set through zarr-python: compressed sets, and sets that are read in place from elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from io import UnsupportedOperation
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype

from pipeline.shards.direct import Who
from pipeline.shards.layout import Grid
from pipeline.shards.sources import Source
from pipeline.write.documents import encoded
from schemas.errors import PsgError, StoreCorrupt, StoreIncomplete
from schemas.shard import group_name
from schemas.store import ARRAY_FILE

__all__ = ["ZarrArray"]


class ZarrArray:
    """One array behind zarr-python; ``pieces`` has one piece.

    Parameters
    ----------
    document : mapping
        What the group says of the array: its own document lies beside it, and nothing vouches for that.
    """

    def __init__(self, source: Source, split: str, name: str, document: Mapping[str, Any], who: Who) -> None:
        self.grid, self._document = Grid.of(document), document
        self._source, self._name, self._who = source, f"{group_name(split)}/{name}", who
        self._array: Any = None

    def pieces(self, start: int, n_epoch: int) -> Iterator[NDArray[Any]]:
        """Yield the epochs ``[start, start + n_epoch)`` as one array.

        Raises
        ------
        StoreIncomplete
            When a file is not there.
        StoreCorrupt
            When a chunk is not what was written.
        """
        if self._array is None:
            self._array = zarr.open_array(self._store(), path=self._name, mode="r", zarr_format=3)
        try:
            yield np.asarray(self._array[start : start + n_epoch])
        except PsgError as error:
            error.saw = error.saw or f"recordings {self._who(start, start + n_epoch)}"
            raise
        except (ValueError, RuntimeError) as error:  # what codecs raise: checksums, Blosc
            raise StoreCorrupt(
                "a chunk is not what was written",
                where=self._name,
                saw=f"{type(error).__name__}; recordings {self._who(start, start + n_epoch)}",
                do="Pull or build the set again.",
            ) from None

    def _store(self) -> Store:
        return _SourceStore(self._source, {f"{self._name}/{ARRAY_FILE}": encoded(self._document)})

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_array": None}


class _SourceStore(Store):
    """A source as Zarr sees it, some of its documents at hand.

    A lost chunk is an error: Zarr would fill it with missing samples, silently.
    """

    supports_writes = False
    supports_deletes = False
    supports_listing = False

    def __init__(self, source: Source, documents: Mapping[str, bytes]) -> None:
        super().__init__(read_only=True)
        self._source, self._documents = source, documents

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _SourceStore) and other._source is self._source

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return what lies under a key; None for a document that is not there."""
        if key in self._documents:
            return prototype.buffer.from_bytes(self._documents[key])
        try:
            content = await asyncio.to_thread(self._source.read, key, *_range(byte_range))
        except StoreIncomplete:
            if "/c/" in key:
                raise
            return None
        return prototype.buffer.from_bytes(content)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Return several ranges."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def exists(self, key: str) -> bool:
        """Return whether something lies under a key."""
        try:
            await asyncio.to_thread(self._source.read, key, 0, 1)
        except StoreIncomplete:
            return False
        return True

    async def set(self, key: str, value: Buffer) -> None:
        """Refuse to write."""
        self._check_writable()

    async def delete(self, key: str) -> None:
        """Refuse to delete."""
        self._check_writable()

    def list(self) -> AsyncIterator[str]:
        """Servers do not list."""
        raise UnsupportedOperation("a source has no listing")

    def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Servers do not list."""
        raise UnsupportedOperation("a source has no listing")

    def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Servers do not list."""
        raise UnsupportedOperation("a source has no listing")


def _range(asked: ByteRequest | None) -> tuple[int, int | None]:
    if isinstance(asked, RangeByteRequest):
        return asked.start, asked.end
    if isinstance(asked, OffsetByteRequest):
        return asked.offset, None
    return (-asked.suffix, None) if isinstance(asked, SuffixByteRequest) else (0, None)

"""Read an array of a set through zarr-python: compressed sets, and sets that are read in place from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import FsspecStore, LocalStore, WrapperStore

from pipeline.shards.direct import Who
from pipeline.shards.layout import Grid
from schemas.errors import PsgError, StoreCorrupt, StoreIncomplete
from schemas.shard import group_name

__all__ = ["ZarrArray"]


class ZarrArray:
    """One array behind zarr-python; ``pieces`` has one piece."""

    def __init__(self, place: str, split: str, name: str, grid: Grid, who: Who) -> None:
        self.grid = grid
        self._place, self._name, self._who = place, f"{group_name(split)}/{name}", who
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
            self._array = zarr.open_array(_Whole(_store(self._place)), path=self._name, mode="r", zarr_format=3)
        try:
            yield np.asarray(self._array[start : start + n_epoch])
        except PsgError as error:
            raise error.at(self._name) from None
        except (ValueError, RuntimeError) as error:  # what codecs raise: checksums, Blosc
            raise StoreCorrupt(
                "a chunk is not what was written",
                where=self._name,
                saw=f"{type(error).__name__}; recordings {self._who(start, start + n_epoch)}",
                do="Pull or build the set again.",
            ) from None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_array": None}


class _Whole(WrapperStore[Any]):
    """A store in which a lost chunk is an error: Zarr would fill it with missing samples, silently."""

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return what lies under a key."""
        found = await super().get(key, prototype, byte_range)
        if found is None and "/c/" in key:
            raise StoreIncomplete("a file of the set is missing", where=key)
        return found


def _store(place: str) -> Any:
    return FsspecStore.from_url(place, read_only=True) if "://" in place else LocalStore(place, read_only=True)

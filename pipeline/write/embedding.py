"""Write what a network makes of a night beside its recording store."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from pipeline.places import storage_errors
from pipeline.write.publish import make_durable, publish, temporary_name
from schemas.embedding import EMBEDDING

__all__ = ["embedding_path", "write_embedding"]

_CHUNK_EPOCH = 120  # an hour; 0.4 MB at a width of 768


def embedding_path(store: Path) -> Path:
    """Return where the embedding of a recording store lies."""
    return store.with_name(store.name.removesuffix(".zarr") + EMBEDDING)


def write_embedding(ds: xr.Dataset, store: Path) -> Path:
    """Write it whole or not at all; an older one is replaced.

    Raises
    ------
    StorageError
        When the disk or the object store refuses.
    """
    final = embedding_path(store)
    temporary = temporary_name(final)
    with storage_errors("the embedding cannot be written", where=final.name):
        temporary.parent.mkdir(parents=True, exist_ok=True)
        chunks = {
            name: {"chunks": tuple(min(_CHUNK_EPOCH, n) if dim == "epoch" else n for dim, n in v.sizes.items())}
            for name, v in ds.data_vars.items()
        }
        ds.to_zarr(temporary, mode="w-", zarr_format=3, consolidated=False, encoding=chunks)
        make_durable(temporary)
    publish(temporary, final)
    return final

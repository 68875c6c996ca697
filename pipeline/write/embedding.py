"""Write what a network makes of a night beside its recording store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from pipeline.files.places import storage_errors
from pipeline.write.documents import array_document, encoded, root_document
from pipeline.write.publish import make_durable, publish, temporary_name
from pipeline.write.shard import plain_chunk
from schemas.embedding import EMBEDDING
from schemas.store import ARRAY_FILE, ArraySpec

__all__ = ["embedding_path", "write_embedding"]


def embedding_path(store: Path) -> Path:
    """Return where the embedding of a recording store lies."""
    return store.with_name(store.name.removesuffix(".zarr") + EMBEDDING)


def write_embedding(ds: xr.Dataset, store: Path) -> Path:
    """Write it whole or not at all, each array as one chunk with its checksum; an older one is replaced.

    Parameters
    ----------
    ds : xr.Dataset
        Variables float32 or int64, loaded; ``long_name`` and ``units`` are their attributes.
    store : Path
        The recording store that it is of.

    Raises
    ------
    StorageError
        When the disk or the object store refuses.
    """
    final = embedding_path(store)
    temporary = temporary_name(final)
    with storage_errors("the embedding cannot be written", where=final.name):
        documents = {str(name): _write_array(temporary / str(name), v) for name, v in ds.data_vars.items()}
        (temporary / ARRAY_FILE).write_bytes(encoded(root_document(ds.attrs, documents)))
    make_durable(temporary)
    publish(temporary, final)
    return final


def _write_array(folder: Path, variable: xr.DataArray) -> dict[str, object]:
    fill = float("nan") if np.issubdtype(variable.dtype, np.floating) else -1
    dims, attrs = tuple(map(str, variable.dims)), variable.attrs
    spec = ArraySpec(dims, str(variable.dtype), fill, attrs["units"], attrs["long_name"])
    document = array_document(spec, variable.shape, attrs)
    chunk = folder.joinpath("c", *["0"] * variable.ndim)
    chunk.parent.mkdir(parents=True)
    chunk.write_bytes(plain_chunk(variable.values, spec.data_type))
    (folder / ARRAY_FILE).write_bytes(encoded(document))
    return document

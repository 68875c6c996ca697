"""Read small arrays of a store: single plain chunks, their checksums checked, without opening Zarr.

For those who look at tens of thousands of stores; `pipeline.api` is the door for one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numcodecs.vlen import VLenUTF8
from numpy.typing import NDArray

from pipeline.files.places import read_all
from schemas.errors import SpecViolation, StoreCorrupt, StoreIncomplete

__all__ = ["read_plain"]

_CHECKSUM = 4  # bytes, little-endian CRC-32C after the values


def read_plain(
    store: Path, documents: Mapping[str, Mapping[str, Any]], names: Iterable[str]
) -> dict[str, NDArray[Any]]:
    """Return the values of arrays that are one plain chunk each.

    Parameters
    ----------
    store : Path
        The store's folder.
    documents : mapping of str to mapping
        The arrays' documents, e.g. the root's consolidated metadata.
    names : iterable of str
        The arrays that are wanted.

    Returns
    -------
    dict of str to ndarray
        Shapes and types as the documents have them; words as objects.

    Raises
    ------
    StoreIncomplete
        When a chunk is not there.
    StoreCorrupt
        When one is not what was written.
    SpecViolation
        When an array is stored in another way.
    """
    shapes = {name: tuple(documents[name]["shape"]) for name in names}
    full = {name: store / name / "c" / "/".join("0" * len(s)) for name, s in shapes.items() if math.prod(s)}
    try:
        contents = dict(zip(full, read_all(list(full.values())), strict=True))
    except FileNotFoundError:
        raise StoreIncomplete("the chunk of a small array is missing", where=store.name) from None
    return {name: _decoded(name, documents[name], contents.get(name), store.name) for name in shapes}


def _decoded(name: str, document: Mapping[str, Any], content: bytes | None, where: str) -> NDArray[Any]:
    shape = tuple(document["shape"])
    names = [codec["name"] for codec in document["codecs"]]
    if names not in (["bytes", "crc32c"], ["vlen-utf8", "crc32c"]):
        raise SpecViolation(f"array {name!r} is no plain chunk", where=where, saw=", ".join(names))
    is_text = names[0] == "vlen-utf8"
    dtype = np.dtype(object) if is_text else np.dtype(document["data_type"]).newbyteorder("<")
    if content is None:
        return np.empty(shape, dtype)
    body, checksum = content[:-_CHECKSUM], content[-_CHECKSUM:]
    if google_crc32c.value(body) != int.from_bytes(checksum, "little"):
        raise StoreCorrupt(f"the checksum of array {name!r} is wrong", where=where)
    values = VLenUTF8().decode(body) if is_text else np.frombuffer(body, dtype)
    if values.size != math.prod(shape):
        raise StoreCorrupt(f"array {name!r} has another size", where=where, saw=values.size, expected=shape)
    return np.asarray(values).reshape(shape)

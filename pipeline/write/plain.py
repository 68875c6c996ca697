"""Read one small array of a store: a single plain chunk, its checksum checked, without opening Zarr.

For those who look at tens of thousands of stores; `pipeline.api` is the door for one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numcodecs.vlen import VLenUTF8
from numpy.typing import NDArray

from schemas.errors import SpecViolation, StoreCorrupt, StoreIncomplete

__all__ = ["read_plain"]

_CHECKSUM = 4  # bytes, little-endian CRC-32C after the values


def read_plain(store: Path, name: str, document: Mapping[str, Any]) -> NDArray[Any]:
    """Return the values of an array that is one plain chunk.

    Parameters
    ----------
    store : Path
        The store's folder.
    document : mapping
        The array's document, e.g. from the root's consolidated metadata.

    Returns
    -------
    ndarray
        Shape and type as the document has them; words as objects.

    Raises
    ------
    StoreIncomplete
        When the chunk is not there.
    StoreCorrupt
        When it is not what was written.
    SpecViolation
        When the array is stored in another way.
    """
    shape = tuple(document["shape"])
    names = [codec["name"] for codec in document["codecs"]]
    if names not in (["bytes", "crc32c"], ["vlen-utf8", "crc32c"]):
        raise SpecViolation(f"array {name!r} is no plain chunk", where=store.name, saw=", ".join(names))
    is_text = names[0] == "vlen-utf8"
    dtype = np.dtype(object) if is_text else np.dtype(document["data_type"]).newbyteorder("<")
    if not math.prod(shape):
        return np.empty(shape, dtype)
    try:
        content = (store / name / "c" / "/".join("0" * len(shape))).read_bytes()
    except OSError:
        raise StoreIncomplete(f"the chunk of array {name!r} cannot be read", where=store.name) from None
    body, checksum = content[:-_CHECKSUM], content[-_CHECKSUM:]
    if google_crc32c.value(body) != int.from_bytes(checksum, "little"):
        raise StoreCorrupt(f"the checksum of array {name!r} is wrong", where=store.name)
    values = VLenUTF8().decode(body) if is_text else np.frombuffer(body, dtype)
    if values.size != math.prod(shape):
        raise StoreCorrupt(f"array {name!r} has another size", where=store.name, saw=values.size, expected=shape)
    return np.asarray(values).reshape(shape)

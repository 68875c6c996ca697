"""Zarr v3 metadata documents, written as the specification has them.

zarr-python would write the same ones, ten times slower and without letting us know their bytes; the tests hold
ours equal to its own.

Source: Zarr core specification 3.0 and the codecs sharding_indexed, crc32c; docs/adr/0002-store-layout.md.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from pipeline.write.shard import LEVEL, NAME
from schemas.store import ArraySpec

__all__ = ["array_document", "document_digest", "encoded", "root_document", "self_digest"]

_CRC: dict[str, Any] = {"name": "crc32c"}


def array_document(
    spec: ArraySpec, shape: tuple[int, ...], attrs: Mapping[str, Any], *, inner_chunk: int | None = None
) -> dict[str, Any]:
    """Return an array's document.

    Parameters
    ----------
    inner_chunk : int, optional
        Epochs of an inner chunk: the array is one shard. Without it the array is one plain chunk.
    """
    chunk = [max(1, n) for n in shape]
    codecs = [_to_bytes(spec.data_type), _CRC]
    if inner_chunk is not None:
        inner = [inner_chunk, *shape[1:]]
        chunk[0] = math.ceil(shape[0] / inner_chunk) * inner_chunk
        codecs = [_sharding(spec.data_type, inner)]
    fill = "NaN" if isinstance(spec.fill, float) and math.isnan(spec.fill) else spec.fill
    return {
        "shape": list(shape),
        "data_type": spec.data_type,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": fill,
        "codecs": codecs,
        "attributes": dict(attrs),
        "dimension_names": list(spec.dims),
        "zarr_format": 3,
        "node_type": "array",
        "storage_transformers": [],
    }


def root_document(attrs: Mapping[str, Any], arrays: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the group's document with all arrays' documents consolidated in it."""
    metadata = {"kind": "inline", "must_understand": False, "metadata": dict(arrays)}
    return {
        "attributes": dict(attrs) | {"self_digest": self_digest(attrs)},
        "zarr_format": 3,
        "consolidated_metadata": metadata,
        "node_type": "group",
    }


def encoded(document: Mapping[str, Any]) -> bytes:
    """Return a document's bytes, the same for equal documents."""
    return json.dumps(document, allow_nan=False).encode()


def document_digest(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of an array's document as its file must have it."""
    return hashlib.sha256(encoded(document)).hexdigest()


def self_digest(attrs: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the root's attributes, the one that holds it left out."""
    own = {name: value for name, value in attrs.items() if name != "self_digest"}
    return hashlib.sha256(json.dumps(own, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _to_bytes(data_type: str) -> dict[str, Any]:
    if data_type == "string":
        return {"name": "vlen-utf8", "configuration": {}}
    if data_type == "int8":
        return {"name": "bytes"}
    return {"name": "bytes", "configuration": {"endian": "little"}}


def _sharding(data_type: str, inner: list[int]) -> dict[str, Any]:
    item_size = {"int16": 2, "int8": 1}[data_type]
    blosc = {"typesize": item_size, "cname": NAME, "clevel": LEVEL, "shuffle": "bitshuffle", "blocksize": 0}
    configuration = {
        "chunk_shape": inner,
        "codecs": [_to_bytes(data_type), {"name": "blosc", "configuration": blosc}, _CRC],
        "index_codecs": [_to_bytes("uint64"), _CRC],
        "index_location": "end",
    }
    return {"name": "sharding_indexed", "configuration": configuration}

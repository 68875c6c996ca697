"""Read the documents of a set and the small arrays of a split, and refuse what has been altered or is too new."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import google_crc32c
import numpy as np
from numcodecs.vlen import VLenUTF8
from numpy.typing import NDArray

from pipeline.shards.sources import Source
from pipeline.write.documents import self_digest
from schemas.errors import SpecTooNew, SpecViolation, StoreCorrupt, StoreIncomplete
from schemas.shard import SET, SPEC, SPEC_VERSION, group_name
from schemas.store import ARRAY_FILE

__all__ = ["arrays_of", "checked_set", "plain_array", "read_group", "read_set", "small_array"]

_AGAIN = "Pull or build the set again."


def read_set(source: Source, where: str) -> dict[str, Any]:
    """Return what a set says of itself.

    Raises
    ------
    StoreIncomplete
        When there is no set: it is written last.
    StoreCorrupt, SpecViolation, SpecTooNew
        As `checked_set`.
    """
    try:
        content = source.read(SET)
    except StoreIncomplete:
        raise StoreIncomplete("no training shards here", where=where, saw=f"no {SET}", do=_AGAIN) from None
    return checked_set(content, where)


def checked_set(content: bytes, where: str) -> dict[str, Any]:
    """Parse a set's document.

    Raises
    ------
    StoreCorrupt
        When it is not what was written.
    SpecViolation
        When it is no set's, or an older specification's.
    SpecTooNew
        When a later version of the program wrote it.
    """
    try:
        said: dict[str, Any] = json.loads(content)
        spec, version, digest = said.get("spec"), said.get("spec_version"), said.get("self_digest")
    except (ValueError, AttributeError):
        raise StoreCorrupt(f"{SET} cannot be parsed", where=where, do=_AGAIN) from None
    if digest is not None and digest != self_digest(said):
        raise StoreCorrupt(f"{SET} is not what was written", where=where, do=_AGAIN)
    if spec == SPEC and isinstance(version, int) and version > SPEC_VERSION:
        raise SpecTooNew(
            "the set was written by a later version",
            where=where,
            saw=f"specification {version}",
            expected=f"at most {SPEC_VERSION}",
            do="Update sleep2vec to read it.",
        )
    if (spec, version) != (SPEC, SPEC_VERSION) or digest is None:
        raise SpecViolation("not training shards", where=where, saw=(spec, version), expected=(SPEC, SPEC_VERSION))
    return said


def read_group(source: Source, split: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the root document of a split's group, which the set's own document vouches for.

    Raises
    ------
    SpecViolation
        When the set has no such split.
    StoreIncomplete
        When the document is not there.
    StoreCorrupt
        When it is not what was written.
    """
    if split not in said["splits"]:
        raise SpecViolation("the set has no such split", saw=split, expected=", ".join(said["splits"]))
    name = f"{group_name(split)}/{ARRAY_FILE}"
    content = source.read(name)
    if hashlib.sha256(content).hexdigest() != said["splits"][split]["root_digest"]:
        raise StoreCorrupt("the document of a split is not what was written", where=name, do=_AGAIN)
    root: dict[str, Any] = json.loads(content)
    return root


def arrays_of(root: Mapping[str, Any]) -> dict[str, Any]:
    """Return the documents of a group's arrays, by name."""
    documents: dict[str, Any] = root["consolidated_metadata"]["metadata"]
    return documents


def small_array(source: Source, split: str, name: str, document: Mapping[str, Any]) -> NDArray[Any]:
    """Return an array of one plain chunk; text as Python strings.

    Raises
    ------
    StoreIncomplete
        When its chunk is not there.
    StoreCorrupt
        When its chunk is not what was written.
    """
    file = "/".join([group_name(split), name, "c", *["0"] * len(document["shape"])])
    return plain_array(source.read(file), document, file)


def plain_array(content: bytes, document: Mapping[str, Any], where: str) -> NDArray[Any]:
    """Decode the one chunk of a small array, its checksum behind it.

    Raises
    ------
    StoreCorrupt
        When the bytes are not what was written.
    """
    body, checksum = content[:-4], content[-4:]
    if len(content) < 4 or google_crc32c.value(body) != int.from_bytes(checksum, "little"):
        raise StoreCorrupt("a chunk is not what was written", where=where, saw="another checksum", do=_AGAIN)
    try:
        if document["data_type"] == "string":
            return np.asarray(VLenUTF8().decode(body), dtype=object).reshape(document["shape"])
        return np.frombuffer(body, np.dtype(document["data_type"]).newbyteorder("<")).reshape(document["shape"])
    except ValueError:
        raise StoreCorrupt(
            "a chunk is of another array",
            where=where,
            saw=f"{len(body)} bytes",
            expected=document["shape"],
            do=_AGAIN,
        ) from None

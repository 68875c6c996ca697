"""The rules of one array's document that `pipeline.verify.store` checks: V4 to V8; `value_rules` has the values'.

Every rule yields ``(rule, what is wrong)``; numbers are those of docs/store-spec.md and are never reused.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from schemas.kinds import KindSpec, RateClass, kind_of_channel
from schemas.store import (
    ARRAYS,
    CHANNEL_ATTRIBUTES,
    CHUNK_EPOCH,
    DERIVED,
    DERIVED_ATTRIBUTES,
    MISSING,
    OPTIONAL_ARRAYS,
    POLARITY_EVIDENCE,
    ArraySpec,
    channel_array,
    channel_kind,
)
from schemas.vocabulary import Modality, Polarity

__all__ = ["Wrong", "array_spec", "document_rules", "has_type", "sizes_of"]

Wrong = tuple[str, str]  # rule, what is wrong
_BITS = {1 << bit for bit in range(16)}
_CF_PACKING = {"scale_factor", "add_offset", "_FillValue"}
_DEFINING = {  # the array whose length is the dimension's
    "epoch": "epoch_start_s",
    "channel": "channel",
    "event": "event_onset_s",
    "beat": "beat_time_s",
    "breath": "breath_time_s",
    "desaturation": "desaturation_onset_s",
}


def array_spec(name: str) -> ArraySpec | None:
    """Return what the specification says of an array of this name, or None where it knows none."""
    try:
        return ARRAYS.get(name) or OPTIONAL_ARRAYS.get(name) or channel_array(name)
    except KeyError:
        return None


def has_type(value: object, types: tuple[type, ...]) -> bool:
    """Return whether a JSON value has one of the types; true and false are not numbers, NaN is none."""
    return (
        isinstance(value, types)
        and not isinstance(value, bool)
        and not (isinstance(value, float) and not math.isfinite(value))
    )


def sizes_of(documents: Mapping[str, dict[str, Any]]) -> dict[str, int]:
    """Return the size of every dimension, from the arrays that define them and from the rate classes."""
    fixed = {rate.dimension: rate.n_per_epoch for rate in RateClass}
    return fixed | {dim: documents[name]["shape"][0] for dim, name in _DEFINING.items() if name in documents}


def document_rules(name: str, document: dict[str, Any], sizes: Mapping[str, int]) -> Iterator[Wrong]:
    """Yield what is wrong with an array's ``zarr.json``.

    Parameters
    ----------
    name : str
        The array.
    document : dict
        Its metadata, parsed.
    sizes : mapping of str to int
        Of every dimension, from `sizes_of`.
    """
    spec = array_spec(name)
    if spec is None:
        yield "V4", "no array and no canonical channel has this name"
        return
    kind = None if name in ARRAYS or name in OPTIONAL_ARRAYS else channel_kind(name)
    yield from _layout(document, spec, sizes)
    yield from _packing(document["attributes"], spec, kind)
    if kind is not None:
        yield from _channel(name, document["attributes"], kind)
        yield from _polarity(name, document["attributes"])
        yield from _measures(document["attributes"])
    yield from _codes(document["attributes"], spec)


def _layout(document: dict[str, Any], spec: ArraySpec, sizes: Mapping[str, int]) -> Iterator[Wrong]:
    shape = [sizes.get(dim, -1) for dim in spec.dims]
    fill = "NaN" if isinstance(spec.fill, float) else spec.fill
    expected = {
        "zarr_format": 3,
        "node_type": "array",
        "data_type": spec.data_type,
        "dimension_names": list(spec.dims),
        "shape": shape,
        "fill_value": fill,
    }
    for key, value in expected.items():
        if document[key] != value:
            yield "V5", f"{key} is {document[key]!r}, expected {value!r}"
    chunk = document["chunk_grid"]["configuration"]["chunk_shape"]
    if any(n > m for n, m in zip(document["shape"], chunk, strict=True)):
        yield "V5", f"one shard or chunk of {chunk} does not hold the night"
    codecs = document["codecs"]
    if spec.is_sharded:
        if codecs[0]["name"] != "sharding_indexed":
            yield "V5", "an array of samples is not sharded"
            return
        inner = codecs[0]["configuration"]
        if inner["chunk_shape"] != [min(CHUNK_EPOCH, shape[0]), *shape[1:]]:
            yield "V5", f"inner chunks are {inner['chunk_shape']}, expected {CHUNK_EPOCH} epochs"
        if inner["index_codecs"][-1]["name"] != "crc32c":
            yield "V5", "the shard's index has no checksum"
        codecs = inner["codecs"]
    if codecs[-1]["name"] != "crc32c":
        yield "V5", "chunks have no checksum"


def _packing(attrs: dict[str, Any], spec: ArraySpec, kind: KindSpec | None) -> Iterator[Wrong]:
    if attrs.get("units") != spec.units:
        yield "V6", f"units are {attrs.get('units')!r}, expected {spec.units!r}"
    expected = {"scale_factor": kind.scale, "_FillValue": MISSING} if kind and spec.is_packed else {}
    found = {key: attrs[key] for key in _CF_PACKING & set(attrs)}
    if found != expected:
        yield "V6", f"packing is {dict(sorted(found.items()))}, expected {expected}"
    if kind is not None and kind.is_arbitrary:
        factor = attrs.get("night_factor")
        if not isinstance(factor, (int, float)) or not 0 < factor < math.inf:
            yield "V6", f"night_factor is {factor!r}, expected a positive number"
        if not isinstance(attrs.get("source_unit"), str):
            yield "V6", "source_unit is missing"


def _channel(name: str, attrs: dict[str, Any], kind: KindSpec) -> Iterator[Wrong]:
    needed = {**CHANNEL_ATTRIBUTES, **(DERIVED_ATTRIBUTES if attrs.get("resampler") == DERIVED else {})}
    wrong = [key for key, types in needed.items() if key not in attrs or not has_type(attrs[key], types)]
    if wrong:
        yield "V7", f"attributes missing or of another type: {', '.join(wrong)}"
        return
    closed = {
        "kind": {kind_of_channel(name).value},
        "modality": {*Modality, "none"},
        "primary": {0, 1},
        "polarity": set(Polarity),
        "coordinates": {"epoch_start_s"},
    }
    for key, allowed in closed.items():
        if attrs.get(key) not in allowed:
            yield "V7", f"{key} is {attrs.get(key)!r}, expected one of {sorted(map(str, allowed))}"
    low, high, nyquist = attrs["band_low_hz"] or 0, attrs["band_high_hz"], kind.rate_class.rate_hz / 2
    if high is not None and not 0 <= low < high <= nyquist:
        yield "V7", f"the band {low} to {high} Hz does not fit below {nyquist:g} Hz"


def _measures(attrs: dict[str, Any]) -> Iterator[Wrong]:
    """Judge the numbers that checks have kept; a channel need not have any."""
    kept = attrs.get("quality_measures", {})
    if not isinstance(kept, dict) or not all(has_type(value, (int, float)) for value in kept.values()):
        yield "V7", "quality_measures is not a map of numbers"


def _polarity(name: str, attrs: dict[str, Any]) -> Iterator[Wrong]:
    """Judge the evidence that is there; a channel need not have any."""
    there = {key: attrs[key] for key in POLARITY_EVIDENCE if key in attrs}
    wrong = [key for key, value in there.items() if not has_type(value, POLARITY_EVIDENCE[key])]
    if wrong:
        yield "V7", f"attributes of another type: {', '.join(wrong)}"
        return
    if there.get("polarity_stages", "unscored") not in {"N2 N3", "unscored"}:
        yield "V7", f"polarity_stages is {there['polarity_stages']!r}, expected N2 N3 or unscored"
    for key in ("polarity_sleep_correlation", "polarity_eye_correlation"):
        for other, value in there.get(key, {}).items():
            if other == name or not has_type(value, (int, float)) or not -1 <= value <= 1:
                yield "V7", f"{key} with {other!r} is {value!r}, expected -1 to 1 with another channel"


def _codes(attrs: dict[str, Any], spec: ArraySpec) -> Iterator[Wrong]:
    key = "flag_masks" if spec.data_type == "uint16" else "flag_values"
    values, meanings = attrs.get(key), attrs.get("flag_meanings")
    if values is None and meanings is None and spec.codes != "required":
        return
    if spec.codes == "none" or not isinstance(values, list) or not isinstance(meanings, str):
        yield "V8", f"{key} and flag_meanings do not both list the codes"
        return
    words = meanings.split()
    if len(words) != len(values) or len(set(values)) != len(values):
        yield "V8", f"{len(values)} {key} and {len(words)} flag_meanings do not pair"
    listed = dict(zip(values, words, strict=False))
    if spec.data_type == "uint16" and any(mask not in _BITS for mask in values):
        yield "V8", "a flag mask is not one bit"
    if any(listed.get(value) != meaning for value, meaning in spec.meanings.items()):
        yield "V8", f"{key} do not have the meanings of the specification"

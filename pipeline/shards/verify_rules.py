"""Rules of documents and values that `pipeline.shards.verify` checks; numbers are those of docs/shard-spec.md."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.shards.group import array_attributes
from pipeline.shards.layout import Grid
from pipeline.shards.moments import Histogram
from pipeline.shards.read import ShardSet, open_shards
from pipeline.shards.tables import index_columns
from pipeline.splits import check_no_leak
from schemas.errors import PsgError, SplitLeak
from schemas.kinds import RateClass
from schemas.shard import INDEX, NIGHT_ARRAYS, STATISTICS, array_specs
from schemas.store import ARRAY_FILE, ArraySpec
from schemas.vocabulary import Modality, Split, Stage

__all__ = ["document_rules", "index_rules", "night_rules", "statistics_rules"]


def document_rules(
    group: Path, documents: dict[str, Any], said: dict[str, Any], split: str
) -> Iterator[tuple[str, str, str]]:
    """Yield rule, array and what is wrong with a split's documents (S3, S4)."""
    modalities = [Modality(name) for name in said["modalities"]]
    specs = array_specs(modalities)
    for name in sorted(set(specs) ^ set(documents)):
        yield "S4", name, "the array is missing" if name in specs else "the specification has no such array"
    sizes = {"epoch": said["splits"][split]["n_epoch"], "recording": said["splits"][split]["n_recording"]}
    shape = {**sizes, "modality": documents.get("modality", {}).get("shape", [0])[0]}
    instead = {Modality(name): channel for name, channel in said.get("instead", {}).items()}
    for name in sorted(set(specs) & set(documents)):
        try:
            own = json.loads((group / name / ARRAY_FILE).read_bytes())
        except (OSError, ValueError):
            yield "S3", name, "the array's document cannot be read"
            continue
        if own != documents[name]:
            yield "S3", name, "consolidated metadata says otherwise"
            continue
        yield from (("S4", name, what) for what in _array(name, specs[name], own, shape, instead))


def _array(
    name: str,
    spec: ArraySpec,
    document: dict[str, Any],
    sizes: dict[str, int],
    instead: Mapping[Modality, str],
) -> Iterator[str]:
    dims = document.get("dimension_names")
    shape = [sizes.get(dim) or RateClass(dim.removesuffix("_sample")).n_per_epoch for dim in spec.dims]
    if dims != list(spec.dims) or document.get("shape") != shape:
        yield f"dimensions {dims} {document.get('shape')}, expected {list(spec.dims)} {shape}"
    if document.get("data_type") != spec.data_type:
        yield f"type {document.get('data_type')}, expected {spec.data_type}"
    if not _same(document.get("fill_value"), spec.fill):
        yield f"fill value {document.get('fill_value')}, expected {spec.fill}"
    if document.get("attributes") != array_attributes(name, spec, instead):
        yield "attributes are not those of the specification"
    if name not in NIGHT_ARRAYS:
        try:
            Grid.of(document)
        except PsgError as error:
            yield error.what


def _same(fill: object, expected: float | str) -> bool:
    return fill == expected or (fill == "NaN" and expected != expected)


def night_rules(shards: ShardSet) -> Iterator[tuple[str, str, str, str]]:
    """Yield rule, array, recordings and what is wrong with the tables and values of a split (S6, S7)."""
    nights = shards.nights
    ends = np.cumsum(nights.length)
    if (nights.start != ends - nights.length).any() or (nights.length < 1).any():
        yield "S6", "start", "", "recordings do not lie end to end"
        return
    for index, name in enumerate(nights.recording):
        start, length = int(nights.start[index]), int(nights.length[index])
        if (shards.read("recording_index", start, length) != index).any():
            yield "S6", "recording_index", name, "epochs say that they are another recording's"
        if not set(np.unique(shards.read("stage", start, length)).tolist()) <= set(Stage):
            yield "S7", "stage", name, "a code that is no stage"
        usable = shards.read("usable_fraction", start, length)
        if not ((usable >= 0) & (usable <= 1)).all():
            yield "S7", "usable_fraction", name, "a fraction outside 0 to 1"
        for column, modality in enumerate(shards.modalities):
            yield from (("S7", modality, name, what) for what in _samples(shards, modality, index, column))


def _samples(shards: ShardSet, modality: Modality, index: int, column: int) -> Iterator[str]:
    nights = shards.nights
    counts = shards.read(modality, int(nights.start[index]), int(nights.length[index]))
    histogram = Histogram.of_night(counts, modality)
    if bool(histogram.n_sample) is not bool(nights.present[index, column]):
        yield "present says otherwise than its samples"
    elif histogram.n_sample:
        center, scale = histogram.center_and_scale()
        unit = shards.scale_factor(modality)
        if (center * unit, scale * unit or 1.0) != (nights.center[index, column], nights.scale[index, column]):
            yield "center and scale are not those of its samples"


def index_rules(path: Path, said: dict[str, Any], opened: Sequence[ShardSet]) -> Iterator[tuple[str, str, str]]:
    """Yield rule, file and what is wrong with the index (S6, S8)."""
    import polars

    table = polars.read_parquet(path / INDEX)
    columns = index_columns(Modality(name) for name in said["modalities"])
    if {name: str(kind) for name, kind in table.schema.items()} != columns:
        yield "S6", INDEX, "columns or types are not those of the specification"
        return
    for shards in opened:
        rows = table.filter(polars.col("split") == shards.split)
        for name in ("recording", "subject", "start", "length"):
            if rows[name].to_list() != list(getattr(shards.nights, name)):
                yield "S6", INDEX, f"column {name} is not what the split {shards.split} says"
    try:
        check_no_leak(table.select("subject", "family", "split").iter_rows())
    except SplitLeak as error:
        yield "S8", INDEX, f"{error.what}: {error.saw}"


def statistics_rules(path: Path, said: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield rule, file and what is wrong with the statistics (S9); a part of a set has those of the whole."""
    if Split.TRAIN not in said["splits"] or "pulled" in said:
        return
    modalities = tuple(Modality(name) for name in said["modalities"])
    shards = open_shards(path, Split.TRAIN, modalities)
    told = json.loads((path / STATISTICS).read_bytes())["modalities"]
    for modality in modalities:
        whole = Histogram()
        for start, length in zip(shards.nights.start.tolist(), shards.nights.length.tolist(), strict=True):
            whole.add(Histogram.of_night(shards.read(modality, start, length), modality))
        expected = whole.to_json(shards.scale_factor(modality))
        if any(told.get(modality, {}).get(name) != value for name, value in expected.items()):
            yield "S9", STATISTICS, f"{modality}: not what the recordings of train give"

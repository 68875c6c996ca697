"""The night-level tables of a set: arrays of a split's group, and the index over all splits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.shards.choose import Chosen
from pipeline.shards.night import NightFacts
from schemas.shard import INDEX_COLUMNS, MODALITY_COLUMNS, TARGET_COLUMNS
from schemas.vocabulary import Modality

__all__ = ["Placed", "index_columns", "index_file", "night_arrays"]


@dataclass(frozen=True)
class Placed:
    """A recording where it lies."""

    chosen: Chosen
    split: str
    start: int
    facts: NightFacts


def night_arrays(placed: Sequence[Placed], modalities: Sequence[Modality]) -> dict[str, NDArray[Any]]:
    """Return the arrays of `NIGHT_ARRAYS` for the recordings of one split, in their order."""

    def column(name: str, data_type: str) -> NDArray[Any]:
        rows = [[getattr(p.facts.rows[m], name) for m in modalities] for p in placed]
        return np.array(rows, data_type).reshape(len(placed), len(modalities))

    return {
        "modality": np.array([str(m) for m in modalities], object),
        "recording": np.array([p.chosen.name for p in placed], object),
        "subject": np.array([p.chosen.subject for p in placed], object),
        "start": np.array([p.start for p in placed], "<i8"),
        "length": np.array([p.chosen.n_epoch for p in placed], "<i8"),
        "present": column("present", "i1"),
        **{name: column(name, "<f8") for name in ("usable", "night_factor", "center", "scale")},
    }


def index_columns(modalities: Iterable[Modality]) -> dict[str, str]:
    """Return the columns of an index and their Polars types, in order."""
    own = {f"{m}_{name}": kind for m in modalities for name, kind in MODALITY_COLUMNS.items()}
    return {**INDEX_COLUMNS, **TARGET_COLUMNS, **own}


def index_file(placed: Sequence[Placed], modalities: Sequence[Modality]) -> bytes:
    """Return the index as Parquet."""
    import polars

    columns = index_columns(modalities)
    table = polars.DataFrame(
        [_row(p, modalities) for p in placed],
        schema={name: getattr(polars, kind) for name, kind in columns.items()},
    )
    buffer = BytesIO()
    table.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def _row(placed: Placed, modalities: Sequence[Modality]) -> dict[str, Any]:
    chosen = placed.chosen
    row: dict[str, Any] = {name: chosen.facts.get(name) for name in INDEX_COLUMNS}
    row |= {"recording": chosen.name, "subject": chosen.subject, "split": placed.split}
    row |= {"start": placed.start, "length": chosen.n_epoch}
    row |= {name: placed.facts.targets.get(name) for name in TARGET_COLUMNS}
    for modality in modalities:
        row |= {f"{modality}_{name}": value for name, value in _known(placed.facts, modality).items()}
    return row


def _known(facts: NightFacts, modality: Modality) -> Mapping[str, Any]:
    """Return a modality's columns; what is not a number is nothing in a table."""
    row = vars(facts.rows[modality])
    return {name: None if isinstance(value, float) and np.isnan(value) else value for name, value in row.items()}

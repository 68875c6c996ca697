"""A recording store as a batch of one night, by the path that batches of shards take."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from model.batch import Batch
from model.data.assemble import Assembler, Assembly
from model.data.draw import Spans
from model.data.gather import Gatherer
from model.data.loader import Options
from model.data.normalise import Scaling
from model.data.plan import NightPlan
from pipeline.shards.one_night import OneNight, open_store
from pipeline.shards.people import People
from schemas.errors import CheckpointInvalid, ModelError

__all__ = ["Night", "read_night"]

_LABELS = ("stage",)


class Night(NamedTuple):
    """A night with its stages in one batch, (1, T, …); T epochs from ``batch.start`` on."""

    store: OneNight
    batch: Batch


def read_night(path: Path, facts: Mapping[str, Any]) -> Night:
    """Read a recording store as the network of a checkpoint saw its nights.

    Parameters
    ----------
    path : Path
        The store.
    facts : mapping
        Of the checkpoint: modalities, and view and moments of the data that it was trained on.

    Raises
    ------
    CheckpointInvalid
        When the checkpoint does not say how its data were scaled.
    ModelError
        When no epoch of the night is in bed.
    NoUsableChannel, StoreError, StorageError
        As `pipeline.shards.one_night.open_store`.
    """
    data, options = facts.get("data") or {}, Options()
    if "statistics" not in data:
        raise CheckpointInvalid(
            "the checkpoint does not say how its data were scaled", do="Train it again with this version."
        )
    store = open_store(path, facts["config"]["model"]["modalities"], data["statistics"], data["view"])
    draws = NightPlan(Spans.of(store, in_bed_only=options.in_bed_only), 1, 0, is_shuffled=False).batches(0)
    if not draws:
        raise ModelError("no epoch of the night is in bed", where=path.name)
    unknown = np.full(1, -1, np.int64)
    people = People(unknown, unknown, unknown, np.full(1, np.nan))
    assembly = Assembly(Assembler(Scaling.of(store), people, _LABELS, "cpu", with_measured=False), draws[0])
    assembly.read(Gatherer(store, _LABELS, options.least_usable, options.in_bed_only))
    return Night(store, assembly.batch())

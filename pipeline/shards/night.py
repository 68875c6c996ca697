"""What one recording adds to a split: its counts, labels and events, and its row of every night-level table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.shards.moments import Histogram
from pipeline.shards.rasters import rasters
from pipeline.shards.recording import RecordingStore, Scratch
from schemas.errors import SpecViolation
from schemas.event_terms import EVENT_TYPES
from schemas.shard import modality_kind
from schemas.store import MISSING
from schemas.vocabulary import Modality

__all__ = ["ModalityRow", "NightFacts", "Totals", "night_blocks"]

Block = NDArray[Any]
Totals = Mapping[Modality, Histogram]
_NAN = float("nan")


@dataclass(frozen=True)
class ModalityRow:
    """What the tables say of a modality in a recording; the fields are those of `MODALITY_COLUMNS`."""

    present: bool = False
    channel: str | None = None
    usable: float = _NAN
    night_factor: float = _NAN
    center: float = _NAN
    scale: float = _NAN


@dataclass
class NightFacts:
    """Filled while the blocks of a night are taken."""

    rows: dict[Modality, ModalityRow] = field(default_factory=dict)
    stages: dict[int, int] = field(default_factory=dict)


def night_blocks(
    store: RecordingStore,
    modalities: Sequence[Modality],
    index: int,
    facts: NightFacts,
    totals: Totals,
    scratch: Scratch,
) -> Iterator[tuple[str, Block]]:
    """Yield name and epochs of every array on ``epoch``, one at a time; a block is gone at the next one.

    Parameters
    ----------
    index : int
        Position of the recording in its split.
    facts : NightFacts
        Gets what the tables say.
    totals : mapping of Modality to Histogram
        Get the samples of the night: kept a night they would fill the memory.
    scratch : Scratch
        Where a channel is unpacked.
    """
    n_epoch = store.n_epoch
    channels = list(store.plain("channel"))
    all_usable = store.plain("usable_fraction")
    usable = np.zeros((n_epoch, len(modalities)), "<f4")
    for column, modality in enumerate(modalities):
        channel = store.primary(modality)
        if channel is not None:
            usable[:, column] = all_usable[:, channels.index(channel)]
        yield modality, _modality(store, modality, channel, usable[:, column], facts, totals, scratch)
    stage = store.plain("stage")
    facts.stages = {int(code): int(n) for code, n in zip(*np.unique(stage, return_counts=True), strict=True)}
    yield "recording_index", np.full(n_epoch, index, "<i4")
    yield "stage", stage
    yield "in_bed", store.plain("in_bed")
    yield "usable_fraction", usable
    onset_s, duration_s = store.plain("event_onset_s"), store.plain("event_duration_s")
    yield from rasters(onset_s, duration_s, _event_codes(store), store.attrs["event_scored"], n_epoch).items()


def _event_codes(store: RecordingStore) -> Block:
    """Return the vocabulary's code of every event; a store lists what its own codes mean."""
    attrs = store.documents["event_type"]["attributes"]
    names = dict(zip(attrs["flag_values"], attrs["flag_meanings"].split(), strict=True))
    own = store.plain("event_type").tolist()
    return np.array(
        [EVENT_TYPES[names[code]].code if names.get(code) in EVENT_TYPES else -1 for code in own], "<i2"
    )


def _modality(
    store: RecordingStore,
    modality: Modality,
    channel: str | None,
    usable: NDArray[np.float32],
    facts: NightFacts,
    totals: Totals,
    scratch: Scratch,
) -> Block:
    kind = modality_kind(modality)
    n_per_epoch = kind.rate_class.n_per_epoch
    if channel is None:
        facts.rows[modality] = ModalityRow()
        nothing = scratch.take((store.n_epoch, n_per_epoch))
        nothing.fill(MISSING)
        return nothing
    attrs = store.documents[channel]["attributes"]
    counts = store.counts(channel, scratch)
    if counts.shape != (store.n_epoch, n_per_epoch) or attrs["scale_factor"] != kind.scale:
        raise SpecViolation(
            f"{channel} cannot stand for {modality}",
            where=store.name,
            saw=(counts.shape, attrs["scale_factor"]),
            expected=((store.n_epoch, n_per_epoch), kind.scale),
        )
    histogram = Histogram.of_night(counts, modality)
    if not histogram.n_sample:
        facts.rows[modality] = ModalityRow(channel=channel, usable=0.0)
        return counts
    center, scale = histogram.center_and_scale()
    totals[modality].add(histogram)
    facts.rows[modality] = ModalityRow(
        present=True,
        channel=channel,
        usable=float(np.mean(usable, dtype=np.float64)),
        night_factor=float(attrs.get("night_factor", 1.0)),
        center=center * kind.scale,
        scale=scale * kind.scale or 1.0,
    )
    return counts

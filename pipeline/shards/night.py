"""What one recording adds to a split: its counts, labels and events, and its row of every night-level table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.catalog.night import NIGHT_ARRAYS, night_facts
from pipeline.shards.moments import Histogram
from pipeline.shards.rasters import rasters
from pipeline.shards.recording import RecordingStore, Scratch
from schemas.errors import SpecViolation
from schemas.event_terms import EVENT_TYPES
from schemas.kinds import KINDS, kind_of_channel
from schemas.shard import modality_kind
from schemas.store import MISSING, meanings_of
from schemas.views import View
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
    targets: Mapping[str, Any] = field(default_factory=dict)


def night_blocks(
    store: RecordingStore,
    modalities: Sequence[Modality],
    index: int,
    facts: NightFacts,
    totals: Totals,
    scratch: Scratch,
    view: View | None = None,
    instead: Mapping[Modality, str] = MappingProxyType({}),
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
    view : View, optional
        The bands that are kept; as stored without.
    instead : mapping of Modality to str
        Channels that stand for a modality instead of its primary one; a night without it is without the modality.
    """
    n_epoch = store.n_epoch
    values = {name: store.plain(name) for name in NIGHT_ARRAYS} | {"event_type": _event_codes(store)}
    channels = list(values["channel"])
    usable = np.zeros((n_epoch, len(modalities)), "<f4")
    for column, modality in enumerate(modalities):
        channel = _channel(store, modality, instead)
        if channel is None:
            facts.rows[modality] = ModalityRow()
            yield modality, _nothing(n_epoch, modality, scratch)
            continue
        counts = _counts(store, modality, channel, scratch)
        usable[:, column] = values["usable_fraction"][:, channels.index(channel)]
        if view is not None and (seen := _seen(view, store, modality, channel, counts)) is not None:
            counts = seen
            np.minimum(
                usable[:, column], np.mean(counts != MISSING, axis=1), out=usable[:, column], casting="same_kind"
            )
        facts.rows[modality] = _row(store, modality, channel, counts, usable[:, column], totals[modality])
        yield modality, counts
    history = store.attrs.get("history", {})
    facts.targets = night_facts(store.attrs, values) | {f"history_{name}": said for name, said in history.items()}
    stage = values["stage"]
    facts.stages = {int(code): int(n) for code, n in zip(*np.unique(stage, return_counts=True), strict=True)}
    yield "recording_index", np.full(n_epoch, index, "<i4")
    yield "stage", stage
    yield "in_bed", values["in_bed"]
    yield "usable_fraction", usable
    onset_s, duration_s = store.plain("event_onset_s"), store.plain("event_duration_s")
    yield from rasters(onset_s, duration_s, values["event_type"], store.attrs["event_scored"], n_epoch).items()


def _channel(store: RecordingStore, modality: Modality, instead: Mapping[Modality, str]) -> str | None:
    if modality not in instead:
        return store.primary(modality)
    return instead[modality] if instead[modality] in store.documents else None


def _event_codes(store: RecordingStore) -> Block:
    """Return the vocabulary's code of every event; a store lists what its own codes mean."""
    names = meanings_of(store.documents["event_type"]["attributes"])
    own = store.plain("event_type").tolist()
    return np.array(
        [EVENT_TYPES[names[code]].code if names.get(code) in EVENT_TYPES else -1 for code in own], "<i2"
    )


def _nothing(n_epoch: int, modality: Modality, scratch: Scratch) -> Block:
    nothing = scratch.take((n_epoch, modality_kind(modality).rate_class.n_per_epoch))
    nothing.fill(MISSING)
    return nothing


def _counts(store: RecordingStore, modality: Modality, channel: str, scratch: Scratch) -> Block:
    kind = modality_kind(modality)
    scale = store.documents[channel]["attributes"]["scale_factor"]
    own = KINDS[kind_of_channel(channel)]
    counts = store.counts(channel, scratch)
    expected = (store.n_epoch, kind.rate_class.n_per_epoch)
    if counts.shape != expected or scale != own.scale:
        raise SpecViolation(
            f"{channel} cannot stand for {modality}",
            where=store.name,
            saw=(counts.shape, scale),
            expected=(expected, own.scale),
        )
    return counts if own.scale == kind.scale else _packed_anew(counts, own.scale / kind.scale)


def _packed_anew(counts: Block, ratio: float) -> Block:
    """Return counts of another scale, rounded; what is missing stays so."""
    return np.where(counts == MISSING, MISSING, np.rint(counts * ratio)).astype("<i2")


def _seen(view: View, store: RecordingStore, modality: Modality, channel: str, counts: Block) -> Block | None:
    from pipeline.shards.view import in_view  # brings the signal libraries

    return in_view(view, counts, store.documents[channel]["attributes"], modality_kind(modality))


def _row(
    store: RecordingStore,
    modality: Modality,
    channel: str,
    counts: Block,
    usable: NDArray[np.float32],
    total: Histogram,
) -> ModalityRow:
    histogram = Histogram.of_night(counts, modality)
    if not histogram.n_sample:
        return ModalityRow(channel=channel, usable=0.0)
    total.add(histogram)
    center, scale = histogram.center_and_scale()
    unit = modality_kind(modality).scale
    return ModalityRow(
        present=True,
        channel=channel,
        usable=float(np.mean(usable, dtype=np.float64)),
        night_factor=float(store.documents[channel]["attributes"].get("night_factor", 1.0)),
        center=center * unit,
        scale=scale * unit or 1.0,
    )

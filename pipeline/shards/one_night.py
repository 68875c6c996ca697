"""A recording store as a split of one recording: what a model sees is what it would see in a set of shards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.api import open_recording
from pipeline.shards.moments import Histogram
from pipeline.shards.night import NightFacts, night_blocks
from pipeline.shards.read import Nights, ShardSet
from pipeline.shards.recording import RecordingStore, Scratch
from schemas.errors import NoUsableChannel
from schemas.store import ARRAY_FILE
from schemas.views import VIEWS
from schemas.vocabulary import Modality

__all__ = ["OneNight", "open_store"]


class OneNight(ShardSet):
    """A split whose one recording lies in memory; made by `open_store`.

    Attributes
    ----------
    attrs : mapping
        Of the store.
    root_digest : str
        SHA-256 of the store's root document.
    """

    def __init__(
        self,
        store: RecordingStore,
        nights: Nights,
        modalities: tuple[Modality, ...],
        blocks: Mapping[str, NDArray[Any]],
        moments: Mapping[str, Mapping[str, float | None]],
        root_digest: str,
    ) -> None:
        self.attrs, self.root_digest = store.attrs, root_digest
        self._blocks, self._moments = blocks, moments
        super().__init__("", "store", modalities, nights, {})

    def statistics(self) -> dict[str, Any]:
        """Return the moments that were given: those of the split train of another set."""
        return {"modalities": self._moments}

    def pieces(self, name: str, start: int, n_epoch: int) -> Iterator[NDArray[Any]]:
        """Yield consecutive epochs of an array in one piece."""
        yield self._blocks[name][start : start + n_epoch]

    def _open(self, name: str) -> Any:
        return self._blocks[name]


def open_store(
    path: Path,
    modalities: Sequence[str],
    moments: Mapping[str, Mapping[str, float | None]],
    view: str | None = None,
) -> OneNight:
    """Open a recording store; every byte that is read has its checksum looked at.

    Parameters
    ----------
    path : Path
        The store's folder or URL.
    modalities : sequence of str
        Those that are wanted; a recording may lack some.
    moments : mapping of modality to mapping
        ``mean`` and ``sd`` in the stored unit, as a set's statistics have them.
    view : str, optional
        A name of `schemas.views.VIEWS`.

    Raises
    ------
    NoUsableChannel
        When the recording has none of the modalities.
    StoreError, StorageError
        As `pipeline.api.open_recording`, and when a chunk is not what was written.
    """
    open_recording(path)
    root_digest = hashlib.sha256((path / ARRAY_FILE).read_bytes()).hexdigest()
    store = RecordingStore(path, path.name, root_digest)
    wanted = tuple(Modality(name) for name in modalities)
    facts, totals = NightFacts(), {modality: Histogram() for modality in wanted}
    seen = night_blocks(store, wanted, 0, facts, totals, Scratch(), VIEWS[view] if view else None)
    blocks = {name: np.array(block) for name, block in seen if not name.startswith(("event_", "onset_"))}
    if not any(row.present for row in facts.rows.values()):
        raise NoUsableChannel(
            "the recording has none of the model's modalities",
            where=path.name,
            expected=", ".join(wanted),
            do="Take a model that was trained with what this recording has.",
        )
    return OneNight(store, _nights(store, wanted, facts), wanted, blocks, moments, root_digest)


def _nights(store: RecordingStore, modalities: Sequence[Modality], facts: NightFacts) -> Nights:
    rows = [facts.rows[modality] for modality in modalities]

    def column(name: str) -> NDArray[np.float64]:
        return np.array([[getattr(row, name) for row in rows]], np.float64)

    return Nights(
        recording=[f"{store.attrs['cohort']}/{store.attrs['recording']}"],
        subject=[f"{store.attrs['cohort']}/{store.attrs['subject']}"],
        start=np.zeros(1, np.int64),
        length=np.array([store.n_epoch], np.int64),
        present=np.array([[row.present for row in rows]]),
        usable=column("usable"),
        night_factor=column("night_factor"),
        center=column("center"),
        scale=column("scale"),
        column=np.arange(len(rows)),
    )

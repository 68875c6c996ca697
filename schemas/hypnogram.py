"""Stages and events as scored, before they meet the signals' clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from schemas.vocabulary import Scored, StageScheme

__all__ = ["Annotations", "EventTable", "Hypnogram"]


@dataclass(frozen=True)
class Hypnogram:
    """A night's stages, one per epoch of 30 s, gapless.

    Parameters
    ----------
    start_s : float
        Seconds from recording start to the first scored boundary: the origin of the epoch grid.
    stage : ndarray, shape (n_epoch,), int8
        `schemas.vocabulary.Stage` codes; -1 where nobody scored.
    stage_source : ndarray, shape (n_epoch,), int8
        The scorer's own code, as listed in ``source_codes``; -1 where nothing was written.
    source_codes : mapping of int to str
        What the scorer's codes mean, in the words of the format (``"Stage 4 sleep"``).
    scheme : StageScheme
        Rules of scoring. With ``sleep_wake`` an epoch of sleep has stage -1: it is not N2.
    staged : ndarray, shape (n_epoch,), bool
        The scorer gave a stage, be it one that ``sleep_wake`` cannot name.
    """

    start_s: float
    stage: NDArray[np.int8]
    stage_source: NDArray[np.int8]
    source_codes: Mapping[int, str]
    scheme: StageScheme
    staged: NDArray[np.bool_]

    @property
    def n_epoch(self) -> int:
        """Number of epochs."""
        return int(self.stage.size)


@dataclass(frozen=True)
class EventTable:
    """Scored events of one night, sorted by onset.

    Parameters
    ----------
    onset_s, duration_s : ndarray, shape (n_event,), float64, seconds
        Onset counts from recording start.
    type : tuple of str
        Canonical event type, `schemas.event_terms.EVENT_TYPES`.
    channel : tuple of str
        The channel it was scored on as the source names it, or ``""``. May be free text: compare it with the
        labels of the file before it is kept.
    term : tuple of str
        The row that mapped it, of `schemas.event_terms` or of the manifest; never the source's own text.
    unmapped : mapping of str to int
        Terms that no table maps, with counts. Kept in memory for ``scan``; only the total leaves the machine.
    """

    onset_s: NDArray[np.float64]
    duration_s: NDArray[np.float64]
    type: tuple[str, ...]
    channel: tuple[str, ...] = field(repr=False)
    term: tuple[str, ...]
    unmapped: Mapping[str, int] = field(default_factory=dict, repr=False)

    @property
    def n_event(self) -> int:
        """Number of events."""
        return int(self.onset_s.size)


@dataclass(frozen=True)
class Annotations:
    """What one annotation source says about a night.

    Parameters
    ----------
    clock_start_s : float or None
        Time of day that the times count from, in seconds; dates are never kept.
    is_clocked : bool
        The source writes times of day: only the signals' clock says where in the recording they lie.
    other_scorers : mapping of int to Hypnogram
        Stages of further scorers of the same night, by number from 2, in the same time.
    """

    hypnogram: Hypnogram | None
    events: EventTable
    scored: Mapping[str, Scored] = field(default_factory=dict)
    clock_start_s: float | None = None
    is_clocked: bool = False
    other_scorers: Mapping[int, Hypnogram] = field(default_factory=dict)

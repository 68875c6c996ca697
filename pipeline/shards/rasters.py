"""Scored events of a recording, drawn second by second."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from schemas.event_terms import EVENT_TYPES, EventClass
from schemas.shard import RASTER_CLASSES
from schemas.vocabulary import EPOCH_S, Scored

__all__ = ["class_meanings", "rasters"]

_CODES = {c: [t.code for t in EVENT_TYPES.values() if t.event_class is c] for c in RASTER_CLASSES}
_MOST = 127  # onsets in one second that int8 can tell


def rasters(
    onset_s: NDArray[np.float64],
    duration_s: NDArray[np.float64],
    code: NDArray[np.int16],
    scored: Mapping[str, str],
    n_epoch: int,
) -> dict[str, NDArray[np.int8]]:
    """Draw the events of every class in `RASTER_CLASSES`.

    Parameters
    ----------
    onset_s, duration_s : ndarray, shape (n_event,), float64, seconds
        From the grid's origin, sorted by onset.
    code : ndarray, shape (n_event,), int16
        Codes of `schemas.event_terms.EVENT_TYPES`.
    scored : mapping of str to str
        Class to ``yes``, ``no`` or ``partly``.

    Returns
    -------
    dict of str to ndarray, shape (n_epoch, 30), int8
        ``event_<class>`` and ``onset_<class>``. A second without event is 0 where the class was scored and -1 where
        it was not, or only partly; where events overlap, the one that began later is seen.
    """
    drawn = {}
    for event_class in RASTER_CLASSES:
        empty = 0 if scored.get(event_class.value) == Scored.YES else -1
        event = np.full(n_epoch * EPOCH_S, empty, np.int8)
        onset = event.copy()
        mine = np.isin(code, _CODES[event_class])
        _draw(event, onset, onset_s[mine], duration_s[mine], code[mine])
        drawn[f"event_{event_class.value}"] = event.reshape(n_epoch, EPOCH_S)
        drawn[f"onset_{event_class.value}"] = onset.reshape(n_epoch, EPOCH_S)
    return drawn


def _draw(
    event: NDArray[np.int8],
    onset: NDArray[np.int8],
    onset_s: NDArray[np.float64],
    duration_s: NDArray[np.float64],
    code: NDArray[np.int16],
) -> None:
    n_second = len(event)
    first = np.floor(onset_s).astype(np.int64)
    last = np.maximum(first + 1, np.ceil(onset_s + np.nan_to_num(duration_s)).astype(np.int64))
    span = np.clip([first, last], 0, n_second).tolist()
    for start, stop, kind in zip(*span, code.tolist(), strict=True):
        event[start:stop] = kind
    begun = np.bincount(first[(first >= 0) & (first < n_second)], minlength=n_second)
    onset[begun > 0] = np.minimum(begun[begun > 0], _MOST)


def class_meanings(event_class: EventClass) -> dict[int, str]:
    """Return the codes of a class's raster and what they mean."""
    types = {t.code: name for name, t in EVENT_TYPES.items() if t.event_class is event_class}
    return {-1: "not_scored", 0: "none", **types}

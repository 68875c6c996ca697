"""Which hypopneas go with a fall of saturation, and which with an arousal.

1. Apneas and hypopneas that overlap by more than a second are one event: an apnea where one of them is. Events that
   follow each other, or overlap by no more than scorers' rounding, are as many as were scored.
2. A fall of saturation goes with every event that ended between 30 s before its onset and its nadir, and with an
   event under way at its nadir where there is no such one. A fall may go with several events, as where breathing
   stops again before saturation has recovered.
3. An arousal goes with every event that it begins in, or within 5 s after.

Source
------
AASM Manual v3, hypopnea rules 1A and 1B, which give no windows. Blood takes some 10 to 30 s from the lungs to a
finger. The windows are this project's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AROUSAL_LINK_S",
    "DESATURATION_LINK_S",
    "MERGE_S",
    "Breathless",
    "join_overlapping",
    "with_arousal",
    "with_fall",
]

MERGE_S = 1.0  # seconds of overlap; scorers round to a tenth or to a whole second
DESATURATION_LINK_S = 30.0  # seconds from an event's end to the last instant of the baseline
AROUSAL_LINK_S = 5.0  # seconds from an event's end to the arousal's onset
_ROUNDING_S = 1e-6


@dataclass(frozen=True)
class Breathless:
    """Apneas and hypopneas, in order of onset.

    Parameters
    ----------
    onset_s, end_s : ndarray, shape (n,), float64, seconds
    is_apnea : ndarray, shape (n,), bool
    is_central : ndarray, shape (n,), bool
        Central apneas.
    """

    onset_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    is_apnea: NDArray[np.bool_]
    is_central: NDArray[np.bool_]

    def take(self, which: NDArray[np.bool_]) -> Breathless:
        """Return some of the events."""
        return Breathless(self.onset_s[which], self.end_s[which], self.is_apnea[which], self.is_central[which])

    @property
    def n_event(self) -> int:
        """Number of events."""
        return int(self.onset_s.size)


def join_overlapping(events: Breathless) -> Breathless:
    """Return the events with those that overlap by more than `MERGE_S` as one; sorted by onset."""
    rows: list[list[float]] = []
    for i in np.argsort(events.onset_s, kind="stable"):
        onset, end = float(events.onset_s[i]), float(events.end_s[i])
        apnea, central = bool(events.is_apnea[i]), bool(events.is_central[i])
        if rows and min(rows[-1][1], end) - onset > MERGE_S:
            last = rows[-1]
            only_central = (central or not apnea) and (bool(last[3]) or not last[2])
            rows[-1] = [last[0], max(last[1], end), last[2] or apnea, (last[3] or central) and only_central]
        else:
            rows.append([onset, end, apnea, central])
    table = np.array(rows, np.float64).reshape(-1, 4)
    return Breathless(table[:, 0], table[:, 1], table[:, 2] > 0, table[:, 3] > 0)


def with_fall(
    events: Breathless, fall_onset_s: NDArray[np.float64], fall_nadir_s: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return which events go with which fall of saturation.

    Returns
    -------
    ndarray, shape (n_event, n_fall), bool
    """
    end, onset = events.end_s[:, None], events.onset_s[:, None]
    before = (end >= fall_onset_s - DESATURATION_LINK_S - _ROUNDING_S) & (end <= fall_nadir_s + _ROUNDING_S)
    under_way = (onset < fall_nadir_s) & (end > fall_nadir_s)
    return np.asarray(before | (under_way & ~before.any(axis=0)))


def with_arousal(events: Breathless, arousal_onset_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which events go with an arousal; shape (n_event,), bool."""
    onset, end = events.onset_s[:, None], events.end_s[:, None]
    late = arousal_onset_s - end
    return np.asarray(((arousal_onset_s >= onset) & (late <= AROUSAL_LINK_S + _ROUNDING_S)).any(axis=1))

"""Apneas, hypopneas, arousals and leg movements: when they happen and how deep they are.

Desaturations are not drawn here: they follow from the saturation, see `pipeline.synth.oximetry`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.synth.traits import Traits
from schemas.vocabulary import EPOCH_S, Stage

__all__ = [
    "APNEAS",
    "RESPIRATORY",
    "Events",
    "draw_arousals",
    "draw_leg_movements",
    "draw_respiratory",
    "make_events",
    "merge",
]

APNEAS = ("obstructive_apnea", "central_apnea", "mixed_apnea")
RESPIRATORY = (*APNEAS, "hypopnea")
_TYPE_SHARES = (0.25, 0.08, 0.05, 0.62)
_STAGE_WEIGHT = np.array([0.0, 1.4, 1.0, 0.35, 1.6])  # by stage code: REM and light sleep breathe worst
_SUPINE_WEIGHT = 1.6
_LAST_S = 20.0  # seconds kept free at the end of the night
_GAP_S = 12.0  # shortest time between two respiratory events


@dataclass(frozen=True)
class Events:
    """Events of one night, sorted by onset.

    Parameters
    ----------
    onset_s, duration_s : ndarray, shape (n_event,), float64, seconds
        From recording start; whole tenths.
    type : ndarray, shape (n_event,), str
        ``obstructive_apnea``, ``central_apnea``, ``mixed_apnea``, ``hypopnea``, ``arousal``, ``desaturation``,
        ``plm_l``, ``plm_r``.
    flow_ratio, effort_ratio : ndarray, shape (n_event,), float32
        Amplitude of flow and of the belts in the event relative to before; NaN for other events.
    baseline_percent, nadir_percent : ndarray, shape (n_event,), float32
        Saturation before and at its lowest, for desaturations; NaN for others.
    """

    onset_s: NDArray[np.float64]
    duration_s: NDArray[np.float64]
    type: NDArray[np.str_]
    flow_ratio: NDArray[np.float32]
    effort_ratio: NDArray[np.float32]
    baseline_percent: NDArray[np.float32]
    nadir_percent: NDArray[np.float32]

    def of(self, *types: str) -> Events:
        """Return the events of the given types."""
        return self.take(np.flatnonzero(np.isin(self.type, types)))

    def take(self, index: NDArray[np.intp]) -> Events:
        """Return the events at ``index``."""
        return Events(*(getattr(self, name)[index] for name in self.__dataclass_fields__))

    @property
    def end_s(self) -> NDArray[np.float64]:
        """Ends in seconds from recording start."""
        return self.onset_s + self.duration_s

    @property
    def n_event(self) -> int:
        """Number of events."""
        return int(self.onset_s.size)


def make_events(
    onset_s: NDArray[np.float64],
    duration_s: NDArray[np.float64],
    type_: Sequence[str] | NDArray[np.str_],
    **more: object,
) -> Events:
    """Build a table, with NaN for what is not given; times are rounded to tenths of a second."""
    missing = np.full(onset_s.size, np.nan, np.float32)
    columns = dict.fromkeys(("flow_ratio", "effort_ratio", "baseline_percent", "nadir_percent"), missing)
    columns.update({name: np.asarray(value, np.float32) for name, value in more.items()})
    types = np.asarray(type_, dtype=np.str_).reshape(-1)
    return Events(np.round(onset_s, 1), np.round(duration_s, 1), types, **columns)


def merge(*parts: Events) -> Events:
    """Join tables and sort by onset, then by type."""
    joined = Events(*(np.concatenate([getattr(p, name) for p in parts]) for name in Events.__dataclass_fields__))
    return joined.take(np.lexsort((joined.type, joined.onset_s)))


def draw_respiratory(
    rng: np.random.Generator,
    traits: Traits,
    stage: NDArray[np.int8],
    stage_second: NDArray[np.int8],
    supine: NDArray[np.bool_],
) -> Events:
    """Draw apneas and hypopneas, more of them in REM and on the back.

    Parameters
    ----------
    stage : ndarray, shape (n_epoch,), int8
        Stages; wake epochs count nothing towards the hours of sleep.
    stage_second, supine : ndarray, shape (n_second + 1,)
        Stage and position at every second.
    """
    weight = _STAGE_WEIGHT[stage_second] * np.where(supine, _SUPINE_WEIGHT, 1.0)
    asleep_s = EPOCH_S * float(np.count_nonzero(stage != Stage.W))
    expected = traits.ahi_target * asleep_s / 3600.0
    probability = weight * (expected / max(float(weight.sum()), 1.0))
    candidates = np.flatnonzero(rng.random(weight.size) < probability)
    stretch = np.exp(0.35 * rng.standard_normal(candidates.size))
    duration = np.asarray(np.round(np.clip(18.0 * stretch, 10.0, 60.0)), np.float64)
    keep = _without_overlap(candidates, duration, weight.size - 1 - _LAST_S)
    onset, duration = candidates[keep].astype(float), duration[keep]
    kind = rng.choice(RESPIRATORY, size=onset.size, p=_TYPE_SHARES)
    hypopnea, central = kind == "hypopnea", kind == "central_apnea"
    flow = np.where(hypopnea, rng.uniform(0.30, 0.65, onset.size), rng.uniform(0.0, 0.08, onset.size))
    effort = np.where(hypopnea, rng.uniform(0.45, 0.75, onset.size), rng.uniform(0.5, 0.9, onset.size))
    effort = np.where(central, rng.uniform(0.0, 0.05, onset.size), effort)
    return make_events(onset, duration, kind, flow_ratio=flow, effort_ratio=effort)


def _without_overlap(start: NDArray[np.intp], duration: NDArray[np.float64], last_s: float) -> NDArray[np.intp]:
    keep, free_from = [], 5.0
    for index in range(start.size):
        end = start[index] + duration[index]
        if start[index] >= free_from and end <= last_s:
            keep.append(index)
            free_from = end + _GAP_S
    return np.array(keep, dtype=np.intp)


def draw_arousals(
    rng: np.random.Generator, traits: Traits, stage_second: NDArray[np.int8], respiratory: Events
) -> Events:
    """Draw arousals: seven of ten respiratory events end in one, others come by themselves."""
    ends = respiratory.end_s[rng.random(respiratory.n_event) < 0.7]
    per_second = (6.0 + 0.08 * max(0.0, traits.age_years - 30.0)) / 3600.0
    calm = (stage_second == Stage.N1) | (stage_second == Stage.N2) | (stage_second == Stage.REM)
    alone = np.flatnonzero(calm & (rng.random(stage_second.size) < per_second)).astype(float)
    onset = np.sort(np.concatenate([ends - 1.0, alone + rng.random(alone.size)]))
    onset = onset[(onset > 3.0) & (onset < stage_second.size - 1 - _LAST_S)]
    onset = onset[np.diff(onset, prepend=-np.inf) > 16.0]
    return make_events(onset, rng.uniform(3.0, 14.0, onset.size), ["arousal"] * onset.size)


def draw_leg_movements(rng: np.random.Generator, traits: Traits, stage_second: NDArray[np.int8]) -> Events:
    """Draw series of periodic leg movements, some 25 s apart, in non-REM sleep of the people who have them."""
    n_series = rng.poisson(traits.plm_per_h / 12.0 * stage_second.size / 3600.0)
    start = rng.uniform(0.0, stage_second.size, n_series)
    onset = (start[:, None] + np.cumsum(rng.normal(25.0, 3.0, (n_series, 12)), axis=1)).reshape(-1)
    onset = np.sort(onset[onset < stage_second.size - 1 - _LAST_S])
    asleep = np.isin(stage_second[onset.astype(int)], (int(Stage.N1), int(Stage.N2)))
    onset = onset[asleep & (np.diff(onset, prepend=-np.inf) > 8.0)]
    side = rng.choice(["plm_l", "plm_r"], size=onset.size)
    return make_events(onset, rng.uniform(0.6, 3.0, onset.size), side)

"""Indices of a night: times of sleep and events an hour of it, each by one named rule.

What was not looked for, or cannot be told, is missing with the reason, and never 0. docs/indices.md has the rules.

Assumptions: an event counts where its onset lies in an epoch of sleep; epochs that nobody scored are neither sleep
nor wake, and no hour of them is divided by.

Source
------
AASM Manual v3, parameters to be reported, hypopnea rules 1A and 1B. NSRR harmonised terms for the names. Azarbarzin
et al. 2019 (doi:10.1093/eurheartj/ehy624) for the idea of a hypoxic burden.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.derive.desaturations import Desaturations
from pipeline.derive.linking import Breathless, join_overlapping, with_arousal, with_fall
from schemas.event_terms import APNEAS, EVENT_TYPES, HYPOPNEAS, EventClass
from schemas.indices import INDICES
from schemas.kinds import RateClass
from schemas.vocabulary import EPOCH_S, Scored, Stage, StageScheme

__all__ = ["Index", "ScoredNight", "night_indices"]

HALF_MINUTE = EPOCH_S / 60.0  # minutes of an epoch
LEAST_SPO2 = 0.75  # part of sleep in which saturation must be known before a fall that is not there says anything
LOW_PERCENT = 90.0  # saturation below it counts as low
_RATE_HZ = RateClass.SLOW.rate_hz


@dataclass(frozen=True)
class Index:
    """One index, or why it is missing.

    Parameters
    ----------
    value : float or None
        In the unit of `schemas.indices.INDICES`.
    n : int or None
        Numerator, where events are counted.
    hours : float or None
        Denominator, where something is counted an hour.
    why : str
        Why there is no value.
    """

    value: float | None
    n: int | None = None
    hours: float | None = None
    why: str = ""


@dataclass(frozen=True)
class ScoredNight:
    """What indices are made from, on the grid.

    Parameters
    ----------
    stage : ndarray, shape (n_epoch,), int8
        `Stage` codes.
    asleep : ndarray, shape (n_epoch,), int8
        1 asleep, 0 awake, -1 nobody scored; also where sleep has no stage.
    in_bed : ndarray, shape (n_epoch,), int8
        1 from lights off to lights on, 0 outside, -1 unknown.
    onset_s, duration_s : ndarray, shape (n_event,), float64, seconds
        Scored events.
    type : ndarray, shape (n_event,), str
        Of `EVENT_TYPES`.
    falls : mapping of int to Desaturations
        Found by the rules of 3 and 4 %.
    spo2 : ndarray, shape (n_epoch * n_per_epoch,), float32, %, or None
        At 4 Hz, NaN where masked.
    """

    stage: NDArray[np.int8]
    asleep: NDArray[np.int8]
    in_bed: NDArray[np.int8]
    scheme: StageScheme
    onset_s: NDArray[np.float64]
    duration_s: NDArray[np.float64]
    type: NDArray[np.str_]
    scored: Mapping[str, Scored]
    falls: Mapping[int, Desaturations]
    spo2: NDArray[np.float32] | None


def night_indices(night: ScoredNight) -> dict[str, Index]:
    """Return every index of `schemas.indices.INDICES`, in that order."""
    found = _times(night) | _stage_minutes(night) | _breathing(night) | _other_events(night) | _oximetry(night)
    return {name: found[name] for name in INDICES}


# --- sleep -------------------------------------------------------------------------------------------------


def _times(night: ScoredNight) -> dict[str, Index]:
    asleep = np.flatnonzero(night.asleep == 1)
    if not (night.asleep >= 0).any():
        names = ("tst_min", "sleep_latency_min", "waso_min", "efficiency_percent")
        return dict.fromkeys(names, Index(None, why="nobody scored sleep")) | {"tib_min": _in_bed(night)}
    tst, bed = float(asleep.size * HALF_MINUTE), _in_bed(night)
    found = {"tst_min": Index(tst), "tib_min": bed}
    found["efficiency_percent"] = Index(100.0 * tst / bed.value) if bed.value else Index(None, why=bed.why)
    if not asleep.size:
        return found | dict.fromkeys(("sleep_latency_min", "waso_min"), Index(None, why="no sleep"))
    first_bed = int(np.flatnonzero(night.in_bed == 1)[0]) if bed.value else None
    latency = Index(None, why=bed.why) if first_bed is None else Index(max(0, asleep[0] - first_bed) * HALF_MINUTE)
    after = (night.asleep == 0) & (np.arange(night.asleep.size) > asleep[0]) & (night.in_bed != 0)
    return found | {"sleep_latency_min": latency, "waso_min": Index(float(after.sum() * HALF_MINUTE))}


def _in_bed(night: ScoredNight) -> Index:
    if (night.in_bed < 0).any() or not (night.in_bed == 1).any():
        return Index(None, why="lights off and on are not known")
    return Index(float((night.in_bed == 1).sum() * HALF_MINUTE))


def _stage_minutes(night: ScoredNight) -> dict[str, Index]:
    names = {"n1_min": Stage.N1, "n2_min": Stage.N2, "n3_min": Stage.N3, "rem_min": Stage.REM}
    if night.scheme not in (StageScheme.AASM, StageScheme.RK) or not (night.asleep >= 0).any():
        why = "sleep was scored without stages" if night.scheme is StageScheme.SLEEP_WAKE else "nobody scored sleep"
        return dict.fromkeys((*names, "rem_latency_min"), Index(None, why=why))
    minutes = {name: Index(float((night.stage == stage).sum() * HALF_MINUTE)) for name, stage in names.items()}
    rem = np.flatnonzero(night.stage == Stage.REM)
    if not rem.size:
        return minutes | {"rem_latency_min": Index(None, why="no REM")}
    onset = np.flatnonzero(night.asleep == 1)[0]
    return minutes | {"rem_latency_min": Index(float((rem[0] - onset) * HALF_MINUTE))}


# --- events an hour ----------------------------------------------------------------------------------------


def _hours(night: ScoredNight) -> float:
    return float((night.asleep == 1).sum()) * EPOCH_S / 3600.0


def _in(mask: NDArray[np.bool_], onset_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which onsets lie in an epoch of the mask."""
    epoch = np.floor(onset_s / EPOCH_S).astype(np.int64)
    inside = (epoch >= 0) & (epoch < mask.size)
    return np.asarray(inside & mask[np.clip(epoch, 0, mask.size - 1)])


def _is_unscored(night: ScoredNight, kind: EventClass) -> str:
    """Return why events of a class say nothing, or nothing; a night without any event was not looked through."""
    if night.scored.get(kind, Scored.NO) is not Scored.YES:
        return f"{kind} events were not scored, or only partly"
    return "" if night.type.size else "the night has no scored event of any kind"


def _rate(n: int, hours: float) -> Index:
    return Index(n / hours, n, hours)


def _breathing(night: ScoredNight) -> dict[str, Index]:
    by_sleep = ("ahi_hp3r_aasm15", "ahi_hp4u_aasm15", "ahi_hp3u", "hypoxic_burden_linked3", "cai")
    names = (*by_sleep, "rei_hp3u", "rei_hp4u")
    if why := _is_unscored(night, EventClass.RESPIRATORY):
        return dict.fromkeys(names, Index(None, why=why))
    events = _breathless(night)
    if not (night.asleep >= 0).any():
        return dict.fromkeys(names, Index(None, why="nobody scored sleep")) | _by_recording(night, events)
    missing = dict.fromkeys(names, Index(None, why="sleep is known: see the indices an hour of it"))
    if not (hours := _hours(night)):
        return missing | dict.fromkeys(by_sleep, Index(None, why="no sleep"))
    events = events.take(_in(night.asleep == 1, events.onset_s))
    return missing | {"cai": _rate(int(events.is_central.sum()), hours)} | _by_sleep(night, events, hours)


def _breathless(night: ScoredNight) -> Breathless:
    both = np.isin(night.type, (*APNEAS, *HYPOPNEAS))
    kind, onset = night.type[both], night.onset_s[both]
    is_apnea = np.isin(kind, APNEAS)
    return join_overlapping(Breathless(onset, onset + night.duration_s[both], is_apnea, kind == "central_apnea"))


def _by_sleep(night: ScoredNight, events: Breathless, hours: float) -> dict[str, Index]:
    names = ("ahi_hp3r_aasm15", "ahi_hp4u_aasm15", "ahi_hp3u", "hypoxic_burden_linked3")
    if why := _is_blind(night, night.asleep == 1):
        return dict.fromkeys(names, Index(None, why=why))
    three, four = (_falls_with(night, events, rule) for rule in (3, 4))
    found = {
        "ahi_hp3u": _rate(int((events.is_apnea | three).sum()), hours),
        "ahi_hp4u_aasm15": _rate(int((events.is_apnea | four).sum()), hours),
        "hypoxic_burden_linked3": Index(_burden(night, events) / hours, hours=hours),
    }
    if why := _is_arousal_unscored(night):
        return found | {"ahi_hp3r_aasm15": Index(None, why=why)}
    arousal = with_arousal(events, _onsets(night, EventClass.AROUSAL))
    return found | {"ahi_hp3r_aasm15": _rate(int((events.is_apnea | three | arousal).sum()), hours)}


def _by_recording(night: ScoredNight, events: Breathless) -> dict[str, Index]:
    """Count an hour between lights off and on, or of the whole recording where nobody knows them."""
    counted = night.in_bed != 0
    if why := _is_blind(night, counted):
        return dict.fromkeys(("rei_hp3u", "rei_hp4u"), Index(None, why=why))
    hours = float(counted.sum()) * EPOCH_S / 3600.0
    events = events.take(_in(counted, events.onset_s))
    return {
        f"rei_hp{rule}u": _rate(int((events.is_apnea | _falls_with(night, events, rule)).sum()), hours)
        for rule in (3, 4)
    }


def _falls_with(night: ScoredNight, events: Breathless, rule: int) -> NDArray[np.bool_]:
    falls = night.falls[rule]
    return np.asarray(with_fall(events, falls.onset_s, falls.nadir_s).any(axis=1))


def _burden(night: ScoredNight, events: Breathless) -> float:
    """Return the area below the baselines of the falls that go with an event, in % min."""
    assert night.spo2 is not None
    falls = night.falls[3]
    linked = with_fall(events, falls.onset_s, falls.nadir_s).any(axis=0)
    area = 0.0
    for onset, end, baseline in zip(
        falls.onset_s[linked], falls.end_s[linked], falls.baseline_percent[linked], strict=True
    ):
        below = baseline - night.spo2[round(onset * _RATE_HZ) : round(end * _RATE_HZ)]
        area += float(np.nansum(np.maximum(below, 0.0)))
    return area / (_RATE_HZ * 60.0)


def _is_arousal_unscored(night: ScoredNight) -> str:
    if night.scheme is StageScheme.SLEEP_WAKE:
        return "arousals are not scored where sleep has no stages"
    return _is_unscored(night, EventClass.AROUSAL)


def _onsets(night: ScoredNight, kind: EventClass) -> NDArray[np.float64]:
    types = [name for name, row in EVENT_TYPES.items() if row.event_class is kind]
    return np.asarray(night.onset_s[np.isin(night.type, types)])


def _other_events(night: ScoredNight) -> dict[str, Index]:
    classes = {"arousal_index": EventClass.AROUSAL, "limb_movement_index": EventClass.LIMB}
    return {name: _event_rate(night, kind) for name, kind in classes.items()}


def _event_rate(night: ScoredNight, kind: EventClass) -> Index:
    why = _is_arousal_unscored(night) if kind is EventClass.AROUSAL else _is_unscored(night, kind)
    hours = _hours(night)
    if why or not hours:
        return Index(None, why=why or ("no sleep" if (night.asleep >= 0).any() else "nobody scored sleep"))
    return _rate(int(_in(night.asleep == 1, _onsets(night, kind)).sum()), hours)


# --- saturation --------------------------------------------------------------------------------------------


def _known_spo2(night: ScoredNight, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the known readings within the epochs of the mask."""
    if night.spo2 is None:
        return np.empty(0, np.float32)
    inside = night.spo2.reshape(mask.size, -1)[mask].reshape(-1)
    return np.asarray(inside[np.isfinite(inside)])


def _is_blind(night: ScoredNight, mask: NDArray[np.bool_]) -> str:
    """Return why the saturation within some epochs says too little, or nothing."""
    n_possible = int(mask.sum()) * RateClass.SLOW.n_per_epoch
    known = _known_spo2(night, mask).size
    return (
        "" if n_possible and known >= LEAST_SPO2 * n_possible else "saturation is known for too little of the time"
    )


def _oximetry(night: ScoredNight) -> dict[str, Index]:
    asleep = night.asleep == 1
    names = ("odi3", "odi4", "t90_percent")
    if not asleep.any():
        why = "no sleep" if (night.asleep >= 0).any() else "nobody scored sleep"
        return dict.fromkeys(names, Index(None, why=why))
    if why := _is_blind(night, asleep):
        return dict.fromkeys(names, Index(None, why=why))
    known = _known_spo2(night, asleep)
    hours = known.size / (_RATE_HZ * 3600.0)
    return {
        **{f"odi{rule}": _rate(int(_in(asleep, night.falls[rule].onset_s).sum()), hours) for rule in (3, 4)},
        "t90_percent": Index(100.0 * float((known < LOW_PERCENT).mean()), hours=hours),
    }

"""Respiration, breaths and desaturations of a night, from its channels at 4 Hz."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from pipeline.derive.breaths import Breaths, find_breaths
from pipeline.derive.desaturations import desaturations
from pipeline.derive.resp import BELTS, FLOWS, EffortInput, Resp, derive_resp
from pipeline.derived.channel import Derived, DerivedChannel, Tables, empty_tables, interval_flags
from pipeline.process import Channel
from schemas.findings import Finding, finding
from schemas.kinds import RateClass
from schemas.quality import QualityFlag
from schemas.vocabulary import EPOCH_S, Polarity

__all__ = ["derive_breathing", "derive_desaturations"]

RESPIRATION = "belts with one weight each, else nasal pressure, else thermal airflow, version 1"
BREATHS = "upward swings of resp, version 1"
DROPS_PERCENT = (3, 4)  # the two rules of the AASM
_N_PER_EPOCH = RateClass.SLOW.n_per_epoch


def derive_breathing(channels: Sequence[Channel], *, n_epoch: int) -> Derived:
    """Derive ``resp``, ``bbi``, the table of breaths and the phase of the belts.

    Parameters
    ----------
    channels : sequence of Channel
        All channels of the night.
    """
    sensors = {c.plan.channel: c for c in channels if c.plan.channel in (*BELTS, *FLOWS)}
    resp = derive_resp([_effort(sensor) for sensor in sensors.values()])
    if resp is None:
        return Derived((), empty_tables(n_epoch, "breath_", "resp_"), (_no_respiration(list(sensors)),))
    breaths = find_breaths(resp)
    return Derived(_channels(resp, breaths, sensors, n_epoch), _tables(resp, breaths, n_epoch), resp.findings)


def _effort(channel: Channel) -> EffortInput:
    flat = np.repeat((channel.flag & QualityFlag.FLAT) != 0, _N_PER_EPOCH)
    return EffortInput(channel.plan.channel, channel.value.reshape(-1).astype(np.float32, copy=False), flat)


def _no_respiration(sensors: list[str]) -> Finding:
    if not sensors:
        return finding("PSG-S028", "no belt, nasal pressure or thermal airflow", channel="resp")
    return finding("PSG-S029", f"{', '.join(sensors)}: no rhythm of breathing in it", channel="resp")


def _channels(
    resp: Resp, breaths: Breaths, sensors: dict[str, Channel], n_epoch: int
) -> tuple[DerivedChannel, DerivedChannel]:
    value, bbi = (wave.reshape(n_epoch, _N_PER_EPOCH) for wave in (resp.value, breaths.bbi))
    lost = np.isnan(value)
    rate_hz = min(float(sensors[name].plan.rate_hz) for name in resp.weights)
    return (
        DerivedChannel(
            channel="resp",
            value=value,
            flag=interval_flags(lost, lost),
            derived_from=tuple(resp.weights),
            source_rate_hz=rate_hz,
            method=RESPIRATION,
            primary=True,
            polarity=Polarity(resp.polarity),
            details={
                "source": resp.source,
                "weights": dict(resp.weights),
                "weights_alone": dict(resp.weights_alone),
                "evidence": dict(resp.evidence),
                "gain_steps": [asdict(step) for step in resp.gain_steps],
            },
        ),
        DerivedChannel(
            channel="bbi",
            value=bbi,
            flag=interval_flags(np.isnan(bbi), lost),
            derived_from=tuple(resp.weights),
            source_rate_hz=rate_hz,
            method=BREATHS,
            primary=False,
        ),
    )


def _tables(resp: Resp, breaths: Breaths, n_epoch: int) -> Tables:
    inside = (breaths.time_s >= 0) & (breaths.time_s < n_epoch * EPOCH_S)
    return {
        "breath_time_s": breaths.time_s[inside],
        "breath_valid": breaths.valid[inside].astype(np.int8),
        "breath_obstructed": breaths.obstructed[inside].astype(np.int8),
        "resp_phase_deg": resp.phase_deg,
    }


def derive_desaturations(channels: Sequence[Channel], *, n_epoch: int) -> Tables:
    """Return the table of desaturations by both rules, sorted by onset; empty without an oximeter.

    Parameters
    ----------
    channels : sequence of Channel
        All channels of the night; ``spo2`` masked as stored.
    """
    oximeter = next((c for c in channels if c.plan.channel == "spo2"), None)
    if oximeter is None:
        return empty_tables(n_epoch, "desaturation_")
    spo2 = oximeter.value.reshape(-1).astype(np.float32, copy=False)
    found = [desaturations(spo2, drop_percent=drop) for drop in DROPS_PERCENT]
    rule = np.repeat(np.array(DROPS_PERCENT, np.int8), [one.onset_s.size for one in found])
    order = np.argsort(np.concatenate([one.onset_s for one in found]), kind="stable")

    def column(name: str) -> NDArray[np.floating]:
        return np.concatenate([getattr(one, name) for one in found])[order]

    return {
        "desaturation_rule_percent": rule[order],
        **{
            f"desaturation_{name}": column(name)
            for name in ("onset_s", "nadir_s", "end_s", "baseline_percent", "nadir_percent")
        },
    }

"""Beats and inter-beat intervals of a night, from the ECG as it was recorded.

The primary ECG tells, unless most of its night has no interval that can be trusted and another lead has more. A
lead is put together before it is searched, so that the night has one fiducial; gaps stay gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.derive.ibi import Ibi, derive_ibi
from pipeline.derive.rpeaks import DETECTOR, Beats, detect_beats
from pipeline.derived.channel import Derived, DerivedChannel, Tables, empty_tables, interval_flags
from pipeline.leads import native_wave
from pipeline.process import Channel
from pipeline.read.night import Night
from schemas.errors import SignalError
from schemas.findings import Finding, finding
from schemas.kinds import Kind, RateClass
from schemas.quality import QualityFlag
from schemas.vocabulary import EPOCH_S

__all__ = ["derive_heart"]

_ENOUGH = 0.5  # of the night with intervals: a lead that has it needs no other one
_N_PER_EPOCH = RateClass.SLOW.n_per_epoch


@dataclass(frozen=True)
class _Heart:
    """What one lead tells."""

    channel: Channel
    beats: Beats
    ibi: Ibi

    @property
    def coverage(self) -> float:
        """Share of the night with intervals."""
        return float(np.isfinite(self.ibi.value).mean())


def derive_heart(channels: Sequence[Channel], night: Night, *, offset_s: float, n_epoch: int) -> Derived:
    """Derive ``ibi``, ``nn_valid`` and the table of beats.

    Parameters
    ----------
    channels : sequence of Channel
        All channels of the night.
    night : Night
        Where their signals are.
    offset_s : float
        Seconds from recording start to the origin of the epoch grid.
    """
    findings: list[Finding] = []
    leads = sorted((c for c in channels if c.plan.rule.kind is Kind.ECG), key=lambda c: not c.plan.primary)
    if not leads:
        findings.append(finding("PSG-S025", "no channel of the night is an ECG", channel="ibi"))
    hearts: list[_Heart] = []
    for lead in leads:
        heart = _search(lead, night, offset_s, n_epoch, findings)
        if heart is not None:
            hearts.append(heart)
            if heart.coverage >= _ENOUGH:
                break
    if not hearts:
        return Derived((), empty_tables(n_epoch, "beat_", "nn_"), tuple(findings))
    best = max(hearts, key=lambda heart: heart.coverage)  # the earlier one, where equal
    if not best.coverage:
        words = f"{best.beats.time_s.size} doubtful ones"
        findings.append(finding("PSG-S026", words, channel=best.channel.plan.channel))
        return Derived((), empty_tables(n_epoch, "beat_", "nn_"), tuple(findings))
    if best.channel is not leads[0]:
        words = f"intervals in {best.coverage:.0%} of the night; {leads[0].plan.channel} has fewer"
        findings.append(finding("PSG-S027", words, channel=best.channel.plan.channel))
    return Derived((_channel(best, n_epoch),), _tables(best, n_epoch), (*findings, *best.ibi.findings))


def _search(lead: Channel, night: Night, offset_s: float, n_epoch: int, findings: list[Finding]) -> _Heart | None:
    """Find beats in one lead, or say why that is not possible."""
    wave = native_wave(lead.plan, night)
    if wave is None:
        findings.append(finding("PSG-S025", "its two leads are on different clocks", channel=lead.plan.channel))
        return None
    try:
        found = detect_beats(wave.value, wave.rate_hz)
    except SignalError as error:
        findings.append(finding("PSG-S025", f"{error.what}: {error.saw}", channel=lead.plan.channel))
        return None
    beats = replace(found, time_s=wave.recorded_s(found.time_s) - offset_s)
    return _Heart(lead, beats, derive_ibi(beats, n_sample=n_epoch * _N_PER_EPOCH))


def _channel(heart: _Heart, n_epoch: int) -> DerivedChannel:
    plan = heart.channel.plan
    value = heart.ibi.value.reshape(n_epoch, _N_PER_EPOCH)
    missing, lost = np.isnan(value), _lead_lost(heart.channel)
    flag = interval_flags(missing, lost)
    bad = (heart.channel.flag & QualityFlag.BAD_STATUS) != 0
    flag[bad & np.any(missing & lost, axis=1)] |= np.uint16(QualityFlag.BAD_STATUS)
    return DerivedChannel(
        channel="ibi",
        value=value,
        flag=flag,
        derived_from=(plan.channel,),
        source_rate_hz=float(plan.rate_hz),
        method=DETECTOR,
        primary=True,
        details={"fiducial_sign": heart.beats.sign},
    )


def _lead_lost(channel: Channel) -> NDArray[np.bool_]:
    """Return where the lead is missing or rests on one count; shape (n_epoch, n_per_epoch) of the slow class."""
    n_epoch = channel.value.shape[0]
    missing = np.isnan(channel.value).reshape(n_epoch, _N_PER_EPOCH, -1).any(axis=2)
    flat = (channel.flag & QualityFlag.FLAT) != 0
    return np.asarray(missing | flat[:, None])


def _tables(heart: _Heart, n_epoch: int) -> Tables:
    """Return the beats within the grid, and which intervals are between normal ones."""
    time_s = heart.beats.time_s
    inside = (time_s >= 0) & (time_s < n_epoch * EPOCH_S)
    known = np.isfinite(heart.ibi.value)
    return {
        "nn_valid": np.where(known, heart.ibi.nn_valid, np.int8(-1)).astype(np.int8).reshape(n_epoch, _N_PER_EPOCH),
        "beat_time_s": time_s[inside],
        "beat_type": heart.ibi.beat_type[inside],
        "beat_valid": heart.ibi.beat_valid[inside].astype(np.int8),
    }

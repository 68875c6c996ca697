"""Checks of the heart: which way up the ECG is, whether the pulse agrees, how much of the night has beats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.process import Channel
from pipeline.quality.view import LEAST_EPOCH, Mark, Measure, NightView, Remark, Said, evenly
from schemas.kinds import Kind
from schemas.quality import QualityFlag

__all__ = ["beat_coverage", "ecg_inverted", "heart_rate", "pulse_differs"]

_N_BEAT = 400  # of the night, evenly spread
_LEAST_BEAT = 100
_REACH_S = 0.1  # before and after the beat: the ventricles' part
_SHARE = 1 / 3  # of the epochs that differ
_PRESENT = 0.5  # of an epoch, for a rate of it


def ecg_inverted(night: NightView, limit: float) -> Said:
    """Compare the ups with the downs of the median beat: a lead II goes up."""
    lead = _lead(night)
    time_s = night.derived.tables.get("beat_time_s")
    if lead is None or time_s is None:
        return
    trusted = time_s[night.derived.tables["beat_valid"] == 1]
    upright = _upright(lead, trusted)
    if upright is None:
        return
    yield Measure("ecg_upright", upright)
    if upright < limit:
        yield Remark(f"the median beat goes down: {upright:.2f} of -1 to 1", lead.plan.channel)


def _lead(night: NightView) -> Channel | None:
    """Return the ECG that the beats were found in."""
    ibi = next((channel for channel in night.derived.channels if channel.channel == "ibi"), None)
    return None if ibi is None else night.channel(ibi.derived_from[0])


def _upright(lead: Channel, time_s: NDArray[np.float64]) -> float | None:
    """Return (up - down) / (up + down) of the median beat, or None with too few beats."""
    rate_hz = lead.plan.spec.rate_class.rate_hz
    wave = lead.value.reshape(-1)
    reach = np.arange(-int(_REACH_S * rate_hz), int(_REACH_S * rate_hz) + 1)
    middle = np.rint(time_s * rate_hz).astype(np.intp)
    middle = middle[(middle + reach[0] >= 0) & (middle + reach[-1] < wave.size)]
    middle = middle[evenly(np.ones(middle.size, bool), _N_BEAT)]
    beats = wave[middle[:, None] + reach]
    beats = beats[np.isfinite(beats).all(axis=1)]
    if len(beats) < _LEAST_BEAT:
        return None
    beat = np.median(beats, axis=0)
    beat -= np.median(beat)
    up, down = float(beat.max()), float(-beat.min())
    return (up - down) / (up + down) if up + down > 0 else None


def heart_rate(night: NightView) -> NDArray[np.float32] | None:
    """Return the heart rate at the rate of the slow channels, NaN where it is not known; beats a minute."""
    ibi = night.value("ibi")
    return None if ibi is None else np.asarray(60 / ibi, np.float32)


def pulse_differs(night: NightView, limit: float) -> Said:
    """Compare the oximeter's pulse with the ECG's heart rate, epoch by epoch."""
    heart = heart_rate(night)
    pulse = night.value("pulse_rate")
    if heart is None or pulse is None:
        return
    difference = _mean(pulse) - _mean(heart)
    known = np.isfinite(difference)
    if known.sum() < LEAST_EPOCH:
        return
    yield Measure("pulse_difference_bpm", float(np.median(np.abs(difference[known]))))
    differs = np.zeros(known.size, bool)
    differs[known] = np.abs(difference[known]) > limit
    if differs.any():
        yield Mark("pulse_rate", differs, QualityFlag.CONTRADICTED)
        yield Mark("ibi", differs, QualityFlag.CONTRADICTED)
    if differs.sum() > _SHARE * known.sum():
        share = differs.sum() / known.sum()
        yield Remark(f"more than {limit:g} bpm from the ECG's in {share:.0%} of the epochs", "pulse_rate", differs)


def _mean(value: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of every epoch's known samples; NaN where too few are."""
    known = np.isfinite(value)
    n_known = known.sum(axis=1)
    total = np.where(known, value, 0).sum(axis=1)
    enough = n_known >= _PRESENT * value.shape[1]
    return np.where(enough, total / np.maximum(n_known, 1), np.nan).astype(np.float32)


def beat_coverage(night: NightView, limit: float) -> Said:
    """Count the epochs with intervals among those that have an ECG."""
    leads = night.of_kind(Kind.ECG)
    if not leads:
        return
    there = np.any([night.whole(lead) for lead in leads], axis=0)
    if there.sum() < LEAST_EPOCH:
        return
    ibi = night.value("ibi")
    has = np.zeros(night.n_epoch, bool) if ibi is None else np.isfinite(ibi).mean(axis=1) >= _PRESENT
    share = float((has & there).sum() / there.sum())
    yield Measure("beat_coverage", share)
    if share < limit:
        yield Remark(f"intervals in {share:.0%} of the epochs that have an ECG", "ibi", there & ~has)

"""Checks of amplitude: sensors that rest, hit the end of their range, fade away, or bear the wrong unit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pipeline.epoch_runs import runs
from pipeline.process import Channel
from pipeline.quality.view import LEAST_EPOCH, Mark, Measure, NightView, Remark, Said
from schemas.checks import CHECKS
from schemas.kinds import Kind, Shape
from schemas.quality import QualityFlag

__all__ = ["dropped_out", "flat", "range_end", "unit_factor", "wrong_range"]

_DROP_EPOCHS = 6  # three minutes: nobody stops breathing for so long
_SLIP = CHECKS["unit_factor"].limit  # from where on a thousand is the likelier reason

# Usual root mean square of an epoch in the stored band, median of a night, in the kind's unit: from a small child's
# slow waves down to an old person's quiet EEG, and whatever sits between skin and a working amplifier.
_USUAL_RMS: Mapping[Kind, tuple[float, float]] = MappingProxyType(
    {
        Kind.EEG: (2.0, 150.0),
        Kind.EOG: (2.0, 250.0),
        Kind.EMG: (0.2, 60.0),
        Kind.LEG_EMG: (0.2, 250.0),
        Kind.ECG: (0.02, 2.0),
    }
)
# Usual median of a night, in the kind's unit.
_USUAL_READING: Mapping[Kind, tuple[float, float]] = MappingProxyType(
    {
        Kind.PULSE_RATE: (35.0, 140.0),
        Kind.TEMPERATURE: (30.0, 42.0),
    }
)
# A microphone and a resting leg may be silent for hours.
_MAY_BE_SILENT = frozenset({Kind.SNORE, Kind.LEG_EMG})


def flat(night: NightView, limit: float) -> Said:
    """Remark on waves whose counts do not change; their epochs bear the bit already."""
    for channel in night.waves:
        rests = (channel.flag & QualityFlag.FLAT) != 0
        if rests.all():
            yield Remark("one value for the whole night", channel.plan.channel, code="PSG-S010")
        elif rests.mean() > limit:
            yield Remark(f"{int(rests.sum())} epochs hold one value only", channel.plan.channel, rests)


def range_end(night: NightView, limit: float) -> Said:
    """Remark on waves that rest at an end of the recorder's range; their epochs bear the bit already."""
    for channel in night.waves:
        cut = (channel.flag & QualityFlag.RANGE_END) != 0
        if cut.mean() > limit:
            yield Remark(f"cut off in {cut.mean():.1%} of the epochs", channel.plan.channel, cut)


def dropped_out(night: NightView, limit: float) -> Said:
    """Remark on waves that fade to next to nothing for minutes, without resting on one count."""
    for channel in night.waves:
        name = channel.plan.channel
        if channel.plan.rule.kind in _MAY_BE_SILENT or name not in night.amplitude:
            continue
        faded = night.whole(channel) & (night.rms[name] < limit * night.amplitude[name])
        gone = np.zeros(faded.size, bool)
        for first, stop in runs(faded):
            gone[first:stop] = stop - first >= _DROP_EPOCHS
        if gone.any():
            yield Mark(name, gone, QualityFlag.DROPPED_OUT)
            yield Remark(f"{int(gone.sum())} epochs below {limit:.0%} of the night's amplitude", name, gone)


def wrong_range(night: NightView, limit: float) -> Said:
    """Keep the amplitude of every wave, and remark on those that no slip of the unit explains."""
    for name, value in night.amplitude.items():
        yield Measure("amplitude", value, name)
    for channel, size, usual in _sizes(night):
        if _times_outside(size, usual) > limit and _times_off(size, usual) < _SLIP:
            yield Remark(_words(size, usual, channel), channel.plan.channel)


def unit_factor(night: NightView, limit: float) -> Said:
    """Remark on amplitudes that are nearer to usual ones a thousand times larger or smaller."""
    for channel, size, usual in _sizes(night):
        if _times_off(size, usual) >= limit:
            yield Remark(_words(size, usual, channel), channel.plan.channel)


def _sizes(night: NightView) -> list[tuple[Channel, float, tuple[float, float]]]:
    """Return every channel that has a usual size, its own, and the usual one."""
    found = [
        (channel, night.amplitude[channel.plan.channel], _USUAL_RMS[channel.plan.rule.kind])
        for channel in night.waves
        if channel.plan.rule.kind in _USUAL_RMS and channel.plan.channel in night.amplitude
    ]
    for channel in night.of_kind(*_USUAL_READING):
        known = _readings(channel)
        if known.size >= LEAST_EPOCH:
            found.append((channel, float(np.median(known)), _USUAL_READING[channel.plan.rule.kind]))
    return found


def _readings(channel: Channel) -> NDArray[np.float32]:
    """Return one reading an epoch, where there is one."""
    assert channel.plan.spec.shape is Shape.STEP
    first = channel.value[:, channel.value.shape[1] // 2].astype(np.float32, copy=False)
    return np.asarray(first[np.isfinite(first)])


def _times_outside(size: float, usual: tuple[float, float]) -> float:
    """Return by what factor a size is beyond the nearer end of a range; 1 within it."""
    low, high = usual
    return max(low / max(size, 1e-30), size / high, 1.0)


def _times_off(size: float, usual: tuple[float, float]) -> float:
    """Return by what factor a size is off the middle of a range."""
    ratio = max(size, 1e-30) / math.sqrt(usual[0] * usual[1])
    return max(ratio, 1 / ratio)


def _words(size: float, usual: tuple[float, float], channel: Channel) -> str:
    unit = channel.plan.spec.unit.value
    return f"{size:.3g} {unit} over the night, usual are {usual[0]:g} to {usual[1]:g} {unit}"

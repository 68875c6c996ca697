"""All checks of a night in one table, and what comes of them: bits, usable epochs, findings, measures.

Add a check by a row of `schemas.checks.CHECKS`, its code in `schemas.findings.FINDINGS`, and a function here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pipeline.derived.channel import Derived
from pipeline.epoch_runs import runs
from pipeline.process import Channel
from pipeline.quality import alike, amplitude, breathing, clocks, heart, hypnogram, oximeter, spectrum
from pipeline.quality.view import Mark, Measure, NightView, Remark, Said
from schemas.checks import CHECKS
from schemas.findings import Finding, finding
from schemas.quality import UNUSABLE

__all__ = ["CHECK_FUNCTIONS", "Checked", "check_night"]

_DIGITS = 4  # significant ones that a measure keeps

CHECK_FUNCTIONS: Mapping[str, Callable[[NightView, float], Said]] = MappingProxyType(
    {
        "flat": amplitude.flat,
        "range_end": amplitude.range_end,
        "dropped_out": amplitude.dropped_out,
        "wrong_range": amplitude.wrong_range,
        "unit_factor": amplitude.unit_factor,
        "ecg_inverted": heart.ecg_inverted,
        "mains": spectrum.mains,
        "belt_inverted": breathing.belt_inverted,
        "duplicated": alike.duplicated,
        "mislabelled": alike.mislabelled,
        "emg_envelope": spectrum.emg_envelope,
        "pulse_differs": heart.pulse_differs,
        "flow_differs": clocks.flow_differs,
        "spo2_stuck": oximeter.spo2_stuck,
        "spo2_low": oximeter.spo2_low,
        "clock_drift": clocks.clock_drift,
        "hypnogram_shifted": hypnogram.hypnogram_shifted,
        "one_stage": hypnogram.one_stage,
        "events_in_wake": hypnogram.events_in_wake,
        "beat_coverage": heart.beat_coverage,
        "breath_coverage": breathing.breath_coverage,
    }
)


@dataclass(frozen=True)
class Checked:
    """A night after its checks.

    Parameters
    ----------
    channels : tuple of Channel
        With the bits that were set, and 0 usable in epochs without physiology.
    derived : Derived
        With the bits that were set.
    measures : mapping of (str or None) to mapping of str to float
        By channel, None for the night.
    limits : mapping of str to float
        What was compared with, by check.
    """

    channels: tuple[Channel, ...]
    derived: Derived
    findings: tuple[Finding, ...]
    measures: Mapping[str | None, Mapping[str, float]]
    limits: Mapping[str, float]


def check_night(night: NightView, limits: Mapping[str, float]) -> Checked:
    """Run every check.

    Parameters
    ----------
    limits : mapping of str to float
        Of every check, from `schemas.checks.limits_of`.
    """
    findings: list[Finding] = []
    marks: list[Mark] = []
    measures: dict[str | None, dict[str, float]] = {}
    for name, check in CHECK_FUNCTIONS.items():
        for said in check(night, limits[name]):
            match said:
                case Remark():
                    findings.append(_finding(CHECKS[name].code, said))
                case Mark():
                    marks.append(said)
                case Measure():
                    measures.setdefault(said.channel, {})[said.name] = float(f"{said.value:.{_DIGITS}g}")
    derived = tuple(replace(c, flag=_marked(c.channel, c.flag, marks)) for c in night.derived.channels)
    return Checked(
        channels=tuple(_judged(channel, marks) for channel in night.channels),
        derived=replace(night.derived, channels=derived),
        findings=tuple(findings),
        measures=measures,
        limits=limits,
    )


def _finding(code: str, remark: Remark) -> Finding:
    epochs = () if remark.epochs is None else runs(remark.epochs)
    return finding(remark.code or code, remark.message, channel=remark.channel, epochs=epochs)


def _judged(channel: Channel, marks: Sequence[Mark]) -> Channel:
    flag = _marked(channel.plan.channel, channel.flag, marks)
    usable = np.where((flag & np.uint16(UNUSABLE)) != 0, np.float32(0), channel.usable)
    return replace(channel, flag=flag, usable=usable)


def _marked(channel: str, flag: NDArray[np.uint16], marks: Sequence[Mark]) -> NDArray[np.uint16]:
    marked = flag.copy()
    for mark in marks:
        if mark.channel == channel:
            marked[mark.epochs] |= np.uint16(mark.flag)
    return marked

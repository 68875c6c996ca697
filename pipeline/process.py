"""Make one canonical channel: read its leads, resample or hold, clean, mask.

One function a shape of signal (wave, step, code); each returns values on the epoch grid with the reason for
every missing or doubtful sample.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.channels import ChannelPlan
from pipeline.derive.oximetry import Cleaned, clean_pulse_rate, clean_spo2
from pipeline.derive.resample import gap_margin_s, resample_wave
from pipeline.derive.steps import hold_codes, hold_signal
from pipeline.epoch_runs import runs
from pipeline.leads import bad_spans, lead_signals
from pipeline.quality.counts import check_counts
from pipeline.read.night import Night
from schemas.findings import Finding, finding
from schemas.kinds import Kind, Shape
from schemas.quality import QualityFlag
from schemas.recording import Signal

__all__ = ["Channel", "make_channel"]


@dataclass(frozen=True)
class Channel:
    """One channel on the epoch grid.

    Parameters
    ----------
    value : ndarray, shape (n_epoch, n_per_epoch), float32 (int8 for codes)
        In the plan's unit; NaN (-1 for codes) where missing.
    flag : ndarray, shape (n_epoch,), uint16
        `QualityFlag` bits that hold for any sample of the epoch.
    usable : ndarray, shape (n_epoch,), float32
        Share of samples that are present.
    """

    plan: ChannelPlan
    value: NDArray[np.float32] | NDArray[np.int8]
    flag: NDArray[np.uint16]
    usable: NDArray[np.float32]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class _Samples:
    """Values and flags on the flat output grid."""

    value: NDArray[np.float32] | NDArray[np.int8]
    flag: NDArray[np.uint16]
    findings: tuple[Finding, ...] = ()


def make_channel(plan: ChannelPlan, night: Night, *, offset_s: float, n_epoch: int) -> Channel:
    """Make a channel from the night's signals.

    Parameters
    ----------
    offset_s : float
        Seconds from recording start to the origin of the epoch grid.
    n_epoch : int
        Whole epochs to fill.
    """
    make = {Shape.WAVE: _wave, Shape.STEP: _step, Shape.CODE: _code}[plan.spec.shape]
    n_sample = n_epoch * plan.spec.rate_class.n_per_epoch
    samples = make(plan, night, offset_s, n_sample)
    value, flag = samples.value, samples.flag
    bad = _status(plan, night, offset_s, n_sample)
    if bad.any():
        value[bad] = -1 if plan.spec.shape is Shape.CODE else np.nan
        flag[bad] |= np.uint16(QualityFlag.BAD_STATUS)
    value, flag = value.reshape(n_epoch, -1), flag.reshape(n_epoch, -1)
    present = value >= 0 if plan.spec.shape is Shape.CODE else np.isfinite(value)
    by_epoch = np.bitwise_or.reduce(flag, axis=1)
    findings = [*samples.findings, *_findings(plan.channel, flag)]
    findings += _check_sources(plan, night, offset_s, by_epoch)
    return Channel(plan, value, by_epoch, present.mean(axis=1, dtype=np.float32), tuple(findings))


def _wave(plan: ChannelPlan, night: Night, offset_s: float, n_sample: int) -> _Samples:
    """Band-limit and resample the channel; leads of different rates are subtracted afterwards."""
    assert plan.band is not None
    value = np.zeros(n_sample, np.float32)
    flag = np.zeros(n_sample, np.uint16)
    for signal, factor in lead_signals(plan, night):
        part = resample_wave(
            signal,
            band=plan.band,
            rate_hz=plan.spec.rate_class.rate_hz,
            start_s=offset_s,
            n_sample=n_sample,
            factor=factor,
        )
        value += part.value
        flag |= part.flag
    return _Samples(value, flag)


def _step(plan: ChannelPlan, night: Night, offset_s: float, n_sample: int) -> _Samples:
    lead = plan.leads[0]
    signal = night.signal(lead.index)
    native = np.concatenate([signal.physical(i) for i in range(len(signal.segments))])
    cleaned = _clean(plan, (native * lead.factor).astype(np.float32), signal)
    held = hold_signal(
        signal,
        cleaned.value,
        cleaned.flag,
        rate_hz=plan.spec.rate_class.rate_hz,
        start_s=offset_s,
        n_sample=n_sample,
    )
    notes = (
        (finding("PSG-S008", "fractions multiplied by 100", channel=plan.channel),) if cleaned.was_fraction else ()
    )
    return _Samples(held.value, held.flag.astype(np.uint16), notes)


def _clean(plan: ChannelPlan, native: NDArray[np.float32], signal: Signal) -> Cleaned:
    """Apply the manifest's missing codes, then the rules of the kind."""
    half_count = 0.501 * abs(signal.gain * plan.leads[0].factor)  # the file holds the count nearest to a code
    coded = np.zeros(native.size, bool)
    for code in plan.rule.missing_codes:
        coded |= np.abs(native - np.float32(code)) <= half_count
    native[coded] = np.nan
    match plan.rule.kind:
        case Kind.SPO2:
            breaks = np.cumsum([segment.n_sample for segment in signal.segments])[:-1]
            cleaned = clean_spo2(native, signal.rate_hz, breaks=breaks.tolist())
        case Kind.PULSE_RATE:
            cleaned = clean_pulse_rate(native)
        case _:
            cleaned = Cleaned(native, np.zeros(native.size, np.uint8), {})
    cleaned.flag[coded] |= np.uint8(QualityFlag.MISSING_CODE)
    return cleaned


def _code(plan: ChannelPlan, night: Night, offset_s: float, n_sample: int) -> _Samples:
    signal = night.signal(plan.leads[0].index)
    held = hold_codes(
        signal,
        plan.rule.value_map or {code: code for code in plan.rule.value_meanings},
        rate_hz=plan.spec.rate_class.rate_hz,
        start_s=offset_s,
        n_sample=n_sample,
    )
    return _Samples(held.value, held.flag.astype(np.uint16))


def _status(plan: ChannelPlan, night: Night, offset_s: float, n_sample: int) -> NDArray[np.bool_]:
    """Return where any of the channel's status signals says that the sample is bad.

    A wave gets the margin of a gap on either side: its filter has smeared what the bad samples held.
    """
    bad = np.zeros(n_sample, bool)
    margin_s = gap_margin_s(plan.band) if plan.band else 0.0
    rate_hz = plan.spec.rate_class.rate_hz
    for begin_s, end_s in bad_spans(plan, night):
        first = _at_or_after(begin_s - offset_s - margin_s, rate_hz)
        bad[first : _at_or_after(end_s - offset_s + margin_s, rate_hz)] = True
    return bad


def _at_or_after(time_s: float, rate_hz: int) -> int:
    """Return the first sample of the output grid at a time or after it, a nanosecond forgiven."""
    return max(0, math.ceil((time_s - 1e-9) * rate_hz))


_FLAG_FINDINGS: Mapping[QualityFlag, tuple[str, str]] = {
    QualityFlag.NO_SIGNAL: ("PSG-S003", "without signal"),
    QualityFlag.MISSING_CODE: ("PSG-S004", "with a missing code"),
    QualityFlag.OUT_OF_RANGE: ("PSG-S005", "outside the possible range"),
    QualityFlag.CLIPPED: ("PSG-S006", "clipped to the range's end"),
    QualityFlag.TOO_FAST: ("PSG-S007", "changing too fast"),
    QualityFlag.BAD_STATUS: ("PSG-S009", "with a bad status"),
    QualityFlag.UNKNOWN_CODE: ("PSG-C012", "with an unknown code"),
}


def _findings(channel: str, flag: NDArray[np.uint16]) -> list[Finding]:
    """One finding for each bit that is set anywhere."""
    if not flag.any():
        return []
    found = []
    for bit, (code, words) in _FLAG_FINDINGS.items():
        here = (flag & np.uint16(bit)) != 0
        if here.any():
            share = float(here.mean())
            message = f"{int(here.sum())} samples ({share:.2%}) {words}"
            found.append(finding(code, message, channel=channel, epochs=runs(here.any(axis=1))))
    return found


def _check_sources(plan: ChannelPlan, night: Night, offset_s: float, flag: NDArray[np.uint16]) -> list[Finding]:
    """Mark in place where a lead rests on one count or at its range's end; steps may rest for hours."""
    n_outside = 0
    for lead in plan.leads:
        check = check_counts(night.signal(lead.index), offset_s=offset_s, n_epoch=flag.size)
        n_outside += check.n_record_outside
        if plan.spec.shape is Shape.WAVE:
            flag[check.flat] |= np.uint16(QualityFlag.FLAT)
            flag[check.range_end] |= np.uint16(QualityFlag.RANGE_END)
    if not n_outside:
        return []
    return [finding("PSG-H016", f"{n_outside} data records leave the declared range", channel=plan.channel)]

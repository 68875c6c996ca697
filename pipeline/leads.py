"""A channel's leads before any filter: put together, at their own rate, with the times of a bad status.

What finds beats or compares leads needs the signal as recorded; what resamples needs the same leads. Both take them
from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.channels import ChannelPlan
from pipeline.epoch_runs import runs
from pipeline.read.night import Night
from schemas.recording import Signal

__all__ = ["NativeWave", "bad_spans", "lead_signals", "native_wave"]


@dataclass(frozen=True)
class NativeWave:
    """A channel at its native rate, whole night in one array.

    Parameters
    ----------
    value : ndarray, shape (n_sample,), float32, in the channel's unit
        NaN in gaps and under a bad status. The header's offset is left out: only differences count.
    rate_hz : float
    start_s : float
        Time of the first sample, seconds from recording start.
    segment_s : ndarray, shape (n_segment,), float64, seconds
        Where each segment begins in the array, ``first sample / rate_hz``.
    late_s : ndarray, shape (n_segment,), float64, seconds
        How much later than its place in the array each segment was recorded: at most half a sample, where a
        segment does not start on the raster of the first one.
    """

    value: NDArray[np.float32]
    rate_hz: float
    start_s: float
    segment_s: NDArray[np.float64]
    late_s: NDArray[np.float64]

    def recorded_s(self, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn times from the first sample of the array into seconds from recording start."""
        segment = np.searchsorted(self.segment_s, time_s, side="right") - 1
        return np.asarray(self.start_s + time_s + self.late_s[np.maximum(segment, 0)])


def native_wave(plan: ChannelPlan, night: Night) -> NativeWave | None:
    """Return a channel at its native rate, or None where its two leads do not share one clock."""
    leads = lead_signals(plan, night)
    if len(leads) != 1:
        return None
    ((signal, factor),) = leads
    rate_hz, start_s = float(signal.rate_hz), signal.segments[0].start_s
    begin_s = np.array([segment.start_s for segment in signal.segments]) - start_s
    first = np.rint(begin_s * rate_hz).astype(np.int64)
    value = np.full(first[-1] + signal.segments[-1].n_sample, np.nan, np.float32)
    scale = np.float32(signal.gain * factor)
    for at, segment in zip(first.tolist(), signal.segments, strict=True):
        out = value[at : at + segment.n_sample].reshape(segment.digital.shape)
        np.multiply(segment.digital, scale, out=out)
    for bad_begin_s, bad_end_s in bad_spans(plan, night):
        low, high = (round((edge_s - start_s) * rate_hz) for edge_s in (bad_begin_s, bad_end_s))
        value[max(low, 0) : max(high, 0)] = np.nan
    return NativeWave(value, rate_hz, start_s, first / rate_hz, begin_s - first / rate_hz)


def lead_signals(plan: ChannelPlan, night: Night) -> list[tuple[Signal, float]]:
    """Return the signals to be summed; leads on the same clock are one signal, their difference."""
    leads = [(night.signal(lead.index), lead.factor) for lead in plan.leads]
    if len(leads) == 2 and _same_clock(leads[0][0], leads[1][0]):
        return [(_difference(leads), 1.0)]
    return leads


def bad_spans(plan: ChannelPlan, night: Night) -> Iterator[tuple[float, float]]:
    """Yield from when to when a status signal calls the channel bad, seconds from recording start."""
    for index, codes in plan.masks:
        signal = night.signal(index)
        native_hz = float(signal.rate_hz)
        for i, segment in enumerate(signal.segments):
            for first, stop in runs(np.isin(np.rint(signal.physical(i)), list(codes))):
                yield segment.start_s + first / native_hz, segment.start_s + stop / native_hz


def _same_clock(a: Signal, b: Signal) -> bool:
    def clock(signal: Signal) -> list[tuple[float, tuple[int, ...]]]:
        return [(segment.start_s, segment.digital.shape) for segment in signal.segments]

    return a.rate_hz == b.rate_hz and clock(a) == clock(b)


def _difference(leads: Sequence[tuple[Signal, float]]) -> Signal:
    """Return a signal whose counts, float32, are the leads' weighted sum in the channel's unit."""
    (a, weight_a), (b, weight_b) = leads
    gain_a, gain_b = np.float32(a.gain * weight_a), np.float32(b.gain * weight_b)
    segments = tuple(
        replace(of_a, digital=of_a.digital * gain_a + of_b.digital * gain_b)
        for of_a, of_b in zip(a.segments, b.segments, strict=True)
    )
    return replace(a, gain=1.0, offset=a.offset * weight_a + b.offset * weight_b, segments=segments)

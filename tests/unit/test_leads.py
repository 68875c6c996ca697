"""Channels at their native rate: gaps, segments off the raster, derivations, and what a status takes out."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any, cast

import numpy as np
import pytest

from pipeline.channels import ChannelPlan, Lead
from pipeline.derive.rpeaks import detect_beats
from pipeline.leads import NativeWave, native_wave
from pipeline.read.night import Night
from schemas.montage import ChannelRule
from schemas.recording import Segment, Signal
from schemas.units import Unit
from schemas.vocabulary import Polarity

RATE_HZ = 125
BEAT_S = 0.8125


def signal(*segments: tuple[float, np.ndarray[Any, Any]], gain: float = 1.0, rate_hz: int = RATE_HZ) -> Signal:
    parts = tuple(Segment(start_s, value.reshape(-1, rate_hz)) for start_s, value in segments)
    return Signal("ECG", "mV", Fraction(rate_hz), gain, 0.0, -1, 1, -32768, 32767, parts)


def plan(n_lead: int = 1, masks: tuple[tuple[int, frozenset[int]], ...] = ()) -> ChannelPlan:
    return ChannelPlan(
        rule=ChannelRule.model_validate({"channel": "ecg", "labels": "ECG"}),
        leads=tuple(Lead(index, (1.0, -1.0)[index]) for index in range(n_lead)),
        source_label="ECG",
        source_unit=Unit.MILLIVOLT,
        rate_hz=Fraction(RATE_HZ),
        band=None,
        polarity=Polarity.AS_HEADER,
        masks=masks,
    )


class Signals:
    """Stands for the night of a file: signals by index."""

    def __init__(self, *signals: Signal) -> None:
        self._signals = signals

    def signal(self, index: int) -> Signal:
        return self._signals[index]


def wave(*signals: Signal, **of_plan: Any) -> NativeWave | None:
    return native_wave(plan(**of_plan), cast(Night, Signals(*signals)))


def beating(begin_s: float, n_second: int) -> np.ndarray[Any, Any]:
    """Return narrow complexes at every multiple of the interval, sampled from a time on."""
    time_s = begin_s + np.arange(n_second * RATE_HZ) / RATE_HZ
    phase_s = (time_s + BEAT_S / 2) % BEAT_S - BEAT_S / 2
    return np.asarray(1000 * np.exp(-0.5 * (phase_s / 0.011) ** 2)).astype(np.float32)


@pytest.mark.parametrize("late_s", [0.0, 0.0031, 0.0039, 0.0045, 0.0079])
def test_a_segment_off_the_raster_shifts_no_beat(late_s: float) -> None:
    """Beats after a gap that is no whole number of samples are where they were, to a millisecond."""
    second_s = 75.0 + late_s
    whole = wave(signal((2.5, beating(2.5, 60)), (second_s, beating(second_s, 60))))
    assert whole is not None
    found_s = whole.recorded_s(detect_beats(whole.value, whole.rate_hz).time_s)
    assert (found_s > 76).sum() > 60
    inner = found_s[(np.abs(found_s - 62.5) > 1) & (np.abs(found_s - 75) > 1) & (found_s > 3.5) & (found_s < 134)]
    off_s = inner - BEAT_S * np.round(inner / BEAT_S)
    assert np.abs(off_s).max() < 0.001
    assert np.isnan(whole.value[62 * RATE_HZ : 70 * RATE_HZ]).all()


def test_a_difference_of_leads_has_the_weights_of_both() -> None:
    """Leads on one clock are subtracted sample by sample, each with its own gain."""
    a, b = np.arange(RATE_HZ, dtype=np.int16), np.full(RATE_HZ, 3, np.int16)
    whole = wave(signal((0.0, a), gain=0.5), signal((0.0, b), gain=2.0), n_lead=2)
    assert whole is not None
    np.testing.assert_allclose(whole.value, 0.5 * a - 6.0)


def test_leads_on_two_clocks_are_no_wave() -> None:
    """Nothing is subtracted across clocks at the native rate."""
    a = np.zeros(RATE_HZ, np.int16)
    assert wave(signal((0.0, a)), signal((0.25, a)), n_lead=2) is None


def test_a_bad_status_takes_its_samples_out() -> None:
    """The samples from the status signal's edge to its next edge are missing, no more."""
    off = replace(signal((0.0, np.array([0, 1, 1, 0], np.int16)), rate_hz=1), label="off")
    whole = wave(signal((0.0, np.ones(4 * RATE_HZ, np.int16))), off, masks=((1, frozenset({1})),))
    assert whole is not None
    expected = np.repeat([False, True, True, False], RATE_HZ)
    np.testing.assert_array_equal(np.isnan(whole.value), expected)

"""Pacemaker pulses that a recorder has spread over samples are taken out, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.ibi_conditions import add_pulses
from pipeline.derive.beat_bands import split_bands
from pipeline.derive.rpeaks import detect
from pipeline.synth.cardiac import NORMAL, VENTRICULAR, Beats, ecg_wave

Wave = NDArray[np.float32]
MINUTES = 4
BEAT_S = np.arange(1.0, 60 * MINUTES - 1, 0.93) + 0.03 * np.sin(np.arange(1.0, 60 * MINUTES - 1, 0.93))


def ecg_of(rate_hz: int, kind: int) -> Wave:
    """An ECG of 1 mV with the noise of an amplifier; all beats of one kind."""
    out = np.zeros(60 * MINUTES * rate_hz, np.float32)
    ecg_wave(out, rate_hz, Beats(BEAT_S, np.full(BEAT_S.size, kind, np.int8)), np.ones(BEAT_S.size, np.float32))
    return out + 0.01 * np.random.default_rng(rate_hz).standard_normal(out.size, dtype=np.float32)


def with_pulses(ecg: Wave, rate_hz: int, height_mv: float, time_s: NDArray[np.float64]) -> Wave:
    out = ecg.copy()
    add_pulses(out, rate_hz, height_mv, time_s, spread=True)
    return out


@pytest.mark.parametrize("rate_hz", [100, 125, 200, 256, 512])
@pytest.mark.parametrize("height_mv", [2.0, -5.0, 8.0, -10.0])
@pytest.mark.parametrize(("kind", "ahead_s"), [(VENTRICULAR, 0.1), (VENTRICULAR, 0.06), (NORMAL, 0.16)])
def test_spread_pulses_are_no_beats(rate_hz: int, height_mv: float, kind: int, ahead_s: float) -> None:
    """Every beat is at its complex, and none at a pulse."""
    ecg = with_pulses(ecg_of(rate_hz, kind), rate_hz, height_mv, BEAT_S - ahead_s)
    found_s = detect(ecg, rate_hz)
    assert found_s.size == BEAT_S.size
    np.testing.assert_allclose(found_s, BEAT_S, rtol=0, atol=0.02)


@pytest.mark.parametrize("rate_hz", [100, 256])
def test_two_pulses_a_beat(rate_hz: int) -> None:
    """One for the atria and one for the ventricles, each as far from its complex as the others of its kind."""
    ecg = ecg_of(rate_hz, VENTRICULAR)
    for ahead_s in (0.1, 0.2):
        ecg = with_pulses(ecg, rate_hz, 6.0, BEAT_S - ahead_s)
    found_s = detect(ecg, rate_hz)
    assert found_s.size == BEAT_S.size
    np.testing.assert_allclose(found_s, BEAT_S, rtol=0, atol=0.02)


@pytest.mark.parametrize("rate_hz", [100, 256])
def test_nothing_is_left_of_a_pulse(rate_hz: int) -> None:
    """The strength before paced complexes is that of an ECG without pulses, to a few hundredths of a beat."""
    plain = ecg_of(rate_hz, VENTRICULAR)
    expected = split_bands(plain, rate_hz)
    paced = with_pulses(plain, rate_hz, 8.0, BEAT_S - 0.13)
    actual = split_bands(paced, rate_hz)
    np.testing.assert_allclose(actual.strength, expected.strength, rtol=0, atol=0.25 * expected.strength.max())
    np.testing.assert_allclose(actual.wave, expected.wave, rtol=0, atol=0.25 * np.abs(expected.wave).max())


@pytest.mark.parametrize("rate_hz", [100, 256])
def test_a_single_pulse_is_left(rate_hz: int) -> None:
    """What does not recur is not taken for a pacemaker's."""
    plain = ecg_of(rate_hz, VENTRICULAR)
    once = split_bands(with_pulses(plain, rate_hz, 8.0, BEAT_S[100:101] - 0.13), rate_hz)
    changed = once.strength - split_bands(plain, rate_hz).strength
    assert np.abs(changed).argmax() / once.rate_hz == pytest.approx(BEAT_S[100] - 0.13, abs=0.02)

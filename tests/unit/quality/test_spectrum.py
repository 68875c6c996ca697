"""Hum and envelopes in signals as recorded."""

from __future__ import annotations

import numpy as np
import pytest

from tests.quality_views import N, Raw, channel, measured, remarks, view

RATE_HZ = 256
TIME_S = np.arange(N * 30 * RATE_HZ) / RATE_HZ


def noise(uv: float) -> np.ndarray:
    return uv * np.random.default_rng(3).standard_normal(TIME_S.size)


def night_of(name: str, raw: np.ndarray):  # type: ignore[no-untyped-def]
    """A night with one channel, whose samples are recorded as given."""
    return view(channel(name, np.ones(N * 3840), rate_hz=RATE_HZ), raw=[Raw(raw, RATE_HZ)])


@pytest.mark.parametrize("hz", [50.0, 60.0])
@pytest.mark.parametrize("uv", [3.0, 30.0])
def test_hum_is_measured(hz: float, uv: float) -> None:
    """Frequency and amplitude are those of the sine, and more than ten microvolts are remarked on."""
    night = night_of("eeg_c4_m1", noise(10.0) + uv * np.sin(2 * np.pi * hz * TIME_S + 1.0))
    found = measured(night, "mains")
    assert found["mains_hz", "eeg_c4_m1"] == hz
    assert found["mains_amplitude", "eeg_c4_m1"] == pytest.approx(uv, rel=0.1)
    assert bool(remarks(night, "mains")) == (uv > 10)


def test_noise_is_no_hum() -> None:
    """Without a line there is nothing to measure."""
    assert measured(night_of("eeg_c4_m1", noise(10.0)), "mains") == {}


def test_an_ecg_may_have_ten_times_as_much() -> None:
    """Fifty microvolts of hum in an ECG are none of the worst."""
    night = night_of("ecg", noise(0.01) + 0.05 * np.sin(2 * np.pi * 50 * TIME_S))
    assert measured(night, "mains")["mains_amplitude", "ecg"] == pytest.approx(0.05, rel=0.1)
    assert remarks(night, "mains") == []


def test_envelopes_are_told_from_muscle() -> None:
    """Noise is muscle; its smoothed size is not, whatever its height; a slow drift through zero is neither."""
    muscle = noise(10.0)
    smooth = np.convolve(np.abs(muscle), np.ones(128) / 128, "same")
    drift = 40 * np.sin(2 * np.pi * 1.0 * TIME_S) + noise(1.0)
    found = [bool(remarks(night_of("emg_chin", raw), "emg_envelope")) for raw in (muscle, smooth, drift)]
    assert found == [False, True, False]
    assert measured(night_of("emg_chin", muscle), "emg_envelope")["muscle_share", "emg_chin"] > 0.9

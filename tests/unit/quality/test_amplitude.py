"""Checks of amplitude: closed forms of sines, and bits that are set where they hold."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.quality import QualityFlag
from tests.quality_views import N, channel, marks, measured, remarks, view

FAST, SLOW = 3840, 120  # samples of an epoch


def sine(n: int, amplitude: float, per_cycle: int = 16) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * np.arange(n) / per_cycle)


def test_amplitude_is_the_root_mean_square() -> None:
    """A sine's is its height over the root of two."""
    night = view(channel("eeg_c4_m1", sine(N * FAST, 20.0)))
    assert measured(night, "wrong_range")["amplitude", "eeg_c4_m1"] == pytest.approx(20 / np.sqrt(2), rel=1e-4)


def test_too_few_epochs_have_no_amplitude() -> None:
    """Nineteen whole epochs decide nothing."""
    value = sine(N * FAST, 20.0)
    value[19 * FAST :] = np.nan
    assert measured(view(channel("eeg_c4_m1", value)), "wrong_range") == {}


@pytest.mark.parametrize(
    ("name", "amplitude", "check"),
    [
        ("eeg_c4_m1", 20.0, None),
        ("eeg_c4_m1", 0.6, "wrong_range"),
        ("eeg_c4_m1", 600.0, "wrong_range"),
        ("eeg_c4_m1", 0.02, "unit_factor"),
        ("eeg_c4_m1", 20_000.0, "unit_factor"),
        ("emg_chin", 0.5, None),
        ("emg_chin", 0.005, "unit_factor"),
        ("ecg", 0.15, None),
        ("ecg", 150.0, "unit_factor"),
        ("thor", 1e6, None),
    ],
)
def test_gain_and_unit_are_told_apart(name: str, amplitude: float, check: str | None) -> None:
    """A thousand times off is the unit, a few times off the gain; arbitrary units are never wrong."""
    night = view(channel(name, sine(N * (SLOW if name == "thor" else FAST), amplitude)))
    found = [c for c in ("wrong_range", "unit_factor") if remarks(night, c)]
    assert found == ([check] if check else [])


@pytest.mark.parametrize(("reading", "n_remark"), [(60.0, 0), (0.7, 1), (400.0, 1)])
def test_readings_have_a_usual_range(reading: float, n_remark: int) -> None:
    """A pulse of less than one beat a minute is another unit."""
    night = view(channel("pulse_rate", np.full(N * SLOW, reading)))
    assert len(remarks(night, "wrong_range")) == n_remark


def test_fading_for_three_minutes_is_marked_where_it_is() -> None:
    """Six epochs at a hundredth are no physiology; five may be."""
    value = sine(N * FAST, 20.0)
    value[10 * FAST : 16 * FAST] *= 0.01
    value[30 * FAST : 35 * FAST] *= 0.01
    night = view(channel("eeg_c4_m1", value))
    (mark,) = marks(night, "dropped_out")
    assert (mark.channel, mark.flag) == ("eeg_c4_m1", QualityFlag.DROPPED_OUT)
    assert np.flatnonzero(mark.epochs).tolist() == list(range(10, 16))
    assert [remark.channel for remark in remarks(night, "dropped_out")] == ["eeg_c4_m1"]


def test_a_microphone_may_be_silent() -> None:
    """Snoring that stops is no fault."""
    value = sine(N * 960, 1.0)
    value[10 * 960 : 40 * 960] *= 0.001
    assert remarks(view(channel("snore", value)), "dropped_out") == []


def test_flat_epochs_are_counted_from_their_bits() -> None:
    """Two flat epochs are enough at the limit of nothing, not at a tenth; all of them have a code of their own."""
    flag = np.zeros(N, np.uint16)
    flag[3:5] = QualityFlag.FLAT
    night = view(channel("eeg_c4_m1", sine(N * FAST, 20.0), flag=flag))
    (remark,) = remarks(night, "flat")
    assert (remark.message, remark.code) == ("2 epochs hold one value only", None)
    assert remarks(night, "flat", 0.1) == []
    (whole,) = remarks(view(channel("eeg_c4_m1", np.zeros(N * FAST), flag=np.full(N, QualityFlag.FLAT))), "flat")
    assert whole.code == "PSG-S010"


def test_range_end_needs_more_than_its_share() -> None:
    """One epoch in sixty is a movement; four are a gain too high."""
    for n_epoch, n_remark in ((1, 0), (4, 1)):
        flag = np.zeros(N, np.uint16)
        flag[:n_epoch] = QualityFlag.RANGE_END
        night = view(channel("eeg_c4_m1", sine(N * FAST, 20.0), flag=flag))
        assert len(remarks(night, "range_end")) == n_remark

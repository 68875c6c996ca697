"""Kinds of channels: what is equal in every recording of every cohort."""

from __future__ import annotations

import math
import re

import pytest

from schemas.kinds import CANONICAL_CHANNELS, KINDS, Kind, RateClass, Shape, kind_of_channel
from schemas.units import Unit
from schemas.vocabulary import Modality

# Stores of years ago are packed with these: rate, samples an epoch, unit, scale, high-pass, modality.
PACKING = {
    "eeg": (128, 3840, "uV", 2**-5, 0.3, "eeg"),
    "eog": (128, 3840, "uV", 2**-5, 0.3, "eog"),
    "emg": (128, 3840, "uV", 2**-5, 10.0, "emg"),
    "emg_envelope": (4, 120, "uV", 2**-5, None, None),
    "leg_emg": (128, 3840, "uV", 2**-5, 10.0, None),
    "ecg": (128, 3840, "mV", 2**-12, 0.3, "ecg"),
    "airflow": (4, 120, "1", 2**-10, 0.05, "airflow"),
    "airflow_wave": (32, 960, "1", 2**-10, 0.05, None),
    "nasal_pressure": (4, 120, "1", 2**-10, 0.03, "airflow"),
    "nasal_pressure_wave": (32, 960, "1", 2**-10, 0.03, None),
    "belt": (4, 120, "1", 2**-10, 0.05, "belt"),
    "snore": (32, 960, "1", 2**-10, 0.3, None),
    "pleth": (32, 960, "1", 2**-10, 0.3, None),
    "spo2": (4, 120, "%", 2**-7, None, "spo2"),
    "pulse_rate": (4, 120, "bpm", 2**-6, None, None),
    "temperature": (4, 120, "degC", 2**-9, None, None),
    "pap_pressure": (4, 120, "cmH2O", 2**-8, None, None),
    "position": (1, 30, "1", 1.0, None, None),
    "light": (1, 30, "1", 1.0, None, None),
    "status": (1, 30, "1", 1.0, None, None),
    "ibi": (4, 120, "s", 2**-13, None, "ibi"),
    "resp": (4, 120, "1", 2**-10, None, "resp"),
    "bbi": (4, 120, "s", 2**-11, None, "resp"),
}

CHANNELS = {
    "eeg_c4_m1": Kind.EEG,
    "eeg_fpz_cz": Kind.EEG,
    "eeg_c3": Kind.EEG,
    "eeg_f4_avg": Kind.EEG,
    "eog_l": Kind.EOG,
    "eog_h": Kind.EOG,
    "emg_chin": Kind.EMG,
    "emg_chin_l": Kind.EMG,
    "emg_chin_envelope": Kind.EMG_ENVELOPE,
    "emg_leg_lr": Kind.LEG_EMG,
    "ecg": Kind.ECG,
    "ecg_2": Kind.ECG,
    "airflow": Kind.AIRFLOW,
    "airflow_wave": Kind.AIRFLOW_WAVE,
    "nasal_pressure": Kind.NASAL_PRESSURE,
    "nasal_pressure_wave": Kind.NASAL_PRESSURE_WAVE,
    "thor": Kind.BELT,
    "abdo": Kind.BELT,
    "spo2": Kind.SPO2,
    "pulse_rate": Kind.PULSE_RATE,
    "pleth": Kind.PLETH,
    "position": Kind.POSITION,
    "status_oximeter": Kind.STATUS,
    "ibi": Kind.IBI,
    "resp": Kind.RESP,
    "bbi": Kind.BBI,
}


def test_packing_never_changes() -> None:
    """Rates, units, scales, filters and modalities are those of the specification."""
    actual = {
        kind.value: (
            spec.rate_class.rate_hz,
            spec.rate_class.n_per_epoch,
            spec.unit.value,
            spec.scale,
            spec.high_pass_hz,
            spec.modality and spec.modality.value,
        )
        for kind, spec in KINDS.items()
    }
    assert actual == PACKING


@pytest.mark.parametrize("kind", Kind)
def test_scales_are_powers_of_two(kind: Kind) -> None:
    """Packing is exact in binary: the scale has no mantissa."""
    assert math.frexp(KINDS[kind].scale)[0] == 0.5


@pytest.mark.parametrize(
    ("kind", "largest"),
    [(Kind.EEG, 1000), (Kind.ECG, 7), (Kind.SPO2, 200), (Kind.PULSE_RATE, 300), (Kind.IBI, 3.5), (Kind.BBI, 15)],
)
def test_physiology_fits_the_packing(kind: Kind, largest: float) -> None:
    """Values that bodies produce do not saturate."""
    assert KINDS[kind].scale * 32767 >= largest


def test_every_modality_has_a_kind() -> None:
    """The nine modalities of the model can all be made."""
    assert {spec.modality for spec in KINDS.values()} - {None} == set(Modality)


def test_dimensions() -> None:
    """Each rate class has a dimension of its own."""
    assert [r.dimension for r in RateClass] == ["fast_sample", "mid_sample", "slow_sample", "step_sample"]


def test_only_waves_are_filtered_or_arbitrary() -> None:
    """Held values and codes keep their level, and their unit means something in every night."""
    for spec in KINDS.values():
        assert spec.shape is Shape.WAVE or (spec.high_pass_hz is None and not spec.is_arbitrary)
        assert not spec.is_arbitrary or spec.unit is Unit.ARBITRARY


@pytest.mark.parametrize(("channel", "kind"), CHANNELS.items())
def test_kind_follows_from_the_name(channel: str, kind: Kind) -> None:
    """A canonical name says what is measured."""
    assert kind_of_channel(channel) is kind


@pytest.mark.parametrize("channel", ["", "EEG", "eeg", "eeg_x9", "eeg_c4_m1_", "ecg ", "eog", "spo2_2", "hr"])
def test_other_names_are_refused(channel: str) -> None:
    """Anything else is no channel of ours."""
    with pytest.raises(KeyError):
        kind_of_channel(channel)


def test_no_name_fits_two_patterns() -> None:
    """Patterns do not overlap, so that their order does not matter."""
    for channel in CHANNELS:
        assert len([p for p in CANONICAL_CHANNELS if re.fullmatch(p, channel)]) == 1


def test_every_kind_has_a_name() -> None:
    """No kind is out of reach of a manifest."""
    assert set(CANONICAL_CHANNELS.values()) == set(Kind)

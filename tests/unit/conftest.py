"""A tiny harmonised recording, made by hand, and the store that it becomes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from pipeline.write.store import write_store

RATES_HZ = {"fast": 128, "mid": 32, "slow": 4, "step": 1}
CHANNELS = {  # name: (kind, modality, primary, class, unit, amplitude)
    "eeg_c4_m1": ("eeg", "eeg", 1, "fast", "uV", 40.0),
    "pleth": ("pleth", "none", 0, "mid", "1", 0.02),
    "thor": ("belt", "belt", 1, "slow", "1", 300.0),
    "spo2": ("spo2", "spo2", 1, "slow", "%", 0.0),
    "position": ("position", "none", 0, "step", "1", 0.0),
}
POSITIONS = {"flag_values": [0, 1, 2], "flag_meanings": "supine left prone"}
EVENTS = {
    "event_type": {"flag_values": [0, 1], "flag_meanings": "obstructive_apnea arousal"},
    "event_channel": {"flag_values": [0], "flag_meanings": "SaO2"},
    "event_term": {"flag_values": [], "flag_meanings": ""},
}


def _values(name: str, n_epoch: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    _, _, _, rate, _, amplitude = CHANNELS[name]
    shape = (n_epoch, RATES_HZ[rate] * 30)
    if name == "position":
        return np.repeat(rng.integers(-1, 3, n_epoch).astype(np.int8)[:, None], shape[1], axis=1)
    if name == "spo2":
        return rng.integers(88, 100, shape).astype(np.float32)
    return (amplitude * rng.standard_normal(shape)).astype(np.float32)


def _attributes(name: str) -> dict[str, Any]:
    kind, modality, primary, rate, units, _ = CHANNELS[name]
    attrs = {
        "kind": kind,
        "modality": modality,
        "primary": primary,
        "source_label": name.upper(),
        "source_rate_hz": float(RATES_HZ[rate]),
        "reference": None,
        "band_low_hz": 0.3 if rate == "fast" else None,
        "band_high_hz": 0.45 * RATES_HZ[rate] if kind in ("eeg", "belt", "pleth") else None,
        "resampler": "block_fft",
        "polarity": "unknown",
        "unit_factor": 1.0,
        "units": units,
        "long_name": name,
    }
    arbitrary = {"source_unit": "mV"} if kind in ("belt", "pleth") else {}
    return attrs | arbitrary | (POSITIONS if name == "position" else {})


def derived_tables(n_epoch: int) -> dict[str, Any]:
    """Return four beats, two breaths, a desaturation by both rules."""
    return {
        "nn_valid": (
            ("epoch", "slow_sample"),
            np.repeat(np.arange(n_epoch, dtype=np.int8)[:, None] % 2, 120, axis=1),
        ),
        "beat_time_s": ("beat", np.array([0.5, 1.375, 2.25, 29.875])),
        "beat_type": ("beat", np.array([0, 1, 0, 2], np.int8)),
        "beat_valid": ("beat", np.array([1, 1, 1, 0], np.int8)),
        "breath_time_s": ("breath", np.array([3.0, 7.25])),
        "breath_valid": ("breath", np.array([1, 0], np.int8)),
        "breath_obstructed": ("breath", np.array([0, 1], np.int8)),
        "resp_phase_deg": ("epoch", np.linspace(-20, 20, n_epoch, dtype=np.float32)),
        "desaturation_rule_percent": ("desaturation", np.array([3, 4], np.int8)),
        "desaturation_onset_s": ("desaturation", np.array([4.0, 4.0])),
        "desaturation_nadir_s": ("desaturation", np.array([14.25, 14.25])),
        "desaturation_end_s": ("desaturation", np.array([25.0, 25.0])),
        "desaturation_baseline_percent": ("desaturation", np.array([97.0, 97.0], np.float32)),
        "desaturation_nadir_percent": ("desaturation", np.array([92.0, 92.0], np.float32)),
    }


def _night(n_epoch: int = 3, n_event: int = 2, channels: tuple[str, ...] = tuple(CHANNELS)) -> xr.Dataset:
    rng = np.random.default_rng(n_epoch)
    data: dict[str, Any] = {
        name: (
            ("epoch", f"{CHANNELS[name][3]}_sample"),
            _values(name, n_epoch, rng),
            _attributes(name),
        )
        for name in channels
    }
    data["stage"] = ("epoch", rng.integers(-1, 5, n_epoch).astype(np.int8))
    data["stage_source"] = ("epoch", np.zeros(n_epoch, np.int8))
    data["in_bed"] = ("epoch", np.ones(n_epoch, np.int8))
    data["usable_fraction"] = (("epoch", "channel"), np.ones((n_epoch, len(channels)), np.float32))
    data["quality"] = (("epoch", "channel"), np.zeros((n_epoch, len(channels)), np.uint16))
    data["event_onset_s"] = ("event", 7.25 + 10.0 * np.arange(n_event))
    data["event_duration_s"] = ("event", np.full(n_event, 12.5))
    data["event_type"] = ("event", np.arange(n_event, dtype=np.int16) % 2, EVENTS["event_type"])
    data["event_channel"] = ("event", np.zeros(n_event, np.int16), EVENTS["event_channel"])
    data["event_term"] = ("event", np.full(n_event, -1, np.int16), EVENTS["event_term"])
    data |= derived_tables(n_epoch)
    coords = {"epoch_start_s": ("epoch", 30.0 * np.arange(n_epoch)), "channel": list(channels)}
    attrs = {
        "cohort": "synthetic",
        "recording": "night-1",
        "subject": "1",
        "visit": "",
        "site": None,
        "age_years": 61.5,
        "sex": "female",
        "study_type": "diagnostic",
        "terms": {"redistribution": True},
        "stage_scheme": "aasm",
        "grid_offset_s": 12.5,
        "clock_start_s": 80000.0,
        "event_scored": {"arousal": "yes"},
        "manifest": {"cohort": "synthetic", "montage": [{"channel": "eeg_c4_m1"}]},
        "sources": [{"name": "night-1.edf", "size": 7, "sha256": "00"}],
        "versions": {"sleep2vec": "0.1.0"},
        "findings": [],
        "processing": {"resampler": "block_fft"},
        "fingerprint": "f",
    }
    return xr.Dataset(data, coords, attrs)


@pytest.fixture(scope="session")
def make_night() -> Callable[..., xr.Dataset]:
    """``make_night(n_epoch=3, n_event=2, channels=...)``: a harmonised recording with channels of all classes."""
    return _night


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The store of the default night."""
    path = tmp_path / "night-1.zarr"
    write_store(_night(), path)
    return path

"""Nights to derive channels from: a synthetic sleeper's sensors, each of which a test may change, drop or add."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edfio
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pipeline.files.discover import discover
from pipeline.harmonise import harmonise
from pipeline.manifests.load import load_manifest
from pipeline.read.night import open_night
from pipeline.synth import synthesise
from schemas.manifest import CohortManifest
from tests.made_up_terms import TERMS

Sensor = tuple[NDArray[np.float64], float, str]  # values, rate in hertz, unit
UNITS = {"ecg": "mV", "spo2": "%"}
BLANK = {"unit": "1", "source": "made up for this test"}


@dataclass(frozen=True)
class Sleeper:
    """Sensors by channel and the truth, times from the recording's start."""

    sensors: Mapping[str, Sensor]
    truth: Mapping[str, NDArray[Any]]

    def without(self, *channels: str) -> dict[str, Sensor]:
        """Return the sensors but some."""
        return {name: sensor for name, sensor in self.sensors.items() if name not in channels}

    def only(self, *channels: str) -> dict[str, Sensor]:
        """Return some of the sensors."""
        return {name: self.sensors[name] for name in channels}


def sleeper(folder: Path, *, hours: float, seed: int) -> Sleeper:
    """Return one sleeper of the synthetic cohort without any fault of the sensors."""
    synthesise(folder, recipe="synthetic", nights=1, hours=hours, seed=seed)
    manifest = load_manifest("synthetic")
    (source,) = discover(manifest, folder)
    rules = {rule.channel: rule.labels[0].label for rule in manifest.rules_for(source.key.visit)}
    sensors: dict[str, Sensor] = {}
    with open_night(source.signals) as night:
        for channel in ("ecg", "thor", "abdo", "nasal_pressure", "airflow", "spo2"):
            signal = night.signal(night.labels.index(rules[channel]))
            sensors[channel] = (signal.physical(), float(signal.rate_hz), UNITS.get(channel, ""))
    with np.load(folder / "truth" / f"{source.key.name}.npz") as truth:
        return Sleeper(sensors, {name: truth[name] for name in truth.files})


def converted(
    folder: Path, sensors: Mapping[str, Sensor], rules: Mapping[str, Mapping[str, Any]] | None = None
) -> xr.Dataset:
    """Write sensors into an EDF whose labels are channels, and harmonise it without a scoring.

    Parameters
    ----------
    rules : mapping of str to mapping
        More of a channel's rule; a channel that is named here and no sensor is in the montage all the same. A
        sensor whose name has a capital is in no rule of its own.
    """
    signals = [
        edfio.EdfSignal(value, rate, label=name, physical_dimension=unit, physical_range=_range(value))
        for name, (value, rate, unit) in sensors.items()
    ]
    folder.mkdir(exist_ok=True)
    edfio.Edf(signals).write(folder / "one.edf")
    channels = [name for name in sensors if name.islower()]
    montage = [
        _rule(name) | dict((rules or {}).get(name, {})) for name in [*channels, *set(rules or {}) - {*channels}]
    ]
    manifest = CohortManifest.model_validate(
        {
            "manifest_version": 1,
            "cohort": "clinic",
            "title": "A clinic",
            "terms": TERMS,
            "layout": {"signals": "{subject}.edf"},
            "montage": montage,
        }
    )
    (source,) = discover(manifest, folder)
    return harmonise(source, manifest)


def _rule(channel: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"channel": channel, "labels": channel}
    return rule if channel.startswith("ecg") or channel in {"spo2", "ibi"} else rule | {"unit_when_blank": BLANK}


def _range(value: NDArray[np.float64]) -> tuple[float, float]:
    top = float(f"{max(1.0, 1.02 * np.abs(value).max()):.3g}")
    return -top, top

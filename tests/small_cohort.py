"""A cohort of small real EDFs, written by edfio, with a channel of every shape; each thing in it can be changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import time
from pathlib import Path
from typing import Any

import edfio
import numpy as np
from numpy.typing import NDArray

from schemas.manifest import CohortManifest
from tests.made_up_terms import TERMS

N_SECOND = 300
EVENING = time(22)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Written:
    """One signal as it will be written; a physical range with its minimum above its maximum is a negative gain."""

    value: Floats
    rate_hz: float
    unit: str
    label: str
    physical: tuple[float, float] = (-500.0, 500.0)

    def but(self, **changes: Any) -> Written:
        return replace(self, **changes)


def noise(rate_hz: int, size: float, seed: int, delay_s: float = 0.0) -> Floats:
    """Return noise between a fortieth and an eighth of the rate, exactly delayed."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(N_SECOND * rate_hz))
    f = np.fft.rfftfreq(N_SECOND * rate_hz, 1 / rate_hz)
    spectrum *= ((f > rate_hz / 40) & (f < rate_hz / 8)) * np.exp(-2j * np.pi * f * delay_s)
    return np.asarray(size * np.fft.irfft(spectrum))


def signals(**changes: Written | None) -> dict[str, Written]:
    """Return the signals of a night; None leaves one out."""
    second = np.arange(N_SECOND)
    night = {
        "eeg": Written(noise(200, 40, 1), 200, "uV", "EEG C4-M1"),
        "a": Written(noise(256, 40, 2), 256, "uV", "E1"),
        "b": Written(noise(256, 30, 3), 256, "uV", "M2", (500.0, -500.0)),
        "ecg": Written(noise(250, 40, 4), 250, "uV", "ECG"),
        "thor": Written(noise(10, 0.3, 5), 10, "", "Thorax", (-2.0, 2.0)),
        "other": Written(noise(10, 0.3, 6), 10, "", "Thorax", (-2.0, 2.0)),
        "spo2": Written(94.0 + np.round(2 * np.sin(second / 30)), 1, "%", "SpO2", (0.0, 200.0)),
        "position": Written(second // 40 % 4 + 0.0, 1, "", "Position", (-10.0, 10.0)),
    }
    return {name: signal for name, signal in (night | changes).items() if signal is not None}


def write_night(path: Path, night: Mapping[str, Written], *, plus: bool = False, clock: time = EVENING) -> Path:
    """Write an EDF, or an EDF+ with a time stamp in every record."""
    path.parent.mkdir(parents=True, exist_ok=True)
    edf = edfio.Edf(
        [
            edfio.EdfSignal.from_digital(
                _counts(signal),
                signal.rate_hz,
                label=signal.label,
                physical_dimension=signal.unit,
                physical_range=(-1, 1),
            )
            for signal in night.values()
        ],
        data_record_duration=1,
        starttime=clock,
        annotations=[edfio.EdfAnnotation(1, None, "note")] if plus else None,
    )
    edf.write(path)
    _set_ranges(path, [signal.physical for signal in night.values()])
    return path


def _counts(signal: Written) -> NDArray[np.int16]:
    low, high = signal.physical
    return np.rint((signal.value - low) / (high - low) * 65535 - 32768).astype(np.int16)


def _set_ranges(path: Path, ranges: list[tuple[float, float]]) -> None:
    content = bytearray(path.read_bytes())
    n_signal = int(content[252:256])
    for field, position in enumerate((104, 112)):
        for i, both in enumerate(ranges):
            at = 256 + position * n_signal + 8 * i
            content[at : at + 8] = f"{both[field]:<8g}".encode()
    path.write_bytes(content)


def manifest(*, signals_at: str = "{subject}.edf", flip: str = "ecg") -> CohortManifest:
    """Return how the nights are to be read; one channel is turned."""
    blank = {"unit": "1", "source": "made up"}
    montage: list[dict[str, Any]] = [
        {"channel": "eeg_c4_m1", "labels": ["EEG C4-M1"]},
        {"channel": "eog_l", "derivation": {"plus": ["E1"], "minus": ["M2"]}},
        {"channel": "ecg", "labels": ["ECG"]},
        {"channel": "thor", "labels": [{"label": "Thorax", "nth": 1}], "unit_when_blank": blank},
        {"channel": "abdo", "labels": [{"label": "Thorax", "nth": 2}], "unit_when_blank": blank},
        {"channel": "spo2", "labels": ["SpO2"]},
        {
            "channel": "position",
            "labels": ["Position"],
            "value_map": {0: 3, 1: 2, 2: 1, 3: 4},
            "value_meanings": {1: "supine", 2: "left", 3: "right", 4: "prone"},
        },
    ]
    for rule in montage:
        if rule["channel"] == flip:
            rule["flip"] = {"source": "made up", "release": "1"}
    return CohortManifest.model_validate(
        {
            "manifest_version": 1,
            "cohort": "small",
            "title": "Small nights",
            "terms": dict(TERMS),
            "layout": {"signals": signals_at},
            "montage": montage,
        }
    )

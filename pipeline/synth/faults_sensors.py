"""Faults of sensors and scoring that a file does not show: each is what one check of quality should notice.

Sizes are drawn, from what is just worth a remark to the gross, so that a share of nights found means something.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pipeline.synth.night_files import NightFiles
from pipeline.synth.night_samples import NightSamples
from pipeline.synth.noise import Floats, smooth_noise
from schemas.vocabulary import EPOCH_S

__all__ = ["SENSOR_FAULTS", "SensorFault", "plant"]

_ELECTRODES = ("eeg", "eog", "emg_chin")
_BELTS = ("thor", "abdo")
_FLOWS = ("nasal_pressure", "thermistor")
_WAKE = "Wake|0"
_AMPLIFIED = (*_ELECTRODES, "ecg")  # signals of a known unit


@dataclass(frozen=True)
class SensorFault:
    """One fault, and the code of the finding that it should lead to."""

    apply: Callable[[NightSamples], None]
    finding: str


def plant(names: Sequence[str], files: NightFiles) -> None:
    """Break the files of one complete recording, in several ways at once where they do not meet in one sensor."""
    night = NightSamples(files)
    for name in names:
        SENSOR_FAULTS[name].apply(night)
    night.save()


def _span(night: NightSamples, n_sample: int, share: tuple[float, float]) -> slice:
    """Return a part of the night that is as long as drawn."""
    length = int(night.rng.uniform(*share) * n_sample)
    start = int(night.rng.integers(0, n_sample - length))
    return slice(start, start + length)


def _change(night: NightSamples, signal: int, how: Callable[[Floats], Floats]) -> None:
    night.put(signal, how(night.get(signal)))


def _unplug(night: NightSamples) -> None:
    """Let a sensor rest on its last value for ten minutes or more."""

    def rest(value: Floats) -> Floats:
        part = _span(night, value.size, (0.17, 0.6))
        value[part] = value[part.start]
        return value

    _change(night, night.pick(*_AMPLIFIED, *_BELTS, *_FLOWS, "pleth"), rest)


def _overdrive(night: NightSamples) -> None:
    """Raise the gain until a hundredth to a tenth of the samples lie beyond the range."""
    signal = night.pick(*_AMPLIFIED, *_BELTS, "nasal_pressure")
    top = night.files.sensors[signal].header.physical[1]
    part = night.rng.uniform(0.01, 0.1)
    _change(night, signal, lambda value: value * np.float32(top / np.quantile(np.abs(value), 1 - part)))


def _fade(night: NightSamples) -> None:
    """Leave a hundredth of a sensor's amplitude, or less, for five minutes or more."""

    def fade(value: Floats) -> Floats:
        value[_span(night, value.size, (0.09, 0.5))] *= np.float32(night.rng.uniform(0.001, 0.01))
        return value

    _change(night, night.pick(*_AMPLIFIED, *_BELTS, *_FLOWS), fade)


def _scale_header(night: NightSamples, signal: int, factor: float) -> None:
    for field in ("physical_min", "physical_max"):
        night.edf.set(field, f"{float(night.edf.get(field, signal)) * factor:.6g}", signal)


def _attenuate(night: NightSamples) -> None:
    """Write a header whose gain is 25 to 40 times too small; what a chin usually has is too wide to tell."""
    _scale_header(night, night.pick("eeg", "eog", "ecg"), 1 / night.rng.uniform(25, 40))


def _slip_unit(night: NightSamples) -> None:
    """Write the ends of a range a thousand times too large or too small for its unit."""
    _scale_header(night, night.pick(*_AMPLIFIED), float(night.rng.choice([1e-3, 1e3])))


def _turn(*sources: str) -> Callable[[NightSamples], None]:
    def turn(night: NightSamples) -> None:
        _change(night, night.pick(*sources), np.negative)

    return turn


def _hum(night: NightSamples) -> None:
    """Add 15 to 60 µV of the mains to an electrode."""
    signal = night.pick(*_ELECTRODES)
    rate_hz, hz, uv = night.rate_hz(signal), night.rng.choice([50.0, 60.0]), night.rng.uniform(15, 60)

    def add(value: Floats) -> Floats:
        drift = 0.02 * np.cumsum(smooth_noise(night.rng, value.size // rate_hz + 2, 60.0))  # of the phase, in turns
        turns = hz * np.arange(value.size) / rate_hz + np.interp(
            np.arange(value.size) / rate_hz, np.arange(drift.size), drift
        )
        return np.asarray(value + uv * np.sin(2 * np.pi * turns), np.float32)

    _change(night, signal, add)


def _duplicate(night: NightSamples) -> None:
    """Copy one EEG over another, now and then upside down."""
    one, other = night.rng.choice(night.files.signals("eeg"), 2, replace=False)
    sign = night.rng.choice([1, 1, -1])
    night.put(int(other), night.get(int(one)) * np.float32(sign))


def _swap_labels(night: NightSamples) -> None:
    """Let an EOG and an EEG change places."""
    eye, brain = night.pick("eog"), night.pick("eeg")
    at_eye, at_brain = night.get(eye), night.get(brain)
    night.put(eye, at_brain)
    night.put(brain, at_eye)


def _envelope(night: NightSamples) -> None:
    """Rectify and smooth the chin."""
    signal = night.pick("emg_chin")
    width = int(night.rate_hz(signal) * night.rng.uniform(0.2, 1.0))

    def smooth(value: Floats) -> Floats:
        total = np.cumsum(np.abs(value), dtype=np.float64)
        mean = (total[width:] - total[:-width]) / width
        return np.concatenate([mean[:1].repeat(width), mean]).astype(np.float32)

    _change(night, signal, smooth)


def _other_pulse(night: NightSamples) -> None:
    """Show a pulse that is 13 to 35 beats a minute off."""
    off = night.rng.choice([-1, 1]) * night.rng.uniform(13, 35)
    _change(night, night.pick("pulse_rate"), lambda value: value + np.float32(off))


def _other_flow(night: NightSamples) -> None:
    """Play the sensors of flow backwards: another night's, as far as the belts are concerned."""
    for signal in night.files.signals(*_FLOWS):
        _change(night, signal, lambda value: np.asarray(value[::-1], np.float32))


def _freeze(night: NightSamples) -> None:
    """Hold a reading of saturation for fifty minutes."""

    def hold(value: Floats) -> Floats:
        start = int(night.rng.integers(0, max(1, value.size - 3000)))
        value[start : start + 3000] = value[start]
        return value

    _change(night, night.pick("spo2"), hold)


def _misread(night: NightSamples) -> None:
    """Show a fifth to a third less saturation than there is."""
    share = np.float32(night.rng.uniform(0.67, 0.8))
    _change(night, night.pick("spo2"), lambda value: np.round(value * share))


def _drift(night: NightSamples) -> None:
    """Let the clock of the oximeter, or of the flow, run 5 to 15 s apart from the others' in the night."""
    moved_s = night.rng.choice([-1, 1]) * night.rng.uniform(5, 15)
    sources = _FLOWS if night.rng.random() < 0.5 else ("pulse_rate", "spo2", "pleth")
    for signal in night.files.signals(*sources):
        rate_hz = night.rate_hz(signal)

        def late(value: Floats, rate_hz: int = rate_hz) -> Floats:
            place = np.arange(value.size, dtype=np.float64)
            moved = np.interp(place + moved_s * rate_hz * place / value.size, place, value)
            return np.asarray(moved, np.float32)

        _change(night, signal, late)


def _shift_stages(night: NightSamples) -> None:
    """Move the scoring by five to twelve minutes against everything else; the end that is free is wake."""
    words = night.concepts
    by = int(night.rng.integers(10, 25))
    wake = [_WAKE] * by
    night.score(wake + words[:-by] if night.rng.random() < 0.5 else words[by:] + wake)


def _score_as(word: str) -> Callable[[NightSamples], None]:
    def score(night: NightSamples) -> None:
        night.score([_WAKE if concept == _WAKE else word for concept in night.concepts])

    return score


def _move_events(night: NightSamples) -> None:
    """Score hypopneas of ten seconds while the person is awake, as many as there are others and ten more."""
    words = night.concepts
    awake = [i for i, word in enumerate(words) if word == _WAKE]
    n_other = night.xml.count("pnea|") + night.xml.count("Arousal|")
    for number in range(n_other + 10):
        epoch = awake[number % len(awake)]
        start_s = night.first_scored_s + EPOCH_S * epoch + night.rng.uniform(0, 15)
        night.add_event("Respiratory|Respiratory", "Hypopnea|Hypopnea", start_s, 10.0)


def _noise(n_sample: int, rng: np.random.Generator, size: float) -> Floats:
    return np.asarray(size * rng.standard_normal(n_sample, dtype=np.float32), np.float32)


def _lose_beats(night: NightSamples) -> None:
    """Bury the ECG in noise for most of the night."""

    def bury(value: Floats) -> Floats:
        part = _span(night, value.size, (0.6, 0.9))
        value[part] += _noise(part.stop - part.start, night.rng, 1.0)
        return value

    _change(night, night.pick("ecg"), bury)


def _lose_breaths(night: NightSamples) -> None:
    """Leave a slow drift of belts and flow, and breathing only now and then."""
    n_second = night.get(night.pick("spo2")).size
    breathing = _bouts(night.rng, n_second)
    for signal in night.files.signals(*_BELTS, *_FLOWS):
        rate_hz = night.rate_hz(signal)

        def still(value: Floats, rate_hz: int = rate_hz) -> Floats:
            return np.asarray(value * np.repeat(breathing, rate_hz), np.float32)

        _change(night, signal, still)


def _bouts(rng: np.random.Generator, n_second: int) -> NDArray[np.float32]:
    """Return 1 in bouts of a minute, and next to nothing in pauses of three minutes."""
    gain = np.full(n_second, 0.06, np.float32)
    for start in range(int(rng.integers(0, 200)), n_second, 240):
        gain[start : start + 60] = 1.0
    return gain


SENSOR_FAULTS: Mapping[str, SensorFault] = MappingProxyType(
    {
        "flat": SensorFault(_unplug, "PSG-S011"),
        "range_end": SensorFault(_overdrive, "PSG-Q001"),
        "dropped_out": SensorFault(_fade, "PSG-Q002"),
        "wrong_range": SensorFault(_attenuate, "PSG-Q003"),
        "unit_factor": SensorFault(_slip_unit, "PSG-Q004"),
        "ecg_inverted": SensorFault(_turn("ecg"), "PSG-Q005"),
        "mains": SensorFault(_hum, "PSG-Q006"),
        "belt_inverted": SensorFault(_turn(*_BELTS), "PSG-Q007"),
        "duplicated": SensorFault(_duplicate, "PSG-Q008"),
        "mislabelled": SensorFault(_swap_labels, "PSG-Q009"),
        "emg_envelope": SensorFault(_envelope, "PSG-Q010"),
        "pulse_differs": SensorFault(_other_pulse, "PSG-Q011"),
        "flow_differs": SensorFault(_other_flow, "PSG-Q012"),
        "spo2_stuck": SensorFault(_freeze, "PSG-Q013"),
        "spo2_low": SensorFault(_misread, "PSG-Q014"),
        "clock_drift": SensorFault(_drift, "PSG-Q015"),
        "hypnogram_shifted": SensorFault(_shift_stages, "PSG-Q016"),
        "one_stage": SensorFault(_score_as(_WAKE), "PSG-Q017"),
        "sleep_wake": SensorFault(_score_as("Stage 2 sleep|2"), "PSG-A006"),
        "events_in_wake": SensorFault(_move_events, "PSG-Q018"),
        "beat_coverage": SensorFault(_lose_beats, "PSG-Q019"),
        "breath_coverage": SensorFault(_lose_breaths, "PSG-Q020"),
    }
)

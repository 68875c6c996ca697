"""What each sensor shows of a night: one function a kind of source, in its natural unit.

A recipe names sources by the keys of `SOURCES`; rates, labels, ranges and units are the recipe's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from pipeline.synth.cardiac import AF, ecg_wave, pleth_wave
from pipeline.synth.eeg import DERIVATIONS, background, eeg_wave
from pipeline.synth.eog_emg import eog_wave, leg_emg_wave, muscle_noise
from pipeline.synth.night import Night
from pipeline.synth.noise import Floats, add_waves, smooth_noise, upsample
from pipeline.synth.respiration import flow_wave, phase_at, volume_wave
from schemas.units import Unit

__all__ = ["CODED", "HELD", "SOURCES", "Scene", "Source"]


@dataclass(frozen=True)
class Scene:
    """A night, seen by one sensor at one rate with random numbers of its own; ``common`` is shared by all."""

    night: Night
    rate_hz: int
    rng: np.random.Generator
    common: dict[tuple[str, int], Floats]

    @property
    def n_sample(self) -> int:
        """Samples of the whole night."""
        return self.night.n_second * self.rate_hz

    def shared_background(self) -> Floats:
        """Background EEG that all derivations see; shape (n_sample,), float32, µV."""
        key = ("eeg", self.rate_hz)
        if key not in self.common:
            night = self.night
            rng = night.random(f"background {self.rate_hz}")
            self.common[key] = background(rng, night.traits, night.n_second, self.rate_hz, night.spectral_state)
        return self.common[key]


Render = Callable[[Scene], Floats]


@dataclass(frozen=True)
class Source:
    """A kind of sensor: the unit that it is rendered in, and how."""

    unit: Unit
    render: Render


def _sensor_noise(scene: Scene, scale: float) -> Floats:
    scale *= scene.night.traits.site.noise
    return scene.rng.standard_normal(scene.n_sample, dtype=np.float32) * np.float32(scale)


def _mains(scene: Scene, factor: float = 1.0) -> Floats | float:
    """Hum in µV, or nothing where the rate could only show its alias."""
    site = scene.night.traits.site
    if site.mains_hz >= 0.48 * scene.rate_hz:
        return 0.0
    second = np.sin(
        2 * np.pi * site.mains_hz * np.arange(scene.rate_hz) / scene.rate_hz + scene.rng.uniform(0, 6.28)
    )
    return np.tile((factor * site.mains_uv * second).astype(np.float32), scene.night.n_second)


def _shake(scene: Scene, out: Floats, size: float) -> None:
    """Add what turning over does to a wire, in place."""
    movement_s = scene.night.movement_s
    length = movement_s[:, 1].astype(np.float32)
    hz, phase, height = scene.rng.uniform((0.4, 0.0, 0.3), (2.5, 6.28, 1.0), (length.size, 3)).astype(np.float32).T

    def wave(tau: Floats, rows: slice) -> Floats:
        window = np.sin(np.pi * np.clip(tau / length[rows, None], 0.0, 1.0)) ** 2
        swing = np.sin(2 * np.pi * hz[rows, None] * tau + phase[rows, None])
        return np.asarray(size * height[rows, None] * window * swing)

    add_waves(out, scene.rate_hz, movement_s[:, 0], 0.0, float(length.max(initial=0.0)), wave)


def _eeg(scene: Scene, name: str) -> Floats:
    night, derivation = scene.night, DERIVATIONS[name]
    own = background(scene.rng, night.traits, night.n_second, scene.rate_hz, night.spectral_state, derivation.alpha)
    own *= np.float32(derivation.background * np.sqrt(1.0 - derivation.shared))
    own += np.float32(derivation.background * np.sqrt(derivation.shared)) * scene.shared_background()
    eeg_wave(own, scene.rate_hz, night.elements, derivation)
    _shake(scene, own, 70.0)
    own += _sensor_noise(scene, 0.8)
    own += _mains(scene)
    return own


def _eog(scene: Scene, side: float) -> Floats:
    out = np.float32(0.4) * scene.shared_background()
    eog_wave(out, scene.rate_hz, scene.night.eyes, side)
    _shake(scene, out, 70.0)
    out += _sensor_noise(scene, 1.5)
    out += _mains(scene)
    return out


def _emg(scene: Scene) -> Floats:
    out = muscle_noise(scene.rng, scene.night.n_second, scene.rate_hz, scene.night.tone_uv)
    out += _sensor_noise(scene, 0.3)
    out += _mains(scene, 0.6)
    return out


def _leg(scene: Scene, *sides: str) -> Floats:
    out = leg_emg_wave(scene.rng, scene.night.n_second, scene.rate_hz, scene.night.events.of(*sides))
    out += _mains(scene, 0.6)
    return out


def _ecg(scene: Scene) -> Floats:
    night, beats = scene.night, scene.night.beats
    breath = np.interp(beats.time_s, np.arange(night.n_second + 1), night.breathing.phase)
    swing = 1.0 + 0.06 * np.sin(2 * np.pi * breath)
    amplitude = (night.traits.ecg_mv * swing).astype(np.float32)
    drift = 0.04 * smooth_noise(scene.rng, night.n_second + 1, 3.0)
    out = upsample(drift, scene.rate_hz)
    ecg_wave(out, scene.rate_hz, beats, amplitude)
    _shake(scene, out, 0.4)
    if night.traits.af_burden:
        in_af = np.interp(np.arange(night.n_second + 1), beats.time_s, beats.type == AF)
        ripple = np.sin(2 * np.pi * 6.2 * np.arange(scene.n_sample, dtype=np.float64) / scene.rate_hz)
        out += upsample(0.05 * in_af, scene.rate_hz) * ripple.astype(np.float32)
    out += _sensor_noise(scene, 0.008)
    out += np.float32(1e-3) * _mains(scene, 8.0)
    return out


def _belt(scene: Scene, gain: str) -> Floats:
    night = scene.night
    curve = getattr(night.breathing, gain)
    drift = upsample(0.03 * smooth_noise(scene.rng, night.n_second + 1, 60.0), scene.rate_hz)
    out = np.float32(0.5) * upsample(curve, scene.rate_hz) * volume_wave(phase_at(night.breathing, scene.rate_hz))
    out += drift
    out += _sensor_noise(scene, 0.004)
    _shake(scene, out, 0.3)
    return out


def _effort_sum(scene: Scene) -> Floats:
    return np.asarray(0.5 * (_belt(scene, "thor_gain") + _belt(scene, "abdo_gain")), np.float32)


def _thermistor(scene: Scene, noise: float = 0.004) -> Floats:
    """Oronasal thermal flow: inspired air cools the sensor, which follows sluggishly."""
    night = scene.night
    flow = upsample(night.breathing.flow_gain, scene.rate_hz) * flow_wave(phase_at(night.breathing, scene.rate_hz))
    return np.asarray(-0.35 * flow + _sensor_noise(scene, noise), np.float32)


def _nasal_pressure(scene: Scene) -> Floats:
    """Nasal cannula: pressure grows with the square of flow, so that hypopneas look deeper than they are."""
    night = scene.night
    flow = upsample(night.breathing.flow_gain, scene.rate_hz) * flow_wave(phase_at(night.breathing, scene.rate_hz))
    return np.asarray(0.3 * np.sign(flow) * np.abs(flow) ** 1.7 + _sensor_noise(scene, 0.004), np.float32)


def _snore(scene: Scene) -> Floats:
    """Vibration during the inspirations of stable sleep."""
    night = scene.night
    inspiring = np.clip(flow_wave(phase_at(night.breathing, scene.rate_hz)), 0.0, None)
    loud = upsample((night.stage_second == 2) | (night.stage_second == 3), scene.rate_hz) * inspiring
    return np.asarray(
        (0.02 + 0.15 * loud) * scene.rng.standard_normal(scene.n_sample, dtype=np.float32), np.float32
    )


def _pleth(scene: Scene) -> Floats:
    night = scene.night
    out = upsample(0.05 * smooth_noise(scene.rng, night.n_second + 1, 4.0), scene.rate_hz) - np.float32(0.15)
    n_beat = night.beats.time_s.size
    amplitude = np.exp(0.2 * smooth_noise(scene.rng, n_beat, 80.0)) * np.float32(0.6)
    pleth_wave(out, scene.rate_hz, night.beats, amplitude.astype(np.float32))
    out += _sensor_noise(scene, 0.004)
    return out


def _held(scene: Scene, curve: str) -> Floats:
    """An oximeter's reading: a whole number that stands for its second."""
    return np.repeat(np.round(getattr(scene.night, curve)[:-1]), scene.rate_hz).astype(np.float32)


def _light(scene: Scene) -> Floats:
    asleep = np.flatnonzero(scene.night.stage_second > 0)
    dark = np.zeros(scene.night.n_second, np.float32)
    dark[: asleep[0] if asleep.size else None] = 1.0
    return np.repeat(dark, scene.rate_hz)


def _position(scene: Scene) -> Floats:
    return np.repeat(scene.night.position[:-1], scene.rate_hz).astype(np.float32)


def _silent(scene: Scene) -> Floats:
    return np.zeros(scene.n_sample, np.float32)


SOURCES: dict[str, Source] = {
    **{name: Source(Unit.MICROVOLT, partial(_eeg, name=name)) for name in DERIVATIONS},
    "eog_l": Source(Unit.MICROVOLT, partial(_eog, side=1.0)),
    "eog_r": Source(Unit.MICROVOLT, partial(_eog, side=-1.0)),
    "emg_chin": Source(Unit.MICROVOLT, _emg),
    "emg_leg_l": Source(Unit.MICROVOLT, lambda scene: _leg(scene, "plm_l")),
    "emg_leg_r": Source(Unit.MICROVOLT, lambda scene: _leg(scene, "plm_r")),
    "emg_leg_lr": Source(Unit.MICROVOLT, lambda scene: _leg(scene, "plm_l", "plm_r")),
    "ecg": Source(Unit.MILLIVOLT, _ecg),
    "thor": Source(Unit.ARBITRARY, partial(_belt, gain="thor_gain")),
    "abdo": Source(Unit.ARBITRARY, partial(_belt, gain="abdo_gain")),
    "effort_sum": Source(Unit.ARBITRARY, _effort_sum),
    "thermistor": Source(Unit.ARBITRARY, _thermistor),
    "thermistor_2": Source(Unit.ARBITRARY, partial(_thermistor, noise=0.02)),
    "nasal_pressure": Source(Unit.ARBITRARY, _nasal_pressure),
    "snore": Source(Unit.ARBITRARY, _snore),
    "pleth": Source(Unit.ARBITRARY, _pleth),
    "spo2": Source(Unit.PERCENT, partial(_held, curve="spo2")),
    "pulse_rate": Source(Unit.BPM, partial(_held, curve="pulse_bpm")),
    "position": Source(Unit.ARBITRARY, _position),
    "light": Source(Unit.ARBITRARY, _light),
    "status": Source(Unit.ARBITRARY, _silent),
}

CODED = frozenset({"position", "light", "status"})  # integer codes, never scaled
HELD = frozenset({"spo2", "pulse_rate"})  # readings, untouched by gain and sign

"""Breathing: when each breath begins, how deep it is, and what belts, thermistor and cannula make of it.

Assumptions: one breath is a smooth inspiration of 40 % and an expiration of 60 % of its length. Rib cage and
abdomen move together except in obstruction, where the abdomen moves against the rib cage (paradox).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.synth.events import Events
from pipeline.synth.noise import Floats, smooth_noise
from pipeline.synth.traits import Traits

__all__ = ["Breathing", "draw_breathing", "flow_wave", "phase_at", "volume_wave"]

_INSPIRATION = 0.4  # share of a breath
_RATE_WANDER = np.array([0.12, 0.08, 0.05, 0.025, 0.12], np.float32)  # relative, by stage: N3 is regular
_DEPTH_WANDER = np.array([0.20, 0.15, 0.10, 0.05, 0.22], np.float32)
_VISIBLE_EFFORT = 0.15  # breaths shallower than this share are not in the truth: no sensor shows them
_RECOVERY_S, _RECOVERY_GAIN = 8, 1.5  # deep breaths after an event


@dataclass(frozen=True)
class Breathing:
    """Breathing of one night, as curves with a point a second.

    Parameters
    ----------
    phase : ndarray, shape (n_second + 1,), float64
        Breaths since recording start; a whole number is the onset of an inspiration.
    flow_gain, thor_gain, abdo_gain : ndarray, shape (n_second + 1,), float32
        Amplitudes relative to quiet breathing; negative where the abdomen moves in paradox.
    breath_time_s : ndarray, shape (n_breath,), float64, seconds
        Onsets of the inspirations that belts can show.
    """

    phase: NDArray[np.float64]
    flow_gain: Floats
    thor_gain: Floats
    abdo_gain: Floats
    breath_time_s: NDArray[np.float64]


def draw_breathing(
    rng: np.random.Generator, traits: Traits, stage_second: NDArray[np.int8], respiratory: Events
) -> Breathing:
    """Draw breath times and depths, shaped by stages and respiratory events."""
    n_point = stage_second.size
    wander = smooth_noise(rng, n_point, 9.0) * _RATE_WANDER[stage_second]
    rate = traits.breath_per_min / 60.0 * np.clip(1.0 + wander, 0.6, 1.5)
    phase = np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2)]) + rng.random()
    depth = np.clip(1.0 + smooth_noise(rng, n_point, 7.0) * _DEPTH_WANDER[stage_second], 0.4, 1.8)
    flow, thor, abdo = (np.ones(n_point, np.float32) for _ in range(3))
    for onset, end, kind, flow_ratio, effort in zip(
        respiratory.onset_s.astype(int),
        respiratory.end_s.astype(int),
        respiratory.type,
        respiratory.flow_ratio,
        respiratory.effort_ratio,
        strict=True,
    ):
        inside = slice(onset + 1, end)
        flow[inside], thor[inside] = flow_ratio, effort
        abdo[inside] = -0.8 * effort if kind in ("obstructive_apnea", "mixed_apnea") else effort
        if kind == "mixed_apnea":
            silent = slice(onset + 1, (onset + end) // 2)
            thor[silent] = abdo[silent] = 0.03
        for curve in (flow, thor, abdo):
            curve[end : end + _RECOVERY_S] = _RECOVERY_GAIN
    onsets = np.arange(np.ceil(phase[0]), phase[-1])
    time_s = np.interp(onsets, phase, np.arange(n_point))
    visible = thor[np.round(time_s).astype(int)] > _VISIBLE_EFFORT
    return Breathing(phase, flow * depth, thor * depth, abdo * depth, time_s[visible])


def phase_at(breathing: Breathing, rate_hz: int) -> Floats:
    """Return the phase within the breath, 0 ≤ phase < 1, at every sample; shape (n_second * rate_hz,)."""
    whole = np.floor(breathing.phase[:-1])
    ramp = np.arange(rate_hz, dtype=np.float32) / np.float32(rate_hz)
    start = (breathing.phase[:-1] - whole).astype(np.float32)
    step = np.diff(breathing.phase).astype(np.float32)
    return np.asarray((start[:, None] + step[:, None] * ramp) % np.float32(1.0)).reshape(-1)


def volume_wave(phase: Floats) -> Floats:
    """Return chest volume over a breath, -0.5 at the onset of inspiration and 0.5 at its end."""
    rising = phase < _INSPIRATION
    angle = np.where(rising, phase / _INSPIRATION, 1.0 + (phase - _INSPIRATION) / (1.0 - _INSPIRATION))
    return np.asarray(-0.5 * np.cos(np.float32(np.pi) * angle), np.float32)


def flow_wave(phase: Floats) -> Floats:
    """Return air flow over a breath, inspiration positive, peak 1; the derivative of `volume_wave`."""
    rising = phase < _INSPIRATION
    angle = np.where(rising, phase / _INSPIRATION, 1.0 + (phase - _INSPIRATION) / (1.0 - _INSPIRATION))
    scale = np.where(rising, 1.0, _INSPIRATION / (1.0 - _INSPIRATION))
    return np.asarray(scale * np.sin(np.float32(np.pi) * angle), np.float32)

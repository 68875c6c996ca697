"""Eye movements and muscle tone.

Eyes are dipoles: when they turn, the left and the right electrode go opposite ways. Rapid movements in REM and
wake are steps that the amplifier lets decay; in N1 the eyes roll slowly. Muscle tone falls from wake to REM.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.synth.events import Events
from pipeline.synth.noise import BLOCK_S, HOP_S, Floats, add_waves, shaped_noise, smooth_noise, upsample
from schemas.vocabulary import EPOCH_S, Stage

__all__ = ["EyeMovements", "draw_eye_movements", "eog_wave", "leg_emg_wave", "muscle_noise", "tone_curve"]

_RAPID_PER_EPOCH = np.array([9.0, 0.5, 0.0, 0.0, 7.0])  # by stage
_ROLLING_PER_EPOCH = np.array([0.3, 3.0, 0.0, 0.0, 0.0])
_TONE_UV = np.array([9.0, 5.0, 3.5, 2.6, 1.1], np.float32)  # chin EMG, rms
_DECAY_S = 0.9  # how long the amplifier holds a step (0.15-Hz high-pass)
_AROUSAL_TONE = 2.2  # factor


@dataclass(frozen=True)
class EyeMovements:
    """Times (seconds) and signed sizes (µV at one electrode) of rapid and of slow rolling movements."""

    rapid_time_s: NDArray[np.float64]
    rapid_uv: Floats
    rolling_time_s: NDArray[np.float64]
    rolling_uv: Floats


def draw_eye_movements(rng: np.random.Generator, stage: NDArray[np.int8], offset_s: float) -> EyeMovements:
    """Draw eye movements by stage; in REM they come in bursts."""
    burst = np.where(stage == Stage.REM, rng.gamma(1.5, 1 / 1.5, stage.size), 1.0)
    rapid, rolling = (
        _scatter(rng, rate[stage] * burst, offset_s) for rate in (_RAPID_PER_EPOCH, _ROLLING_PER_EPOCH)
    )
    return EyeMovements(rapid, _signed(rng, rapid.size, 32.0), rolling, _signed(rng, rolling.size, 28.0))


def _scatter(rng: np.random.Generator, per_epoch: NDArray[np.float64], offset_s: float) -> NDArray[np.float64]:
    epoch = np.repeat(np.arange(per_epoch.size), rng.poisson(per_epoch))
    return np.sort(offset_s + EPOCH_S * (epoch + rng.random(epoch.size)))


def _signed(rng: np.random.Generator, n: int, uv: float) -> Floats:
    return np.asarray(rng.choice([-1.0, 1.0], n) * uv * np.exp(0.35 * rng.standard_normal(n)), np.float32)


def eog_wave(out: Floats, rate_hz: int, eyes: EyeMovements, side: float) -> None:
    """Add eye movements to ``out`` in place; ``side`` is 1 for the left electrode and -1 for the right."""

    def saccade(tau: Floats, rows: slice) -> Floats:
        after = np.clip(tau, 0.0, None)
        step = (1.0 - np.exp(-after / 0.02)) * np.exp(-after / _DECAY_S)
        return np.asarray(side * eyes.rapid_uv[rows, None] * step)

    def roll(tau: Floats, rows: slice) -> Floats:
        window = np.cos(np.pi * np.clip(tau / 4.0, -0.5, 0.5)) ** 2
        return np.asarray(side * eyes.rolling_uv[rows, None] * window * np.sin(2 * np.pi * 0.4 * tau))

    add_waves(out, rate_hz, eyes.rapid_time_s, 0.0, 3.5, saccade)
    add_waves(out, rate_hz, eyes.rolling_time_s, 2.0, 2.0, roll)


def tone_curve(rng: np.random.Generator, stage_second: NDArray[np.int8], arousals: Events) -> Floats:
    """Return the chin's muscle tone, µV rms once a second; shape (n_second + 1,), float32."""
    tone = _TONE_UV[stage_second] * np.exp(0.2 * smooth_noise(rng, stage_second.size, 15.0))
    for onset, end in zip(arousals.onset_s.astype(int), arousals.end_s.astype(int), strict=True):
        tone[onset + 1 : end + 1] *= _AROUSAL_TONE
    return np.asarray(tone, np.float32)


def muscle_noise(rng: np.random.Generator, n_second: int, rate_hz: int, tone: Floats) -> Floats:
    """Return surface EMG: noise from 10 Hz up, as loud as ``tone`` says; shape (n_second * rate_hz,), µV."""
    f = np.arange(rate_hz * BLOCK_S // 2 + 1) / BLOCK_S
    shape = (f / 25.0) ** 2 / (1.0 + (f / 25.0) ** 2) / (1.0 + (f / 90.0) ** 4)
    density = (shape / (shape.sum() / BLOCK_S))[None]
    n_block = -(-n_second // HOP_S) + 1
    unit = np.ones(n_block, np.float32)
    return shaped_noise(rng, n_second, rate_hz, np.zeros(n_block, np.intp), density, unit) * upsample(tone, rate_hz)


def leg_emg_wave(rng: np.random.Generator, n_second: int, rate_hz: int, movements: Events) -> Floats:
    """Return leg EMG: quiet, with a burst for every movement; shape (n_second * rate_hz,), float32, µV."""
    tone = np.full(n_second + 1, 1.5, np.float32)
    for onset, end in zip(movements.onset_s.astype(int), np.ceil(movements.end_s).astype(int), strict=True):
        tone[onset + 1 : end + 1] = 22.0
    return muscle_noise(rng, n_second, rate_hz, tone)

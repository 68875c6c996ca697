"""Breathing drawn breath by breath, by a model other than the synthetic cohort's.

A half-cosine in, an exponential out, a rest at the end of expiration: the shape of passive breathing in deep sleep.
What the amplifier does is done too: nothing above 1.9 Hz, nothing below 0.05 Hz, 4 Hz.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.derive.resp import EffortInput, Resp, derive_resp

RATE_HZ = 4
_FINE_HZ = 20
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Breathing:
    """Volume at 4 Hz, its rate of change, and when inspirations begin."""

    volume: Floats
    onset_s: Floats

    @property
    def flow(self) -> Floats:
        return np.gradient(self.volume) * RATE_HZ


def always(time_s: float) -> float:
    return 1.0


def breathe(
    per_minute: float = 15.0,
    *,
    minutes: float = 30.0,
    depth: Callable[[float], float] = always,
    wander: float = 0.1,
    seed: int = 0,
) -> Breathing:
    """Draw breaths whose length and depth wander; those of depth 0 are no breaths."""
    rng = np.random.default_rng(seed)
    fine = np.zeros(round(minutes * 60 * _FINE_HZ))
    begin, onsets = 1.0, []
    while begin < minutes * 60 - 180 / per_minute:
        length = 60 / per_minute * np.clip(1 + wander * rng.standard_normal(), 0.6, 1.6)
        size = depth(begin) * max(0.4, 1 + wander * rng.standard_normal())
        onsets += [begin] if size > 0 else []
        first, top, last = (int(np.ceil(t * _FINE_HZ)) for t in (begin, begin + 0.4 * length, begin + length))
        inward = (np.arange(first, top) / _FINE_HZ - begin) / (0.4 * length)
        outward = (np.arange(top, last) / _FINE_HZ - begin - 0.4 * length) / (0.15 * length)
        fine[first:top] = size * (0.5 - 0.5 * np.cos(np.pi * inward))
        fine[top:last] = size * np.exp(-outward)
        begin += length
    spectrum = np.fft.rfft(fine)
    f = np.fft.rfftfreq(fine.size, 1 / _FINE_HZ)
    spectrum *= (f < 1.9) * (1 - np.exp(-((f / 0.05) ** 4)))
    return Breathing(np.fft.irfft(spectrum, fine.size)[:: _FINE_HZ // RATE_HZ], np.array(onsets))


def noise(size: float, like: Floats, seed: int = 0) -> Floats:
    return size * np.random.default_rng(seed).standard_normal(like.size)


def drift(like: Floats, seed: int = 0) -> Floats:
    """Return a baseline that wanders, high-passed: no breath in it."""
    spectrum = np.fft.rfft(np.cumsum(np.random.default_rng(seed).standard_normal(like.size)))
    f = np.fft.rfftfreq(like.size, 1 / RATE_HZ)
    return np.asarray(np.fft.irfft(spectrum * (1 - np.exp(-((f / 0.05) ** 4))), like.size))


def sensors(flat: dict[str, NDArray[np.bool_]] | None = None, **values: Floats) -> list[EffortInput]:
    """Return channels as harmonised."""
    nowhere = {name: np.zeros(value.size, bool) for name, value in values.items()} | (flat or {})
    return [EffortInput(name, value.astype(np.float32), nowhere[name]) for name, value in values.items()]


def respiration(flat: dict[str, NDArray[np.bool_]] | None = None, **values: Floats) -> Resp:
    """Return what is derived from channels that breathe."""
    resp = derive_resp(sensors(flat, **values))
    assert resp is not None
    return resp

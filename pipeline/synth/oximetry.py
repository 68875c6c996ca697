"""Saturation: falls some 20 s after breathing does, recovers when it returns; desaturations follow from it.

Falls and recoveries stay below 1 % a second each, as blood allows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.synth.events import Events, make_events
from pipeline.synth.noise import Floats, add_waves, smooth_noise
from pipeline.synth.traits import Traits

__all__ = ["draw_spo2", "find_desaturations"]

_RECOVERY_S = 14.0  # seconds from the lowest value back to baseline
_FALL_PER_S = 0.30  # per cent a second with no flow at all
_LOWEST, _HIGHEST = 62.0, 100.0  # per cent
_DESATURATION = 3.0  # per cent, the smallest fall that is scored


def draw_spo2(rng: np.random.Generator, traits: Traits, n_point: int, respiratory: Events) -> Floats:
    """Return the true saturation, one value a second.

    Returns
    -------
    ndarray, shape (n_point,), float32, per cent
    """
    value = np.full(n_point, traits.spo2_base_percent, np.float32)
    value += 0.35 * smooth_noise(rng, n_point, 240.0) + 0.15 * smooth_noise(rng, n_point, 12.0)
    duration = respiratory.duration_s.astype(np.float32)
    depth = duration * _FALL_PER_S * (1.0 - respiratory.flow_ratio) * rng.uniform(0.6, 1.4, duration.size)
    depth = np.minimum(depth, 0.8 * duration).astype(np.float32)

    def dip(tau: Floats, rows: slice) -> Floats:
        fall = np.clip((tau - traits.spo2_lag_s) / duration[rows, None], 0.0, 1.0)
        rise = np.clip((tau - traits.spo2_lag_s - duration[rows, None]) / _RECOVERY_S, 0.0, 1.0)
        return np.asarray(-depth[rows, None] * (fall - rise))

    longest = float(duration.max(initial=0.0))
    add_waves(value, 1, respiratory.onset_s, 0.0, traits.spo2_lag_s + longest + _RECOVERY_S, dip)
    return np.clip(value, _LOWEST, _HIGHEST)


def find_desaturations(traits: Traits, spo2: NDArray[np.float32], respiratory: Events) -> Events:
    """Score a desaturation for every respiratory event after which the rounded saturation fell by 3 % or more."""
    reading = np.round(spo2)
    onset = np.round(respiratory.onset_s + traits.spo2_lag_s)
    end = onset + respiratory.duration_s + 6.0
    inside = end < spo2.size - 1
    onset, end = onset[inside], end[inside]
    lowest = np.array([reading[int(a) : int(b) + 1].min() for a, b in zip(onset, end, strict=True)])
    baseline = reading[np.maximum(onset.astype(int) - 1, 0)]
    deep = np.flatnonzero(baseline - lowest >= _DESATURATION) if onset.size else np.empty(0, np.intp)
    return make_events(
        onset[deep],
        (end - onset)[deep],
        ["desaturation"] * deep.size,
        baseline_percent=baseline[deep],
        nadir_percent=lowest[deep] if deep.size else np.empty(0),
    )

"""Checks of two sensors of one thing: do they show the same, and do their clocks run apart in the night?

Windows of five minutes of both are correlated at every lag, as analytic waves, so that a constant lag of whatever
phase counts. The lag is then followed as a straight line over the night; all windows vote together, which tells
the one true lag from those a breath or two beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from pipeline.derive.effort import BELTS, FLOWS
from pipeline.quality.heart import heart_rate
from pipeline.quality.view import Measure, NightView, Remark, Said, evenly
from schemas.kinds import RateClass

__all__ = ["clock_drift", "flow_differs"]

Floats = NDArray[np.float32]
_RATE_HZ = RateClass.SLOW.rate_hz
_WINDOW = 300 * _RATE_HZ  # samples; breathing and heart rate vary enough in five minutes
_LEAST_WINDOW, _MOST_WINDOW = 6, 24
_KNOWN = 0.8  # of a window
_MOST_LAG_S = 20.0  # before the night began to run apart
_MOST_DRIFT_S = 40.0  # over the night
_STEP_S = 0.5  # of drifts
_CLEARER = 0.02  # vote for a drift above the best one for none
_AGREED = 0.2  # mean correlation along the line; unrelated waves have about 0.1


@dataclass(frozen=True)
class _Drift:
    """Seconds at the end of the night, the vote for it, and the best vote for none; votes are correlations."""

    drift_s: float
    vote: float
    vote_for_none: float


def flow_differs(night: NightView, limit: float) -> Said:
    """Ask whether each sensor of flow breathes as a belt does, at whatever lag."""
    belts = [value for name in BELTS if (value := night.value(name)) is not None]
    for name in FLOWS:
        flow = night.value(name)
        found = (None if flow is None else _drift(belt, flow) for belt in belts)
        first = next((drift for drift in found if drift is not None), None)
        if first is None:
            continue
        yield Measure("breathing_agreement", first.vote, name)
        if first.vote < limit:
            yield Remark(f"correlation with the belts is {first.vote:.2f} at the best lag", name)


def clock_drift(night: NightView, limit: float) -> Said:
    """Compare flow with belts and pulse with heart rate."""
    for name, one, other in _pairs(night):
        found = _drift(one, other)
        if found is None or found.vote < _AGREED:
            continue
        clear = found.vote - found.vote_for_none > _CLEARER
        drift_s = found.drift_s if clear else 0.0
        yield Measure("clock_drift_s", drift_s, name)
        if abs(drift_s) > limit:
            yield Remark(f"runs apart by {drift_s:.1f} s until the end of the night", name)


def _pairs(night: NightView) -> list[tuple[str, Floats, Floats]]:
    """Return what can be compared: the channel that a remark names, its wave, and the other one."""
    found = []
    belt = next((value for name in BELTS if (value := night.value(name)) is not None), None)
    flow = next(((name, value) for name in FLOWS if (value := night.value(name)) is not None), None)
    if belt is not None and flow is not None:
        found.append((flow[0], belt, flow[1]))
    heart, pulse = heart_rate(night), night.value("pulse_rate")
    if heart is not None and pulse is not None:
        found.append(("pulse_rate", heart, pulse))
    return found


def _drift(one: Floats, other: Floats) -> _Drift | None:
    """Follow the lag of two waves at 4 Hz."""
    a, b = (_windows(value) for value in (one, other))
    n = min(len(a), len(b))
    good = np.isfinite(a[:n, 0]) & np.isfinite(b[:n, 0])
    where = evenly(good, _MOST_WINDOW)
    if where.size < _LEAST_WINDOW:
        return None
    correlation = _lagged(a[where], b[where])
    middle = (where + 0.5) / n  # of the night
    reach = round((_MOST_LAG_S + _MOST_DRIFT_S) * _RATE_HZ)
    offset = np.arange(-round(_MOST_LAG_S * _RATE_HZ), round(_MOST_LAG_S * _RATE_HZ) + 1)
    drift = np.arange(-round(_MOST_DRIFT_S / _STEP_S), round(_MOST_DRIFT_S / _STEP_S) + 1) * _STEP_S * _RATE_HZ
    vote = np.zeros((drift.size, offset.size), np.complex64)
    for row, at in zip(correlation, middle, strict=True):
        vote += row[np.rint(drift * at).astype(np.intp)[:, None] + offset + reach]
    strength = np.abs(vote) / len(correlation)
    best = int(np.argmax(strength.max(axis=1)))
    none = float(strength[drift.size // 2].max())
    return _Drift(float(drift[best] / _RATE_HZ), float(strength[best].max()), none)


def _windows(value: Floats) -> Floats:
    """Return windows with mean 0 and energy 1; a row of NaN where too little is known."""
    flat = value.reshape(-1)
    rows = flat[: flat.size // _WINDOW * _WINDOW].reshape(-1, _WINDOW)
    known = np.isfinite(rows)
    mean = np.where(known, rows, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    level = np.where(known, rows - mean[:, None], 0).astype(np.float32)
    size = np.sqrt(np.sum(level * level, axis=1))
    sound = (known.mean(axis=1) >= _KNOWN) & (size > 0)
    level[sound] /= size[sound, None]
    level[~sound] = np.nan
    return level


def _lagged(a: Floats, b: Floats) -> NDArray[np.complex64]:
    """Return the analytic correlation of rows at lags up to the most, the middle one being none."""
    n = 2 * _WINDOW
    spectrum = scipy.fft.fft(b, n, axis=1) * scipy.fft.fft(a, n, axis=1).conj()
    spectrum[:, n // 2 :] = 0
    correlation = 2 * scipy.fft.ifft(spectrum, axis=1)
    reach = round((_MOST_LAG_S + _MOST_DRIFT_S) * _RATE_HZ)
    return np.concatenate([correlation[:, -reach:], correlation[:, : reach + 1]], axis=1).astype(np.complex64)

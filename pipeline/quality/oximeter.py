"""Checks of the oximeter: a reading that does not move, a night that nobody would survive."""

from __future__ import annotations

import numpy as np

from pipeline.quality.view import LEAST_EPOCH, Mark, Measure, NightView, Remark, Said
from schemas.kinds import RateClass
from schemas.quality import QualityFlag

__all__ = ["spo2_low", "spo2_stuck"]


def spo2_stuck(night: NightView, limit: float) -> Said:
    """Look for one reading that stands longer than saturation can."""
    oximeter = night.channel("spo2")
    if oximeter is None:
        return
    value = oximeter.value.reshape(-1)
    edges = np.concatenate(([0], np.flatnonzero(np.diff(value) != 0) + 1, [value.size]))  # NaN differs from all
    length_s = np.diff(edges) / RateClass.SLOW.rate_hz
    length_s[np.isnan(value[edges[:-1]])] = 0
    yield Measure("spo2_steady_s", float(length_s.max()))
    stuck = np.zeros(value.size, bool)
    for run in np.flatnonzero(length_s > limit):
        stuck[edges[run] : edges[run + 1]] = True
    whole = np.asarray(np.all(stuck.reshape(oximeter.value.shape), axis=1), bool)
    if stuck.any():
        yield Mark("spo2", whole, QualityFlag.STUCK)
        yield Remark(f"one reading for {length_s.max() / 60:.0f} minutes", "spo2", whole)


def spo2_low(night: NightView, limit: float) -> Said:
    """Compare the night's median with what a sleeper may have."""
    oximeter = night.channel("spo2")
    if oximeter is None:
        return
    first = oximeter.value[:, 0]
    known = first[np.isfinite(first)]
    if known.size < LEAST_EPOCH:
        return
    middle = float(np.median(known))
    yield Measure("spo2_median", middle)
    if middle < limit:
        yield Remark(f"median of the night is {middle:.1f} %", "spo2")

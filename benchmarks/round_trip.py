"""A night from its EDF to a store and back: ``python -m benchmarks.round_trip COHORT HOURS`` prints JSON.

Some signals are turned by the manifest and some written with a negative gain. What the store holds is compared
with what pyedflib decodes, and then by our own audit, which decodes with edfio.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.api import continuous
from pipeline.batch.audit import audit
from schemas.kinds import KINDS, Shape, kind_of_channel
from tests.e2e.test_round_trip import Trip, lag_s, make_trip

_MINUTE_S = 60
_EDGE_PERIODS = 2  # of the lower edge, at either end: not judged for correlation and amplitude


def round_trip(cohort: str, hours: float) -> dict[str, Any]:
    """Return the worst figures of each rate class, of the readings, and what the audit found."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        trip = make_trip(out / cohort, cohort, hours)
        waves = {channel: _wave(trip, channel) for channel in trip.channels(Shape.WAVE)}
        steps = [_reading(trip, channel) for channel in trip.channels(Shape.STEP)]
        report = audit(out, out / cohort / "download")
        n_wrong_stage = int((trip.ds["stage"].values != trip.truth["stage"]).sum())
    return {
        "waves": {name: _worst(of_class) for name, of_class in _by_class(trip, waves).items()},
        "readings": {"n_channel": len(steps), "largest_error_steps": max(steps)},
        "stages": {"n_epoch": trip.ds.sizes["epoch"], "n_wrong": n_wrong_stage},
        "audit": {"n_compared": report.n_compared, "n_problem": len(report.problems)},
    }


def _wave(trip: Trip, channel: str) -> dict[str, float]:
    stored, expected, rate_hz, low_hz = trip.pair(channel)
    lags_s = [
        lag_s(stored[minute], expected[minute], rate_hz)
        for minute in (slice(0, _MINUTE_S * int(rate_hz)), slice(-_MINUTE_S * int(rate_hz), None))
    ]
    edge = round(_EDGE_PERIODS / low_hz * rate_hz)
    stored, expected = stored[edge:-edge], expected[edge:-edge]
    return {
        "correlation": float(np.corrcoef(stored, expected)[0, 1]),
        "gain_error": abs(float(stored @ expected / (expected @ expected)) - 1),
        "lag_s": max(map(abs, lags_s)),
    }


def _by_class(trip: Trip, waves: Mapping[str, dict[str, float]]) -> dict[str, list[dict[str, float]]]:
    """Return the waves by the name of their rate class, e.g. ``fast``."""
    classes: dict[str, list[dict[str, float]]] = {}
    for channel, found in waves.items():
        classes.setdefault(str(trip.ds[channel].dims[1]).removesuffix("_sample"), []).append(found)
    return classes


def _worst(found: list[dict[str, float]]) -> dict[str, float]:
    return {
        "n_channel": len(found),
        "lowest_correlation": min(wave["correlation"] for wave in found),
        "largest_gain_error_percent": 100 * max(wave["gain_error"] for wave in found),
        "largest_lag_ms": 1e3 * max(wave["lag_s"] for wave in found),
    }


def _reading(trip: Trip, channel: str) -> float:
    """Return the largest difference from the reading that stood at the time, in steps of what is stored."""
    value, native_hz, _ = trip.source(channel)
    stored = continuous(trip.ds, channel)
    native = np.floor((trip.ds.attrs["grid_offset_s"] + stored["time_s"].values) * native_hz + 1e-9).astype(int)
    known = np.isfinite(stored.values)
    step = KINDS[kind_of_channel(channel)].scale
    return float(np.abs(stored.values[known] - value[native[known]]).max() / step)


if __name__ == "__main__":
    print(json.dumps(round_trip(sys.argv[1], float(sys.argv[2]))))

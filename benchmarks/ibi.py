"""Inter-beat intervals against the truth of synthetic nights and of annotated records.

``python -m benchmarks.ibi [--hours 1] [--seeds 31 32 33 34 35] [--data FOLDER] [--json]``. Every condition of
`benchmarks.ibi_conditions` at 100, 125 and 256 Hz, and the records of `benchmarks.beats`. *Off* is a value that is
called valid and more than 20 ms from the true interval at that instant, in per cent of what is valid.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ibi_conditions import CONDITIONS, Case, make_case
from benchmarks.ibi_mitdb import score_records
from pipeline.derive.ibi import RATE_HZ, Ibi, derive_ibi
from pipeline.derive.rpeaks import detect_beats
from pipeline.synth.cardiac import NORMAL

RATES_HZ = (100, 125, 256)
OFF_S = 0.02


@dataclass(frozen=True)
class Score:
    """One night.

    Parameters
    ----------
    n_valid, n_off : int
        Samples called valid, and those of them that are wrong.
    coverage, coverage_spoiled, coverage_elsewhere : float
        Share of samples that are valid: of all, and within and outside what was spoiled.
    median_ms, p95_ms : float
        Of the error of valid samples.
    rmssd_error_ms : float
        RMSSD of what is valid less that of the truth at the same instants.
    nn_coverage : float
        Share of samples between normal beats that are called so.
    n_nn, n_nn_wrong : int
        Samples called NN, and those that are not.
    """

    n_valid: int
    n_off: int
    coverage: float
    coverage_spoiled: float
    coverage_elsewhere: float
    median_ms: float
    p95_ms: float
    rmssd_error_ms: float
    nn_coverage: float
    n_nn: int
    n_nn_wrong: int

    @property
    def off_share(self) -> float:
        return self.n_off / max(1, self.n_valid)


def true_intervals(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Return the true interval at every sample of the grid, NaN outside, and whether it is NN."""
    n = int(case.ecg.size / case.rate_hz * RATE_HZ)
    beats = case.beats
    held = np.searchsorted(beats.time_s, np.arange(n) / RATE_HZ, side="right") - 1
    inside = (held >= 0) & (held < beats.time_s.size - 1)
    held = np.clip(held, 0, beats.time_s.size - 2)
    normal = beats.type == NORMAL
    return np.where(inside, np.diff(beats.time_s)[held], np.nan), inside & (normal[:-1] & normal[1:])[held]


def rmssd_ms(interval_s: np.ndarray) -> float:
    """Return the root mean square of successive differences of a grid of intervals, NaN left out."""
    begins = np.flatnonzero(np.diff(interval_s, prepend=np.nan) != 0)
    step_s = np.diff(interval_s[begins])
    step_s = step_s[np.isfinite(step_s)]
    return float(1e3 * np.sqrt(np.mean(step_s**2))) if step_s.size else float("nan")


def score_case(case: Case, found: Ibi | None = None) -> Score:
    """Score a night; without a derivation, ours."""
    truth, is_nn = true_intervals(case)
    if found is None:
        found = derive_ibi(detect_beats(case.ecg, case.rate_hz), n_sample=truth.size)
    valid, known = np.isfinite(found.value), np.isfinite(truth)
    error_s = np.abs(found.value - truth)[valid & known]
    spoiled = case.spoiled[(np.arange(truth.size) * case.rate_hz / RATE_HZ).astype(int)]
    return Score(
        n_valid=int(valid.sum()),
        n_off=int((error_s > OFF_S).sum() + (valid & ~known).sum()),
        coverage=share(valid[known]),
        coverage_spoiled=share(valid[known & spoiled]),
        coverage_elsewhere=share(valid[known & ~spoiled]),
        median_ms=float(1e3 * np.median(error_s)),
        p95_ms=float(1e3 * np.percentile(error_s, 95)),
        rmssd_error_ms=rmssd_ms(found.value.astype(float)) - rmssd_ms(np.where(valid, truth, np.nan)),
        nn_coverage=share(found.nn_valid[is_nn]),
        n_nn=int(found.nn_valid.sum()),
        n_nn_wrong=int((found.nn_valid & ~is_nn).sum()),
    )


def share(mask: np.ndarray) -> float:
    return float(mask.mean()) if mask.size else float("nan")


def summary(scores: Sequence[Score]) -> dict[str, float | None]:
    """Return the figures of one condition at one rate over all nights; None where there is nothing of the kind."""

    def mean(name: str) -> float | None:
        values = [getattr(score, name) for score in scores]
        return float(np.mean(values)) if np.isfinite(values).all() else None

    n_nn = sum(score.n_nn for score in scores)
    return {
        "off_percent": 100 * sum(s.n_off for s in scores) / max(1, sum(s.n_valid for s in scores)),
        "worst_night_off_percent": 100 * max(score.off_share for score in scores),
        "coverage": mean("coverage"),
        "coverage_spoiled": mean("coverage_spoiled"),
        "coverage_elsewhere": mean("coverage_elsewhere"),
        "median_ms": mean("median_ms"),
        "p95_ms": mean("p95_ms"),
        "largest_rmssd_error_ms": max(abs(score.rmssd_error_ms) for score in scores),
        "nn_coverage": mean("nn_coverage"),
        "nn_wrong_percent": 100 * sum(score.n_nn_wrong for score in scores) / n_nn if n_nn else None,
    }


def condition_figures(condition: str, seeds: Sequence[int], hours: float) -> dict[str, Any]:
    """Return one condition's figures by rate."""
    return {
        f"at_{rate_hz}_hz": summary([score_case(make_case(condition, rate_hz, seed=s, hours=hours)) for s in seeds])
        for rate_hz in RATES_HZ
    }


def worst(figures: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, float]:
    """Return the largest errors over all conditions and rates."""
    rows = [row for by_rate in figures.values() for row in by_rate.values()]
    clean = list(figures.get("clean", {}).values())
    return {
        "off_percent": max(row["off_percent"] for row in rows),
        "night_off_percent": max(row["worst_night_off_percent"] for row in rows),
        "clean_median_ms": max((row["median_ms"] for row in clean), default=float("nan")),
        "clean_p95_ms": max((row["p95_ms"] for row in clean), default=float("nan")),
        "clean_rmssd_error_ms": max((row["largest_rmssd_error_ms"] for row in clean), default=float("nan")),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[31, 32, 33, 34, 35])
    parser.add_argument("--conditions", nargs="+", choices=list(CONDITIONS), default=list(CONDITIONS))
    parser.add_argument("--data", type=Path, help="folder with records of the MIT-BIH Arrhythmia Database")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    figures = {name: condition_figures(name, given.seeds, given.hours) for name in given.conditions}
    records = score_records(given.data) if given.data else {}
    if given.json:
        print(json.dumps({"worst": worst(figures), "nights": figures, "records": records}, indent=1))
        return
    names = ("off_percent", "worst_night_off_percent", "coverage", "coverage_spoiled", "coverage_elsewhere")
    names += ("median_ms", "p95_ms", "largest_rmssd_error_ms", "nn_coverage", "nn_wrong_percent")
    print(f"{'':31} ", *(f"{name.replace('coverage', 'cov')[-14:]:>14}" for name in names))
    for condition, by_rate in figures.items():
        for rate, row in by_rate.items():
            cells = (f"{'' if row[name] is None else format(row[name], '14.4f'):>14}" for name in names)
            print(f"{condition:31} {rate:10}", *cells)
    print(json.dumps(records, indent=1))


if __name__ == "__main__":
    main()

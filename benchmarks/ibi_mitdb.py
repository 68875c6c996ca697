"""Intervals, NN and ectopic beats against the beats and types that experts annotated.

An interval is *wrong* when its beats are not two annotated beats that follow each other, *off* when it is wrong or
differs by more than 20 ms. Annotators put wide beats at another peak than one lead's fiducial, so *off* counts more
than errors; the same figure of another detector, everything of which is taken as valid, stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mitdb import Record, read_record, record_names
from pipeline.derive.ibi import RATE_HZ, derive_ibi
from pipeline.derive.other_detectors import detect_with
from pipeline.derive.rpeaks import detect_beats
from schemas.vocabulary import BeatType

MATCH_S = 0.15
OFF_S = 0.02
ECTOPIC = tuple("VAaJSE")  # premature and escape beats
NORMAL = tuple("NLR/ej")  # the usual origin; bundle branch block, pacing and escape rhythms repeat


@dataclass(frozen=True)
class Pairing:
    """Which annotated beat each found one is; ``error_s`` (n_found - 1,), infinite where an interval is wrong."""

    symbol: np.ndarray
    error_s: np.ndarray


def pair(record: Record, time_s: np.ndarray) -> Pairing:
    truth_s = record.beat_s
    after = np.clip(np.searchsorted(truth_s, time_s), 1, truth_s.size - 1)
    nearest = np.where(time_s - truth_s[after - 1] < truth_s[after] - time_s, after - 1, after)
    is_beat = np.abs(truth_s[nearest] - time_s) <= MATCH_S
    right = is_beat[:-1] & is_beat[1:] & (np.diff(nearest) == 1)
    error_s = np.where(right, np.abs(np.diff(time_s) - np.diff(truth_s[nearest])), np.inf)
    return Pairing(np.where(is_beat, record.beat_symbol[nearest], "-"), error_s)


def at_samples(record: Record, time_s: np.ndarray) -> np.ndarray:
    """Return the interval that every sample of the 4-Hz grid lies in; -1 outside."""
    n = int(record.lead.shape[1] / record.rate_hz * RATE_HZ)
    held = np.searchsorted(time_s, np.arange(n) / RATE_HZ, side="right") - 1
    return np.where(held < time_s.size - 1, held, -1)


def count(record: Record) -> dict[str, int]:
    """Count samples and beats of one record."""
    beats = detect_beats(record.lead[0].astype(np.float32), record.rate_hz)
    held = at_samples(record, beats.time_s)
    found = derive_ibi(beats, n_sample=held.size)
    paired = pair(record, beats.time_s)
    valid = np.isfinite(found.value)
    error_s = paired.error_s[held[valid]]
    normal = np.isin(paired.symbol, NORMAL)
    is_nn = (normal[:-1] & normal[1:])[np.maximum(held, 0)] & (held >= 0)
    ectopic, called = np.isin(paired.symbol, ECTOPIC), found.beat_type == BeatType.ECTOPIC
    trusted = found.beat_type != BeatType.UNCERTAIN
    other_s = detect_with("sleepecg", record.lead[0], record.rate_hz)
    other = at_samples(record, other_s)
    return {
        "n_sample": held.size,
        "n_valid": int(valid.sum()),
        "n_wrong": int(np.isinf(error_s).sum()),
        "n_off": int((error_s > OFF_S).sum()),
        "n_other": int((other >= 0).sum()),
        "n_other_off": int((pair(record, other_s).error_s[other[other >= 0]] > OFF_S).sum()),
        "n_nn": int((is_nn & valid).sum()),
        "n_nn_found": int((is_nn & found.nn_valid).sum()),
        "n_nn_called": int(found.nn_valid.sum()),
        "n_beat": trusted.size,
        "n_trusted": int(trusted.sum()),
        "n_ectopic": int(ectopic.sum()),
        "n_ectopic_trusted": int((ectopic & trusted).sum()),
        "n_ectopic_found": int((ectopic & called).sum()),
        "n_ectopic_called": int(called.sum()),
    }


def shares(n: dict[str, int]) -> dict[str, Any]:
    return {
        "coverage": n["n_valid"] / n["n_sample"],
        "wrong_percent": 100 * n["n_wrong"] / max(1, n["n_valid"]),
        "off_percent": 100 * n["n_off"] / max(1, n["n_valid"]),
        "sleepecg_off_percent": 100 * n["n_other_off"] / max(1, n["n_other"]),
        "nn_sensitivity": n["n_nn_found"] / max(1, n["n_nn"]),
        "nn_ppv": n["n_nn_found"] / max(1, n["n_nn_called"]),
        "uncertain_percent": 100 * (1 - n["n_trusted"] / max(1, n["n_beat"])),
        "ectopic_sensitivity": n["n_ectopic_found"] / max(1, n["n_ectopic"]),
        "ectopic_sensitivity_trusted": n["n_ectopic_found"] / max(1, n["n_ectopic_trusted"]),
        "ectopic_ppv": n["n_ectopic_found"] / max(1, n["n_ectopic_called"]),
    }


def score_records(folder: Path) -> dict[str, Any]:
    """Return the figures of all records together, and of each."""
    counted = {name: count(read_record(folder, name)) for name in record_names(folder)}
    total = {key: sum(n[key] for n in counted.values()) for key in next(iter(counted.values()))}
    return {"all": shares(total), "of": {f"r{name}": shares(n) for name, n in counted.items()}}

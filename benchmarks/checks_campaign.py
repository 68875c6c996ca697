"""The campaign of the checks: their nights in child processes, some at a time, and the shares that come of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.evidence import Figures, Parameters, Progress
from benchmarks.measure import run

__all__ = ["checks", "shares"]

_BATCH = 5  # nights a process, so that a killed campaign loses no more


def checks(progress: Progress, parameters: Parameters) -> Figures:
    """Shares of faults found and of false alarms, findings of real recordings, and cost."""
    nights, n_fault = list[Figures](), parameters["n_fault"]
    for first in range(0, parameters["n_clean"], _BATCH):
        options = ["--first", first, "--count", _BATCH, "--hours", parameters["hours"]]
        options += ["--faults"] if first < n_fault else []
        nights += progress.once(f"nights from {first}", lambda options=options: _child(*options))
    return {
        **shares(nights),
        "real": progress.once("real recordings", lambda: _child("--real", parameters["mitdb"])),
        "cost": progress.once("cost", lambda: _child("--cost", "--hours", 8, "--runs", parameters["runs"])),
    }


def shares(nights: Sequence[Mapping[str, Any]]) -> Figures:
    """Return the share of nights in which each fault was found, and in which each check gave a false alarm."""
    broken = [night["found"] for night in nights if night["found"]]
    detected = {fault: sum(found[fault] for found in broken) / len(broken) for fault in broken[0]}
    alarms = [night["alarms"] for night in nights]
    false = {check: sum(given[check] for given in alarms) / len(alarms) for check in alarms[0]}
    return {
        "n_broken": len(broken),
        "n_clean": len(alarms),
        "detected": detected,
        "false_alarm": false,
        "least_detected": min(detected.values()),
        "most_false_alarms": max(false.values()),
        "any_false_alarm": sum(any(given.values()) for given in alarms) / len(alarms),
    }


def _child(*options: object) -> Any:
    return json.loads(run(["-m", "benchmarks.checks", *map(str, options)]).output)

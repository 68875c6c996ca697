"""The campaigns of operation: Dask workers that are killed, and a whole archive whose conversions are naps."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.evidence import Figures, Progress
from benchmarks.measure import run

__all__ = ["dask_kills", "scale"]

Parameters = Mapping[str, Any]


def dask_kills(progress: Progress, parameters: Parameters) -> Figures:
    """Kill -9 of a Dask worker at moments drawn over the length of a run, which must end well by itself."""
    found = progress.once("kills", lambda: _dask_kills(**parameters))
    moments = found["drawn"]
    return {
        "n_interrupted": sum(m["n_finished"] < parameters["n_recording"] for m in moments),
        "n_fault": sum(len(m["faults"]) for m in moments),
        **found,
    }


def _dask_kills(*, n_moment: int, seed: int, **nights: Any) -> Figures:
    from tests.e2e.crash_campaign import campaign, command_subject

    with tempfile.TemporaryDirectory() as folder:
        subject = command_subject(Path(folder), on_dask=True, **nights)
        found = campaign(subject, n_moment=n_moment, seed=seed, of_a_worker=True)
    return {"undisturbed_s": found.undisturbed_s, "drawn": [asdict(moment) for moment in found.moments]}


def scale(progress: Progress, parameters: Parameters) -> Figures:
    """A whole archive whose conversions are naps: what planner, run loop, executors and ledger cost."""
    n, n_dask, workers = parameters["n_recording"], parameters["n_dask"], parameters["workers"]
    return {
        "archive": progress.once("archive", lambda: _simulated(n, workers)),
        "processes": progress.once("processes", lambda: _simulated(n_dask, workers)),
        "dask": progress.once("dask", lambda: _simulated(n_dask, workers, "--dask")),
        "status": progress.once("status", lambda: _status(parameters["n_row"])),
    }


def _status(n_row: int) -> Figures:
    from benchmarks.scale import status_s

    with tempfile.TemporaryDirectory() as folder:
        return status_s(Path(folder), n_row)


def _simulated(*arguments: object) -> Figures:
    figures: Figures = json.loads(run(["-m", "benchmarks.scale", *map(str, arguments)]).output)
    return figures

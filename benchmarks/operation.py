"""The campaign of scale: a whole archive whose conversions are naps."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.evidence import Figures, Progress
from benchmarks.measure import run

__all__ = ["scale"]

Parameters = Mapping[str, Any]


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

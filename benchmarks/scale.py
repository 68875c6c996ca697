"""A whole archive through planner, run loop, executor and ledger, each conversion a nap: what coordination costs.

``python -m benchmarks.scale N_RECORDING WORKERS [--dask]`` prints the figures of one run as JSON. The long form is
the campaign ``scale`` of benchmarks/prove.py; what binds first, and the arithmetic, is in docs/scale.md.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import run as run_child
from benchmarks.scale_cohort import MANIFEST, NAP_S, nap, write_cohort, write_ledger
from pipeline.batch.executors import open_executor
from pipeline.batch.plan import Decision, plan
from pipeline.batch.run import run
from pipeline.files.discover import discover
from pipeline.write.ledger import read_ledger

__all__ = ["simulate", "status_s"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Convert made-up recordings; print what the coordination cost.")
    parser.add_argument("n_recording", type=int)
    parser.add_argument("workers", type=int)
    parser.add_argument("--dask", action="store_true", help="on a Dask cluster of this machine")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = simulate(Path(folder), args.n_recording, args.workers, dask="local" if args.dask else None)
    json.dump(figures, sys.stdout, indent=1)


def simulate(folder: Path, n_recording: int, workers: int, *, dask: str | None = None) -> dict[str, float]:
    """Plan, convert and plan again, in this process; return what it took.

    Returns
    -------
    dict
        Seconds on the clock and of this process's CPU. ``first_s`` is when the first recording ended: workers have
        to start. From then on ``overhead_ms`` is what a recording took beyond its share of the naps.
    """
    root, out = folder / "in", folder / "out"
    write_cohort(root, n_recording)
    planning = _Clock()
    first = plan(discover(MANIFEST, root), out, MANIFEST, read_ledger(out))
    planned = planning.stop()
    ends_s: list[float] = []
    converting = _Clock()
    with open_executor(dask, workers=workers) as executor:
        report = run(first, nap, executor=executor, on_progress=lambda _: ends_s.append(converting.stop().wall_s))
    converted = converting.stop()
    again = _Clock()
    second = plan(discover(MANIFEST, root), out, MANIFEST, read_ledger(out))
    planned_again = again.stop()
    if report.n_converted != n_recording or len(second.of(Decision.KEEP)) != n_recording:
        raise AssertionError(f"{report.n_converted} converted, {len(second.of(Decision.KEEP))} kept")
    pace_s = (ends_s[-1] - ends_s[0]) / (n_recording - 1)
    return {
        "n_recording": n_recording,
        "workers": workers,
        "plan_s": planned.wall_s,
        "first_s": ends_s[0],
        "wall_s": converted.wall_s,
        "least_s": NAP_S * n_recording / workers,
        "overhead_ms": 1e3 * (pace_s - NAP_S / workers),
        "cpu_s": converted.cpu_s,
        "cpu_ms": 1e3 * converted.cpu_s / n_recording,
        "plan_again_s": planned_again.wall_s,
        "plan_again_cpu_s": planned_again.cpu_s,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


def status_s(folder: Path, n_row: int) -> dict[str, float]:
    """Return what `sleep2vec status` takes on a ledger of so many rows: the best of three, on a busy machine."""
    write_ledger(folder, n_row)
    runs = []
    for _ in range(3):
        begun_s = time.monotonic()
        usage = run_child(["-m", "flows.cli", "status", str(folder)])
        runs.append(_Spent(time.monotonic() - begun_s, usage.cpu_s))
    return {"n_row": n_row, "wall_s": min(r.wall_s for r in runs), "cpu_s": min(r.cpu_s for r in runs)}


@dataclass(frozen=True)
class _Spent:
    wall_s: float
    cpu_s: float


class _Clock:
    """Seconds since it was made, on the clock and of this process's CPU."""

    def __init__(self) -> None:
        self._wall_s, self._cpu_s = time.monotonic(), time.process_time()

    def stop(self) -> _Spent:
        return _Spent(time.monotonic() - self._wall_s, time.process_time() - self._cpu_s)


if __name__ == "__main__":
    main()

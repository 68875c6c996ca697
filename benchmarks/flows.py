"""What Prefect costs a conversion: ``python -m benchmarks.flows [--nights 200] [--hours 0.3] [--rounds 1]``.

One synthetic night, given to many subjects, is converted with the same number of workers by `pipeline.batch` alone
and by the flow *convert* on a server that runs already, with batches of several sizes. The ways take turns, each in
a process of its own that measures the conversion alone: without its imports and without the server's start. Figures
are CPU seconds of that process and its workers, and wall seconds; what the server itself spends is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

COHORT = "synthetic"
WAYS = {"plain": None, "batch_100": 100, "batch_1": 1}  # recordings a task; None is without Prefect


def timed(root: str, out: str, workers: int, batch_size: int | None) -> dict[str, float]:
    """Convert once in this process; return CPU and wall time of the conversion alone."""
    from flows.conversion import Conversion, convert_in_batches

    what = Conversion(manifest=COHORT, root=root, out=out, workers=workers, batch_size=batch_size or 100)
    if batch_size is None:
        work = lambda: convert_in_batches(what, lambda batch: None)  # noqa: E731
    else:
        from flows.convert import convert

        work = lambda: convert(what)  # noqa: E731
    import pipeline.batch.convert  # noqa: F401  both ways have loaded what they need

    begun, begun_s = os.times(), time.monotonic()
    assert not work().report.failed
    ended, wall_s = os.times(), time.monotonic() - begun_s
    return {"cpu_s": sum(ended[:4]) - sum(begun[:4]), "wall_s": wall_s}


def measure(nights: int, hours: float, workers: int, rounds: int) -> dict[str, Any]:
    """Return the figures of every way, and each over the plain one, round by round."""
    from tests.e2e.flow_campaign import many_nights
    from tests.prefect_server import prefect_server

    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        many_nights(folder / "dl", nights, hours)
        with prefect_server(folder / "home") as server:
            for number in range(rounds):
                for way, size in WAYS.items():
                    out = folder / f"{way}-{number}"
                    one = ["--one", str(folder / "dl"), str(out), str(workers), str(size or 0)]
                    done = subprocess.run(
                        [sys.executable, "-m", "benchmarks.flows", *one],
                        env={**os.environ, **server.settings, "PREFECT_LOGGING_LEVEL": "INFO"},
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,
                        check=True,
                    )
                    found[way].append(json.loads(done.stdout.splitlines()[-1]))
                    subprocess.run(["rm", "-r", str(out)], check=True)
    return {
        way: {figure: median(run[figure] for run in runs) for figure in ("cpu_s", "wall_s")}
        | {
            f"over_plain_{figure}": median(
                run[figure] / plain[figure] for run, plain in zip(runs, found["plain"], strict=True)
            )
            for figure in ("cpu_s", "wall_s")
        }
        for way, runs in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=200)
    parser.add_argument("--hours", type=float, default=0.3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        root, out, workers, size = args.one
        print(json.dumps(timed(root, out, int(workers), int(size) or None)))
        return
    print(json.dumps(measure(args.nights, args.hours, args.workers, args.rounds)))


if __name__ == "__main__":
    main()

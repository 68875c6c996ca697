"""What pages cost: built, on the disk and opened, of a whole cohort and of one night.

``python -m benchmarks.prove report``. The cohort exists in ledger and catalog alone (`benchmarks.report_cohort`),
the night is a made-up one. Pages are built by the command in a process of its own, and opened by a headless
Chromium with a new profile and without a network, in a window of 1500 by 1000 pixels. The clock starts as the
browser, which runs, begins to go to the page. ``open_s`` is until everything in the window is on the screen,
``all_drawn_s`` until the whole page is drawn: plots further down come after those that are seen.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.evidence import Figures, Progress
from benchmarks.measure import Spread, Usage, run

__all__ = ["report"]

Parameters = Mapping[str, Any]


def report(progress: Progress, parameters: Parameters) -> Figures:
    """Build and open the pages of a large cohort, and of one night."""
    n_run = parameters["n_run"]
    return {
        "cohort": progress.once("cohort", lambda: _cohort(parameters["n_recording"], n_run)),
        "recording": progress.once("recording", lambda: _recording(parameters["hours"], n_run)),
    }


def _cohort(n_recording: int, n_run: int) -> Figures:
    from benchmarks.report_cohort import write_output

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        out.mkdir()
        write_output(out, n_recording)
        found = _built([str(out), "--worst", "0"], n_run)
        pages = {"page": out / "report" / "index.html", "list": out / "report" / "recordings" / "index.html"}
        found |= {"n_recording": n_recording, "all_mb": _megabytes(out / "report")}
        found |= {f"{name}_mb": path.stat().st_size / 1e6 for name, path in pages.items()}
        for name, path in pages.items():
            found |= {f"{name}_{figure}": spread for figure, spread in _opened(path, n_run).items()}
        return found


def _recording(hours: float, n_run: int) -> Figures:
    from pipeline.report.recording import page_name
    from pipeline.synth import synthesise

    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder) / "download", Path(folder) / "out"
        synthesise(root, recipe="synthetic", nights=1, hours=hours, seed=1)
        run(["-m", "flows.cli", "convert", "synthetic", "--root", str(root), "--out", str(out)])
        (store,) = out.glob("synthetic/*.zarr")
        page = out / "report" / page_name("synthetic", store.stem)
        found = _built([str(store)], n_run)
        return found | {"hours": hours, "page_mb": page.stat().st_size / 1e6} | _opened(page, n_run)


def _built(arguments: list[str], n_run: int) -> Figures:
    """Run the command some times."""
    usages, wall_s = list[Usage](), list[float]()
    for _ in range(n_run):
        begun_s = time.monotonic()
        usages.append(run(["-m", "flows.cli", "report", *arguments]))
        wall_s.append(time.monotonic() - begun_s)
    return {
        "build_s": asdict(Spread.of(wall_s)),
        "build_cpu_s": asdict(Spread.of([usage.cpu_s for usage in usages])),
        "peak_mb": asdict(Spread.of([usage.peak_mb for usage in usages])),
    }


def _opened(page: Path, n_run: int) -> Figures:
    """Open a page some times, each in a new browser."""
    from tests.page_checks import browser

    readable_s, drawn_s = list[float](), list[float]()
    for _ in range(n_run):
        with tempfile.TemporaryDirectory() as profile, browser(Path(profile)) as program:
            seconds = program.time(page)
        readable_s.append(seconds[0])
        drawn_s.append(seconds[1])
    return {"open_s": asdict(Spread.of(readable_s)), "all_drawn_s": asdict(Spread.of(drawn_s))}


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6

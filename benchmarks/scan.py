"""What a census takes: ``python -m benchmarks.scan [--files 2000] [--workers 2] [--hours 8] [--runs 3]``.

Headers and scorings of synthetic nights in the style of SHHS, each header with a whole night behind it that takes
no room: a hole in the file. The command runs in processes of its own, imports included, with a manifest (headers
and annotations) and without (headers alone). What the system was asked to read is counted too, for one census in
this process: it must be headers, and what is read ahead of them, whatever the size of the files. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from benchmarks.measure import Spread, run

COHORT = "shhs"
_MADE = 4  # nights that are really made; their headers differ in labels
_FIRST_SUBJECT = 200_001


def write_cohort(root: Path, n_file: int, hours: float) -> dict[str, float]:
    """Write nights of headers and scorings alone in the cohort's layout; return how large they are and seem."""
    from pipeline.synth import synthesise

    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made"
        synthesise(made, recipe=COHORT, nights=_MADE, hours=hours, seed=7)
        edfs, xmls = (sorted(made.rglob(pattern)) for pattern in ("*.edf", "*-nsrr.xml"))
        heads = [_head(path) for path in edfs]
        sizes = [path.stat().st_size for path in edfs]
        scorings = [path.read_bytes() for path in xmls]
    nights = list(islice(cycle(zip(heads, sizes, scorings, strict=True)), n_file))
    folders = [root / "polysomnography" / name / "shhs1" for name in ("edfs", "annotations-events-nsrr")]
    for place in folders:
        place.mkdir(parents=True)
    for subject, (head, size, scoring) in enumerate(nights, _FIRST_SUBJECT):
        edf = folders[0] / f"shhs1-{subject}.edf"
        edf.write_bytes(head)
        os.truncate(edf, size)
        (folders[1] / f"shhs1-{subject}-nsrr.xml").write_bytes(scoring)
    header_bytes, seeming_bytes, scoring_bytes = (
        sum(measure(night) for night in nights)
        for measure in (lambda night: len(night[0]), lambda night: night[1], lambda night: len(night[2]))
    )
    return {
        "headers_mb": header_bytes / 1e6,
        "files_gb": seeming_bytes / 1e9,
        "annotations_mb": scoring_bytes / 1e6,
    }


def _head(path: Path) -> bytes:
    content = path.read_bytes()
    return content[: int(content[184:192])]


def timed(root: Path, arguments: Sequence[str], n_file: int, runs: int) -> dict[str, Any]:
    """Run the command several times; return what it took, and what it answered of the number of files."""
    wall_s, cpu_s = [], []
    for _ in range(runs):
        begun_s = time.monotonic()
        usage = run(["-m", "flows.cli", "scan", *arguments, "--root", str(root), "--json"])
        wall_s.append(time.monotonic() - begun_s)
        cpu_s.append(usage.cpu_s)
        if (found := json.loads(usage.output)["n_would_convert"]) != n_file:
            raise AssertionError(f"{found} of {n_file} files")
    return {
        "wall_s": asdict(Spread.of(wall_s)),
        "cpu_s": asdict(Spread.of(cpu_s)),
        "files_a_minute": 60 * n_file / Spread.of(wall_s).median,
    }


def read_kb(root: Path, n_file: int) -> float:
    """Return what this process asks the system to read for a header, in kilobytes."""
    from pipeline.scan.folder import scan

    scan(None, root)  # everything is imported
    before = _asked_bytes()
    scan(None, root)
    return (_asked_bytes() - before) / n_file / 1e3


def _asked_bytes() -> int:
    facts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(facts["rchar"])


def measure(n_file: int, workers: int, hours: float, runs: int) -> dict[str, Any]:
    """Return the figures."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "download"
        sizes = write_cohort(root, n_file, hours)
        options = ["--workers", str(workers)]
        return {
            "n_file": n_file,
            **sizes,
            "with_manifest": timed(root, [COHORT, *options], n_file, runs),
            "headers_alone": timed(root, options, n_file, runs),
            "read_kb_a_file": read_kb(root, n_file),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a census of headers; print the figures as JSON.")
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    print(json.dumps(measure(args.files, args.workers, args.hours, args.runs)))


if __name__ == "__main__":
    main()

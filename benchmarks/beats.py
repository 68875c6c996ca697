"""Beats against annotated records, beside other detectors: ``python -m benchmarks.beats --data FOLDER``.

FOLDER holds records of the MIT-BIH Arrhythmia Database. First lead, whole record, every annotated beat, nothing
excluded; beats are matched one to one within 150 ms and within 50 ms. The detectors run in turns over all records,
each in an array of the type it works with, with one thread; the CPU time is that of the process, without imports,
the least of the rounds. neurokit2 is measured where it is installed.

``--margins`` turns every constant of the detector by a third, one at a time. ``--cross-validate`` chooses the four
constants that matter most on one half of the records and reports the other half.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import sleepecg

from benchmarks.measure import machine, with_one_thread
from benchmarks.mitdb import Record, read_record, record_names
from pipeline.derive import beat_candidates, beat_path, rpeaks
from pipeline.derive.other_detectors import detect_with
from pipeline.score.match import Score, match

TOLERANCES_S = (0.15, 0.05)
MARGINS: Sequence[tuple[ModuleType, str]] = (
    (beat_candidates, "_HEIGHT_S"),
    (beat_candidates, "_HEIGHT_SHARE"),
    (beat_candidates, "_NOISE_S"),
    (beat_candidates, "_NOISE_FACTOR"),
    (beat_candidates, "_SLOPE"),
    (beat_candidates, "_MOST_WEIGHT"),
    (beat_path, "_T_WAVE_PENALTY"),
    (beat_path, "_PENALTY"),
    (beat_path, "_SPREAD"),
    (beat_path, "_BOUND"),
)
CHOSEN: Sequence[tuple[ModuleType, str, tuple[float, ...]]] = (
    (beat_candidates, "_HEIGHT_SHARE", (0.2, 0.25, 1 / 3)),
    (beat_candidates, "_NOISE_FACTOR", (1.25, 1.75, 2.25)),
    (beat_path, "_T_WAVE_PENALTY", (10.0, 20.0, 30.0)),
    (beat_path, "_PENALTY", (0.2, 0.3, 0.45)),
)


def detectors() -> dict[str, Callable[[Record], np.ndarray]]:
    """Return what turns a record into beat times, by name."""
    known: dict[str, Callable[[Record], np.ndarray]] = {
        "ours": lambda record: rpeaks.detect(record.lead[0].astype(np.float32), record.rate_hz),
        "sleepecg": lambda record: (
            sleepecg.detect_heartbeats(record.lead[0].astype(float), record.rate_hz) / record.rate_hz
        ),
    }
    if find_spec("neurokit2"):
        known["neurokit2"] = lambda record: detect_with("neurokit2", record.lead[0].astype(float), record.rate_hz)
    return known


def benchmark(records: Sequence[Record], runs: int) -> dict[str, object]:
    """Return scores by detector, record and tolerance, and CPU seconds over all records."""
    known = detectors()
    cpu_s: dict[str, list[float]] = {name: [] for name in known}
    scores: dict[str, dict[str, dict[str, Score]]] = {name: {} for name in known}
    for _ in range(runs + 1):  # the first round warms up
        for name, detect in known.items():
            begin = time.process_time()
            found = [detect(record) for record in records]
            cpu_s[name].append(time.process_time() - begin)
            scores[name] = {
                record.name: {f"{t:g}": match(record.beat_s, beat_s, t) for t in TOLERANCES_S}
                for record, beat_s in zip(records, found, strict=True)
            }
    least = {name: min(seconds[1:]) for name, seconds in cpu_s.items()}
    totals = {
        name: {
            f"within_{1000 * t:.0f}_ms": total(by[f"{t:g}"] for by in scores[name].values()) for t in TOLERANCES_S
        }
        for name in known
    }
    return {
        "machine": machine(("numpy", "scipy", *(name for name in known if name != "ours"))),
        "records": {
            name: {r: {t: asdict(s) for t, s in by.items()} for r, by in scores[name].items()} for name in known
        },
        "f1": {name: {within: score.f1 for within, score in by.items()} for name, by in totals.items()},
        "counts": {name: {within: asdict(score) for within, score in by.items()} for name, by in totals.items()},
        "cpu_s": least,
        "cpu_ratio_to_sleepecg": {name: seconds / least["sleepecg"] for name, seconds in least.items()},
    }


def total(scores: Iterator[Score]) -> Score:
    return sum(scores, Score())


@contextmanager
def turned(values: Sequence[tuple[ModuleType, str, float]]) -> Iterator[None]:
    """Give constants of the detector other values for a while."""
    before = [(module, name, getattr(module, name)) for module, name, _ in values]
    for module, name, value in values:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def score_all(records: Sequence[Record]) -> list[Score]:
    found = (rpeaks.detect(record.lead[0].astype(np.float32), record.rate_hz) for record in records)
    return [match(r.beat_s, beat_s, TOLERANCES_S[0]) for r, beat_s in zip(records, found, strict=True)]


def margins(folder: Path) -> dict[str, dict[str, float]]:
    """Return F1 with each constant divided and multiplied by 4/3."""
    records = [read_record(folder, name) for name in record_names(folder)]
    table: dict[str, dict[str, float]] = {}
    for module, name in MARGINS:
        value = getattr(module, name)
        table[name] = {}
        for factor in (0.75, 4 / 3):
            with turned([(module, name, value * factor)]):
                table[name][f"x {factor:.2f}"] = total(iter(score_all(records))).f1
    return table


def cross_validate(folder: Path) -> dict[str, dict[str, object]]:
    """Choose constants on every second record, report the others, and the other way round."""
    records = [read_record(folder, name) for name in record_names(folder)]
    grid = list(itertools.product(*(values for _, _, values in CHOSEN)))
    scores = []
    for point in grid:
        with turned([(module, name, value) for (module, name, _), value in zip(CHOSEN, point, strict=True)]):
            scores.append(score_all(records))
    report: dict[str, dict[str, object]] = {}
    for first in (0, 1):
        chosen_on = [total(iter(row[first::2])).f1 for row in scores]
        best = int(np.argmax(chosen_on))
        report[f"chosen on half {first + 1}"] = {
            "constants": {name: value for (_, name, _), value in zip(CHOSEN, grid[best], strict=True)},
            "f1_there": chosen_on[best],
            "f1_on_the_other_half": total(iter(scores[best][1 - first :: 2])).f1,
        }
    values = [total(iter(row)).f1 for row in scores]
    report["whole grid"] = {
        "points": len(grid),
        "least": min(values),
        "median": float(np.median(values)),
        "most": max(values),
    }
    return report


def show(result: dict[str, object]) -> None:
    """Print the table of a benchmark."""
    records = result["records"]
    assert isinstance(records, dict)
    print("detector   record   150 ms: found  false missed    50 ms: found  false missed")
    for detector, by_record in records.items():
        for record, by in by_record.items():
            cells = ["{found:>6} {false:>6} {missed:>6}".format(**by[f"{t:g}"]) for t in TOLERANCES_S]
            print(f"{detector:10} {record:8} {'':7} {cells[0]} {'':9} {cells[1]}")
    for key in ("f1", "cpu_s", "cpu_ratio_to_sleepecg"):
        print(f"{key}: {json.dumps(result[key])}")


def main() -> None:
    with_one_thread("benchmarks.beats")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/mitdb"), help="folder with the records")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--figures", action="store_true", help="the totals alone, as JSON")
    parser.add_argument("--margins", action="store_true")
    parser.add_argument("--cross-validate", action="store_true")
    given = parser.parse_args()
    if given.margins or given.cross_validate:
        print(json.dumps(margins(given.data) if given.margins else cross_validate(given.data), indent=1))
        return
    result = benchmark([read_record(given.data, name) for name in record_names(given.data)], given.runs)
    if given.json or given.figures:
        left_out = ("machine", "records") if given.figures else ()
        print(json.dumps({name: found for name, found in result.items() if name not in left_out}, indent=1))
    else:
        show(result)


if __name__ == "__main__":
    main()

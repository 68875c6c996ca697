"""What a window costs: ``python -m benchmarks.loader [--nights 8] [--rounds 41] [--windows 8]`` prints JSON.

A window is 120 epochs of nine modalities of a night, int16 counts on the disk, float32 tensors in the end:
normalised, missing samples 0. All ways read the same nights, each in a process of its own, in turns; CPU is user
and system time of all threads and all workers. The floor has the counts in memory already and makes floats of them,
in memory that it has used before: one multiplication, one addition, one comparison; ``own_floor`` does so with our
conversion, ``memory_map_reused`` maps files and does the same. Files are in the page cache; a loader looks at every
checksum once, in its first pass, which is measured apart.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.evidence import Progress
from benchmarks.measure import Spread, run

_PEAK = "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3"
OPENING = f"""
import json, resource, sys, time
from pipeline.shards.read import open_shards
begun_s = time.perf_counter()
open_shards(sys.argv[1])
print(json.dumps({{"wall_s": time.perf_counter() - begun_s, "peak_mb": {_PEAK}}}))
"""
LOADING = f"""
import json, resource, sys, time
import torch
from model.data.loader import open_windows
before_mb, begun_s = {_PEAK}, time.perf_counter()
open_windows(sys.argv[1])
print(json.dumps({{"wall_s": time.perf_counter() - begun_s, "added_mb": {_PEAK} - before_mb}}))
"""


def cpu_s(pids: Sequence[int]) -> float:
    """Return the CPU time of this process and of others that run, all threads."""
    return time.process_time() + sum(time.clock_gettime(~pid << 3 | 2) for pid in pids)  # Linux: a process's clock


def in_turns(ways: Mapping[str, Any], rounds: int, n: int) -> dict[str, list[float]]:
    """Return CPU milliseconds a window of every way, a value a round; a first round fills caches.

    Every second round goes backwards: what grows busier during a round favours nobody.
    """
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in list(ways.items())[:: 1 if number % 2 else -1]:
            begun_s = cpu_s(way.pids)
            way.take(n)
            if number:
                spent[name].append(1e3 * (cpu_s(way.pids) - begun_s) / n)
    return spent


def ratio(spent: Mapping[str, list[float]], name: str, other: str) -> float:
    """Return the median over the rounds of one way's cost over another's."""
    return median(a / b for a, b in zip(spent[name], spent[other], strict=True))


def compare(n_night: int, rounds: int, n: int, n_worker: int, *, is_apart: bool) -> dict[str, Any]:
    """Compare all ways, each in a process of its own if they are to be apart."""
    from benchmarks.loader_ways import PEERS, Apart, first_pass, names, prepare, way

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, n_night)
        first_ms = [first_pass(folder, n_night) for _ in range(rounds)]
        ways = {k: (Apart if is_apart else way)(folder, k, n_night, n_worker) for k in names(n_worker)}
        spent = in_turns(ways, rounds, n)
        for apart in ways.values():
            if isinstance(apart, Apart):
                apart.close()
    ours = [name for name in spent if name.startswith("ours")]
    return {
        "cpu_ms": {name: asdict(Spread.of(values)) for name, values in spent.items()},
        "first_pass_ms": asdict(Spread.of(first_ms)),
        "over_floor": {name: ratio(spent, name, "floor") for name in ours},
        "over_own_floor": {name: ratio(spent, name, "own_floor") for name in ours},
        "over_memory_map": {name: ratio(spent, "ours", name) for name in ("memory_map", "memory_map_reused")},
        "peer_over_ours": {
            **{name: ratio(spent, name, "ours") for name in PEERS},
            **{name: ratio(spent, name, "ours_workers") for name in spent if name in _through_workers(PEERS)},
        },
    }


def _through_workers(names: Iterable[str]) -> set[str]:
    return {f"{name}_workers" for name in names}


def opening(place: str) -> dict[str, Any]:
    """Return wall time and memory of opening a set; to be called before this process has grown."""
    return {what: json.loads(run(["-c", code, place]).output) for what, code in _OPENED.items()}


def by_size(places: Mapping[int, str], rounds: int, n: int) -> dict[str, Any]:
    """Return what a window costs in sets of different numbers of recordings."""
    from benchmarks.loader_ways import of_first_night

    spent = in_turns({f"of_{k}": of_first_night(Path(place)) for k, place in places.items()}, rounds, n)
    return {
        "window_ms": {name: asdict(Spread.of(values)) for name, values in spent.items()},
        "many_over_one": ratio(spent, f"of_{max(places)}", "of_1"),
    }


_OPENED = {"shards": OPENING, "loader": LOADING}


def loader_cost(progress: Progress, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return all figures, for the evidence."""
    options = [text for name, value in parameters.items() for text in (f"--{name}", str(value))]
    found: dict[str, Any] = progress.once(
        "all ways", lambda: json.loads(run(["-m", "benchmarks.loader", *options]).output)
    )
    return found


def write_many(place: Path, n: int) -> None:
    """Write a set of one night of eight hours and n - 1 recordings of two epochs."""
    from dataclasses import replace

    from benchmarks.loader_ways import NIGHT_EPOCH, noise_night
    from benchmarks.shard_set import write_nights
    from schemas.vocabulary import Modality

    tiny = noise_night(1, 2)
    nights = [noise_night(0, NIGHT_EPOCH), *(replace(tiny, subject=f"tiny-{k}") for k in range(n - 1))]
    write_nights(place, {"train": nights}, tuple(Modality), is_summed=False)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="CPU milliseconds of a window of 120 epochs, nine modalities.")
    parser.add_argument("--nights", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--windows", type=int, default=8, help="a round and way")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--many", type=int, default=10_000, help="recordings of the largest set")
    parser.add_argument("--write", nargs=2, metavar=("FOLDER", "N"), help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.write:
        write_many(Path(args.write[0]), int(args.write[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        places = {k: f"{folder}/{k}" for k in (1, 100, args.many)}
        for k, place in places.items():
            run(["-m", "benchmarks.loader", "--write", place, str(k)])
        found = {"n_many": args.many, "opening": opening(places[args.many])}
        found |= by_size(places, args.rounds, args.windows)
    print(
        json.dumps(found | compare(args.nights, args.rounds, args.windows, args.workers, is_apart=True), indent=1)
    )


if __name__ == "__main__":
    main()

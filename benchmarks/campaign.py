"""Campaigns of damaged inputs: many cases in child processes with a limit on memory and an alarm.

A campaign module has ``trial(rng, folder) -> str``, which makes one damaged input, uses it, and says how it ended.
Everything that `trial` does not catch, a death and a hang count against the code under trial.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

MEMORY_BYTES = 2**30  # address space that a child may take on top of what its imports took
ALARM_S = 10  # seconds for one case
BATCH = 250  # cases a child
ROOT = Path(__file__).resolve().parents[1]


def run(module: str, seed: int, count: int) -> dict[int, str]:
    """Return how each case ended: as `trial` says, ``ESCAPED…`` or ``DIED…``.

    Parameters
    ----------
    module : str
        A campaign module, e.g. ``benchmarks.mutate_xml``.
    seed : int
        With the case's number it decides everything.
    count : int
        Number of cases.
    """
    return dict(
        row for first in range(0, count, BATCH) for row in _batch(module, seed, first, min(BATCH, count - first))
    )


def wrong(ended: dict[int, str]) -> dict[int, str]:
    """Return the cases that count against the code under trial."""
    return {number: how for number, how in ended.items() if how.startswith(("ESCAPED", "DIED"))}


def _batch(module: str, seed: int, first: int, count: int) -> Iterator[tuple[int, str]]:
    while count > 0:
        command = [sys.executable, "-m", "benchmarks.campaign", module, "--child", f"{seed},{first},{count}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        yield from ((number, how) for number, how in rows)
        if len(rows) < count:
            yield first + len(rows), f"DIED {done.returncode}: {done.stderr[-400:]}"
        first, count = first + len(rows) + 1, count - len(rows) - 1


def _child(module: str, seed: int, first: int, count: int) -> None:
    trial = importlib.import_module(module).trial
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY_BYTES, taken + MEMORY_BYTES))
    with tempfile.TemporaryDirectory() as folder:
        for number in range(first, first + count):
            signal.alarm(ALARM_S)
            try:
                how = trial(random.Random(f"{seed}/{number}"), Path(folder))
            except Exception as error:  # the campaign's business is to report what should not happen
                how = f"ESCAPED {type(error).__name__}: {error}"
            signal.alarm(0)
            print(json.dumps([number, how]), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="A campaign of damaged inputs.")
    parser.add_argument("module")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        _child(args.module, *map(int, args.child.split(",")))
        return
    ended = run(args.module, args.seed, args.count)
    print(json.dumps(Counter(how.split(":")[0] for how in ended.values()).most_common(), indent=0))
    sys.exit(json.dumps(wrong(ended), indent=1) if wrong(ended) else 0)


if __name__ == "__main__":
    main()

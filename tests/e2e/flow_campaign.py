"""Kill the nightly flow, or the server that shows it, and look at what they leave and what the next run does."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.synth import synthesise
from pipeline.verify import verify_store
from pipeline.write.ledger import read_ledger
from tests.prefect_server import Server, command, end, wait_for

COHORT = "synthetic"


def many_nights(root: Path, n: int, hours: float = 0.1) -> Path:
    """Make one synthetic night and give it to ``n`` subjects: many files for little work."""
    synthesise(root, recipe=COHORT, nights=1, hours=hours, seed=1)
    for path in list((root / "polysomnography").rglob("*-0001*")):
        for i in range(2, n + 1):
            os.link(path, path.with_name(path.name.replace("-0001", f"-{i:04d}")))
    return root


def stores(out: Path) -> dict[str, int]:
    """Return every published store with the time of its root document in ns."""
    return {store.stem: (store / "zarr.json").stat().st_mtime_ns for store in out.glob("*/*.zarr")}


@dataclass(frozen=True)
class Killing:
    """What a kill left, and what was wrong after the next run.

    Parameters
    ----------
    n_finished : int
        Stores that were there when nothing ran any more.
    """

    victim: str
    after_s: float
    n_finished: int
    faults: tuple[str, ...]


def kill_and_finish(server: Server, folder: Path, n: int, victim: str, seed: int, longest_s: float) -> Killing:
    """Kill the flow's processes or the server at a random moment after the first store, then run once more.

    Parameters
    ----------
    folder : Path
        Holds the download ``dl``; the output is one of this kill's own.
    n : int
        Recordings of the download.
    victim : {"flow", "server"}
        The flow is a command that was started by hand; the server is started again for the next run.
    longest_s : float
        The moment is drawn between none and this many seconds.
    """
    out = folder / f"out-{victim}-{seed}"
    arguments = ("nightly", COHORT, "--root", folder / "dl", "--out", out, "--batch-size", 3)
    after_s = random.Random(seed).uniform(0.0, longest_s)
    with command(server, folder, *arguments) as run:
        wait_for(lambda: stores(out) or run.poll() is not None)
        time.sleep(after_s)
        if victim == "server":
            server.stop()
            time.sleep(1.0)
        end(run)
    before = stores(out)
    if victim == "server":
        server.start()
    with command(server, folder, *arguments) as run:
        code = run.wait(180)
    return Killing(victim, after_s, len(before), tuple(_faults(out, n, before, code)))


def _faults(out: Path, n: int, before: dict[str, int], code: int) -> list[str]:
    after, rows = stores(out), read_ledger(out).rows
    faults = [f"the next run ended with {code}"] if code else []
    faults += [f"done twice: {key}" for key, written in before.items() if after.get(key) != written]
    faults += [f"left over: {path.name}" for path in out.rglob("*.part*")]
    faults += [
        f"{key}: {problem}" for key in after for problem in verify_store(out / COHORT / f"{key}.zarr").problems
    ]
    if not len(after) == len(rows) == n or any(row.reason for row in rows.values()):
        faults.append(f"{n} recordings, {len(after)} stores, {len(rows)} rows")
    return faults

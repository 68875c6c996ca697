"""Kill the nightly flow, or the server that shows it, and look at what they leave and what the next run does."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

from pipeline.synth import synthesise
from tests.aftermath import Aftermath, unsettled, unsound, wait_until_gone, written
from tests.prefect_server import Server, command, end, wait_for

COHORT = "synthetic"
ENDS_S = 600.0  # a run that is still there then never ends


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


def kill_and_finish(server: Server, root: Path, n_recording: int, out: Path, victim: str, seed: int) -> Aftermath:
    """Kill the flow or the server at a moment drawn over the conversion, then run once more.

    Parameters
    ----------
    root, out : Path
        The download, and the output of this kill alone.
    victim : {"flow", "server"}
        Of the flow, the process alone or its workers, too. The server comes back while the run goes on, or not
        before that has been killed as well.
    """
    draw = random.Random(f"{victim} {seed}")
    n_store, wait_s, is_all = draw.randrange(n_recording), draw.uniform(0.0, 0.5), draw.random() < 0.5
    when = f"{n_store} stores + {wait_s:.2f} s, {victim} {'and all with it' if is_all else 'alone'}"
    arguments = ("nightly", COHORT, "--root", root, "--out", out, "--batch-size", 3)
    with command(server, out.parent, *arguments) as run:
        wait_for(lambda: _is_due(out, n_store) or run.poll() is not None)
        time.sleep(wait_s)
        if victim == "flow":
            _kill(run, is_all)
            hit = written(out)
        else:
            server.stop()
            hit = written(out)
            _do_without(server, run, is_all)
    before = written(out)
    torn = unsound(out)
    with command(server, out.parent, *arguments) as run:
        code = run.wait(ENDS_S)
    after = written(out)
    redone = {key for seen in (hit, before) for key, files in seen.items() if after.get(key) != files}
    faults = (*([f"the next run ended with {code}"] if code else []), *unsettled(out, n_recording))
    return Aftermath(when, n_recording, len(hit), tuple(sorted(redone)), (*torn, *unsound(out)), faults)


def _is_due(out: Path, n_store: int) -> bool:
    """Whether so many stores are published, and the conversion has begun."""
    return len(list(out.glob("*/*.zarr"))) >= n_store and out.is_dir() and any(out.glob("*/*.zarr*"))


def _kill(run: subprocess.Popen[bytes], is_all: bool) -> None:
    (os.killpg if is_all else os.kill)(run.pid, signal.SIGKILL)
    run.wait()
    wait_until_gone(run.pid)


def _do_without(server: Server, run: subprocess.Popen[bytes], is_all: bool) -> None:
    """Bring the server back and let the run come to its end, or kill that first."""
    if is_all:
        end(run)
        server.start()
    else:
        server.start()
        run.wait(ENDS_S)

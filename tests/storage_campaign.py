"""Cut the way to the object store in the middle of a run, at drawn moments; then see what the next run does."""

from __future__ import annotations

import gc
import os
import random
import subprocess
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from pipeline.files.places import place
from pipeline.write.publish import published
from tests.aftermath import Aftermath, unsettled, unsound
from tests.object_store import BUCKET, environment_of, proxied, served, short_waits
from tests.stub_cohort import write_nights
from tests.stub_run import start

__all__ = ["MODES", "client_of", "cut"]

MODES = ("refuse", "reset", "hang")
_N_NIGHT = 8  # of a long form; the everyday one has fewer
_SLEEP_S = 0.2  # a conversion
_GIVES_UP_S = 600.0  # a run that is still there then never ends


@contextmanager
def client_of(endpoint: str) -> Iterator[None]:
    """Let this process be a client of a server; clients that know another one are forgotten."""
    with mock.patch.dict(os.environ, environment_of(endpoint)):
        _forget_clients()
        yield
        _forget_clients()


def _forget_clients() -> None:
    """Drop all clients, those of zarr with them, which leaves their connections to the garbage collector."""
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def cut(tmp: Path, mode: str, seed: int, *, n_night: int = _N_NIGHT) -> Aftermath:
    """Run, cut the way at a moment drawn from the seed, heal it or kill the run; then run again."""
    draw = random.Random(f"{mode} {seed}")
    n_begun, wait_s, cut_s = draw.randrange(n_night - 1), draw.uniform(0, 0.5), draw.uniform(0.5, 3.0)
    is_killed = draw.random() < 0.5
    log = tmp / "log"
    log.touch()
    root = write_nights(tmp / "in", {f"n{i}": f"count={log} sleep={_SLEEP_S}" for i in range(n_night)})
    with served() as server, client_of(server), proxied(server) as proxy:
        out = place(f"s3://{BUCKET}/out")
        _upload(root)
        client = environment_of(proxy.endpoint) | short_waits()
        first = start(f"s3://{BUCKET}/in", str(out), **client)
        _wait_until_begun(n_begun, log, first)
        time.sleep(wait_s)
        proxy.mode = mode
        n_finished = len(published(out))
        time.sleep(cut_s)
        if is_killed:
            first.kill()
        proxy.mode = "pass"
        first.communicate(timeout=_GIVES_UP_S)
        finished, torn, begun = published(out), unsound(out), _counts(log)
        second = start(f"s3://{BUCKET}/in", str(out), **client)
        said = second.communicate(timeout=_GIVES_UP_S)[1]
        faults = (*([f"the next run ended: {said}"] if second.returncode else []), *unsettled(out, n_night))
        redone = tuple(store.stem for store in finished if _counts(log)[store.stem] > begun[store.stem])
        when = f"{n_begun} begun + {wait_s:.2f} s, for {cut_s:.2f} s, then {'killed' if is_killed else 'healed'}"
        return Aftermath(when, n_night, n_finished, redone, (*torn, *unsound(out)), faults)


def _upload(root: Path) -> None:
    for path in root.rglob("*.edf"):
        (place(f"s3://{BUCKET}/in") / path.relative_to(root).as_posix()).write_bytes(path.read_bytes())


def _wait_until_begun(n: int, log: Path, run: subprocess.Popen[str]) -> None:
    """Wait until more than ``n`` conversions have begun."""
    while run.poll() is None and len(log.read_text().split()) <= n:
        time.sleep(0.01)


def _counts(log: Path) -> Counter[str]:
    return Counter(log.read_text().split())

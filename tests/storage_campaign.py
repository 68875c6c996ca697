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
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from pipeline.places import local_copy, place
from pipeline.verify import verify_store
from pipeline.write.ledger import read_ledger
from pipeline.write.publish import published
from schemas.vocabulary import Outcome
from tests.object_store import BUCKET, environment_of, proxied, served, short_waits
from tests.stub_cohort import write_nights
from tests.stub_run import start

__all__ = ["MODES", "Cut", "client_of", "cut"]

MODES = ("refuse", "reset", "hang")
_N_NIGHT = 8  # of a long form; the everyday one has fewer
_SLEEP_S = 0.2  # a conversion
_GIVES_UP_S = 120.0  # a run that is still there then never ends


@dataclass(frozen=True)
class Cut:
    """What was found after a run whose way was cut, and after the next one.

    Parameters
    ----------
    code : int
        How the first run ended.
    n_finished : int
        Recordings that it had brought to a store and a row.
    redone : tuple of str
        Of those, the ones that the next run converted again.
    problems : tuple of str
        Visible stores that are not sound, after either run.
    outcomes : mapping of str to int
        In the end.
    """

    code: int
    n_night: int
    n_finished: int
    redone: tuple[str, ...]
    problems: tuple[str, ...]
    outcomes: dict[str, int]

    @property
    def is_right(self) -> bool:
        """Whether nothing was lost, torn or done twice."""
        return not self.redone and not self.problems and self.outcomes == {str(Outcome.CONVERTED): self.n_night}


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


def cut(tmp: Path, mode: str, seed: int, *, n_night: int = _N_NIGHT) -> Cut:
    """Run, cut the way at a moment drawn from the seed, heal it or kill the run; then run again."""
    draw = random.Random(f"{mode} {seed}")
    log = tmp / "log"
    log.touch()
    root = write_nights(tmp / "in", {f"n{i}": f"count={log} sleep={_SLEEP_S}" for i in range(n_night)})
    with served() as server, client_of(server), proxied(server) as proxy:
        out = place(f"s3://{BUCKET}/out")
        _upload(root)
        arguments = [f"s3://{BUCKET}/in", str(out)]
        client = environment_of(proxy.endpoint) | short_waits()
        first = start(*arguments, **client)
        _wait_for_rows(draw.randrange(n_night - 1), log, first)
        time.sleep(draw.uniform(0, 0.5))
        proxy.mode = mode
        time.sleep(draw.uniform(0.5, 3.0))
        if draw.random() < 0.5:
            first.kill()
        proxy.mode = "pass"
        first.communicate(timeout=_GIVES_UP_S)
        finished = _finished(out)
        before = _problems(out)
        begun = _counts(log)
        second = start(*arguments, **client)
        second.communicate(timeout=_GIVES_UP_S)
        redone = tuple(name for name in sorted(finished) if _counts(log)[name] > begun[name])
        rows = read_ledger(out).rows.values()
        outcomes = dict(Counter(str(row.outcome) for row in rows))
        return Cut(first.returncode, n_night, len(finished), redone, (*before, *_problems(out)), outcomes)


def _upload(root: Path) -> None:
    for path in root.rglob("*.edf"):
        (place(f"s3://{BUCKET}/in") / path.relative_to(root).as_posix()).write_bytes(path.read_bytes())


def _wait_for_rows(n: int, log: Path, run: subprocess.Popen[str]) -> None:
    """Wait until more than ``n`` conversions have begun."""
    while run.poll() is None and len(log.read_text().split()) <= n:
        time.sleep(0.01)


def _counts(log: Path) -> Counter[str]:
    return Counter(log.read_text().split())


def _finished(out: Path) -> set[str]:
    rows = read_ledger(out).rows
    stored = {key for (_, key), row in rows.items() if row.store is not None}
    return stored & {path.stem for path in published(out)}


def _problems(out: Path) -> tuple[str, ...]:
    """Return what is wrong with the stores that a reader sees."""
    problems = list[str]()
    for path in published(out):
        with local_copy(path) as store:
            problems += [f"{path.stem}: {problem}" for problem in verify_store(store).problems]
    return tuple(problems)

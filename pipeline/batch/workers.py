"""Worker processes that can be killed, one job at a time each.

Unlike an executor of the standard library, a worker that dies takes only its own job with it, a job that takes
too long is ended, and no worker outlives the process that started it.
"""

from __future__ import annotations

import ctypes
import math
import multiprocessing
import os
import pickle
import resource
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from schemas.errors import WorkerDied

__all__ = ["Gone", "Worker", "in_workers"]

J = TypeVar("J")
R = TypeVar("R")

_SPAWN = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
_PR_SET_PDEATHSIG = 1  # Linux, prctl(2): the signal to get when the parent dies
_STARTING = threading.Lock()  # starting changes the environment for a moment
_PATIENCE_S = 5.0  # for a worker without a job to end by itself
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLOSC_NTHREADS")


class Gone(Enum):
    """A job without a result."""

    DIED = "its worker was killed"
    TIMED_OUT = "it took too long"


def in_workers(
    jobs: Sequence[J],
    do: Callable[[J], R],
    *,
    workers: int,
    timeout_s: float | None,
    memory_byte: int | None = None,
) -> Generator[tuple[J, R | Gone], None, None]:
    """Do every job in one of several processes; yield each with its result as it ends.

    A worker has its next job before its last result is yielded, so that it does not wait for the caller. Close the
    generator to stop early: all workers are killed, whatever they have begun.

    Parameters
    ----------
    jobs : sequence
        Picklable.
    do : callable
        Importable, or a partial of something importable; should not raise.
    workers : int
        Number of processes, at least one.
    timeout_s : float or None
        Seconds that one job may take.
    memory_byte : int, optional
        Bytes of data that a worker may have; beyond it, it sees MemoryError.

    Raises
    ------
    WorkerDied
        When a worker ends before it could take a job: no other would fare better.
    """
    pending = deque(jobs)
    crew = [Worker[J](do, memory_byte) for _ in range(min(workers, len(jobs)))]
    try:
        while crew:
            for worker in _stirring(crew):
                job, answer = worker.listen()
                if pending and not isinstance(answer, Gone):
                    worker.take(pending.popleft(), timeout_s)
                else:
                    crew.remove(worker)
                    worker.end(patience_s=0.0 if isinstance(answer, Gone) else _PATIENCE_S)
                    crew += [Worker[J](do, memory_byte)] if pending else []
                if job is not None:
                    yield job, answer
    finally:
        for worker in crew:
            worker.end()


class Worker(Generic[J]):
    """One process, and the job it is at; it has none until it says that it is ready."""

    def __init__(self, do: Callable[[J], Any], memory_byte: int | None = None) -> None:
        self.connection, other_end = _SPAWN.Pipe()
        arguments = (other_end, pickle.dumps(do), memory_byte)
        self._process = _SPAWN.Process(target=_serve, args=arguments, daemon=True)
        with _STARTING, _one_thread_each():
            self._process.start()
        other_end.close()
        self._job: J | None = None
        self._is_ready = False
        self.deadline_s = math.inf

    def answer(self, job: J, timeout_s: float | None) -> Any:
        """Do one job to its end, for a caller who has a worker of its own; the result, or how it is gone."""
        if not self._is_ready:
            self.listen()
        self.take(job, timeout_s)
        _stirring([self])
        return self.listen()[1]

    def take(self, job: J, timeout_s: float | None) -> None:
        """Start a job."""
        self._job = job
        self.deadline_s = math.inf if timeout_s is None else time.monotonic() + timeout_s
        with suppress(OSError):  # it died while idle: the next listen() finds out
            self.connection.send(job)

    def listen(self) -> tuple[J | None, Any]:
        """Return the job that ended and its result; no job when the worker has just become ready."""
        if time.monotonic() >= self.deadline_s and not self.connection.poll():
            return self._job, Gone.TIMED_OUT
        try:
            answer = self.connection.recv()
            self._is_ready = True
            return self._job, answer
        except (EOFError, OSError):
            if self._job is None:
                raise WorkerDied("a worker ended before it could begin", do="Look at its output above.") from None
            return self._job, Gone.DIED

    def kill(self) -> None:
        """Kill it while another thread may be listening to it; that one ends it."""
        self._process.kill()

    def end(self, *, patience_s: float = 0.0) -> None:
        """Let an idle worker go within its patience, kill a busy one; wait until it is gone."""
        self.connection.close()
        self._process.join(patience_s)
        self._process.kill()
        self._process.join()
        self._process.close()


def _stirring(crew: list[Worker[J]]) -> list[Worker[J]]:
    """Wait for the workers that have something to say or are overdue."""
    soonest_s = min(worker.deadline_s for worker in crew)
    patience_s = None if soonest_s == math.inf else max(0.0, soonest_s - time.monotonic())
    ready = wait([worker.connection for worker in crew], patience_s)
    return [w for w in crew if w.connection in ready or time.monotonic() >= w.deadline_s]


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Start workers with single-threaded libraries: the processes are the parallelism."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update({name: value or "1" for name, value in before.items()})
    try:
        yield
    finally:
        for name in (name for name, value in before.items() if value is None):
            del os.environ[name]


# --- in the worker -----------------------------------------------------------------------------------------


def _serve(connection: Connection[Any, Any], pickled_do: bytes, memory_byte: int | None) -> None:
    """Do jobs until the other end is closed; unpickling imports the libraries, when all is prepared."""
    _die_with_parent()
    if memory_byte is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (memory_byte, memory_byte))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    multiprocessing.set_start_method("fork", force=True)  # nothing is forked: locks then have no names to leak
    do = pickle.loads(pickled_do)
    connection.send(None)
    with suppress(EOFError, OSError):
        while True:
            connection.send(do(connection.recv()))


def _die_with_parent() -> None:
    """End at once when the parent does: the kernel sees to it on Linux, a thread everywhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_watch_parent, daemon=True).start()


def _watch_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)

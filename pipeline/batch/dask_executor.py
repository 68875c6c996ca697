"""The work of a run on a Dask cluster: the one door to Dask.

A task of the cluster hands its job to a process that the Dask worker keeps for that, so that a job that hangs can
be ended and memory has a limit, without the worker being lost. Where a worker is lost, Dask gives its tasks to
others. At most two tasks a thread are in flight, however many recordings there are.

Assumes that the workers see sources and output under the same paths, and have this package installed.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import time
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from queue import Empty, Queue
from typing import Any

import dask
from distributed import Client, LocalCluster, get_worker
from distributed.diagnostics.plugin import WorkerPlugin
from distributed.scheduler import KilledWorker

from pipeline.batch.attempt import Job
from pipeline.batch.executors import Answer, Attempt, Executor
from pipeline.batch.workers import Gone, Worker
from pipeline.write.publish import temporary_name
from schemas.errors import WorkerDied

__all__ = ["open_dask"]

_IN_FLIGHT = 2  # tasks a thread: one that is done and one that waits for it
_LOOK_S = 5.0  # between looks at how many threads the cluster has
_PATIENCE_S = 300.0  # without any worker, before the run is given up; a scheduler of a cluster may need minutes
_N_TELL, _AFTER_LOSS_S = 5, 1.0  # attempts to tell all workers something, and the pause after one
_N_START = 3  # attempts to start a cluster here
_ANSWER_S = "30s"  # for the scheduler to answer at all
_SETTINGS = {  # of a cluster that is started here
    "distributed.comm.timeouts.connect": _ANSWER_S,
    "distributed.worker.profile.enabled": False,  # it looks at every thread a hundred times a second
    "distributed.admin.system-monitor.interval": "5s",
}


@contextmanager
def open_dask(address: str, *, workers: int, memory_byte: int | None) -> Iterator[Executor]:
    """Connect to a scheduler, or start a cluster of this machine's processes where the address is ``local``.

    Raises
    ------
    WorkerDied
        When the scheduler does not answer, or no worker appears.
    """
    if address == "local":
        with (
            dask.config.set(_SETTINGS),
            _started(workers, memory_byte) as cluster,
            Client(cluster) as client,  # type: ignore[no-untyped-call]
        ):
            yield partial(_answers, client, memory_byte)
        return
    with _connected(address) as client:
        yield partial(_answers, client, memory_byte)


def _started(workers: int, memory_byte: int | None) -> LocalCluster:
    """Start a cluster, again where a worker dies before all are there: Dask gives up the whole then."""
    failure: RuntimeError | None = None
    for _ in range(_N_START):
        try:
            return LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=workers,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",  # any free port: several clusters may run on one machine
                memory_limit=memory_byte or "auto",
            )
        except RuntimeError as error:
            failure = error
    raise WorkerDied(
        "no Dask cluster can be started here", saw=f"{_N_START} attempts failed", do="Look at the output above."
    ) from failure


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    try:
        client = Client(address, timeout=_ANSWER_S)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise WorkerDied(
            "the Dask scheduler does not answer",
            saw=f"{address}, {type(error).__name__}",
            do="Start it, or give its address, e.g. tcp://host:8786.",
        ) from error
    with client:
        yield client


# --- in the process that runs ------------------------------------------------------------------------------


def _answers(
    client: Any, memory_byte: int | None, jobs: Sequence[Job], do: Attempt, *, timeout_s: float | None
) -> Generator[tuple[Job, Answer | Gone], None, None]:
    """See `pipeline.batch.executors.Executor`."""
    if not jobs:
        return
    pending, ended = deque(jobs), Queue[Any]()
    flying = dict[Any, tuple[Any, Job]]()
    crew = _Crew(do, memory_byte, _name(jobs[0]))
    threads = _Threads(client)
    _on_all_workers(partial(client.register_plugin, crew, name=crew.name))
    try:
        while pending or flying:
            while pending and len(flying) < _IN_FLIGHT * threads.count():
                future = _submit(client, crew.name, pending[0], timeout_s)
                flying[future.key] = future, pending.popleft()
                future.add_done_callback(ended.put)
            try:
                future, job = flying.pop(ended.get(timeout=_LOOK_S).key)
            except Empty:
                continue
            yield _outcome(future, job)
    finally:
        client.cancel([future for future, _ in flying.values()])
        _on_all_workers(partial(client.unregister_worker_plugin, crew.name))


def _on_all_workers(tell: Callable[[], object]) -> None:
    """Tell all workers something, again where one is lost meanwhile: Dask cuts the conversation off then."""
    for _ in range(_N_TELL):
        try:
            tell()
            return
        except OSError:
            time.sleep(_AFTER_LOSS_S)
    raise WorkerDied("workers of the Dask cluster are lost one after the other", do="Look at the scheduler's log.")


def _name(job: Job) -> str:
    """Return the crew's name: one an output, so that a new run ends what a dead one has left at work."""
    return "sleep2vec-" + hashlib.sha256(str(job.final.parent.parent).encode()).hexdigest()[:12]


def _submit(client: Any, crew: str, job: Job, timeout_s: float | None) -> Any:
    return client.submit(_do, crew, job, timeout_s, key=f"convert-{uuid.uuid4().hex}", pure=False)


def _outcome(future: Any, job: Job) -> tuple[Job, Answer | Gone]:
    """Return what a task ended with; `KilledWorker` means that every worker that took it was lost."""
    try:
        done: tuple[Job, Answer | Gone] = future.result()
    except KilledWorker:
        return job, Gone.DIED
    except Exception as error:  # its text could hold anything
        raise WorkerDied(
            "the Dask cluster lost a task for another reason than its recording",
            saw=type(error).__name__,
            do="Look at the scheduler's log, then run the same command again.",
        ) from error
    return done


class _Threads:
    """How many threads the cluster has, asked for every few seconds: workers come and go."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._count, self._asked_s, self._last_seen_s = 0, -_LOOK_S, time.monotonic()

    def count(self) -> int:
        """Return the number of threads; none for a long time ends the run."""
        now_s = time.monotonic()
        if now_s - self._asked_s >= _LOOK_S:
            self._count, self._asked_s = sum(self._client.nthreads().values()), now_s
        if self._count:
            self._last_seen_s = now_s
        elif now_s - self._last_seen_s > _PATIENCE_S:
            raise WorkerDied("the Dask cluster has no workers", do="Start some, then run the same command again.")
        return self._count


# --- in a worker of the cluster ----------------------------------------------------------------------------


def _do(crew: str, job: Job, timeout_s: float | None) -> tuple[Job, Answer | Gone]:
    """Do one job under a temporary name of this attempt's own: the job may be done twice where a worker is lost."""
    job = replace(job, temporary=job.temporary.with_name(temporary_name(job.final).name))
    plugin: Any = get_worker().plugins[crew]
    return job, plugin.answer(job, timeout_s)


@dataclass
class _Crew(WorkerPlugin):
    """The processes that a Dask worker keeps for its tasks, one a thread; they end with the run or the worker."""

    do: Attempt
    memory_byte: int | None
    name: str

    def setup(self, worker: Any) -> None:
        """Begin without processes: they are started when they are needed."""
        multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]  # may have children
        self._is_over = False
        self._idle: list[Worker[Job]] = []
        self._busy: list[Worker[Job]] = []
        if self.memory_byte is None and worker.memory_manager.memory_limit:
            self.memory_byte = worker.memory_manager.memory_limit // worker.state.nthreads

    def teardown(self, worker: Any) -> None:
        """Kill all; a task that is being done ends as if its process had died."""
        self._is_over = True
        for process in (*self._idle, *self._busy):
            process.kill()

    def answer(self, job: Job, timeout_s: float | None) -> Answer | Gone:
        """Do a job in a process of this worker."""
        if self._is_over:
            return Gone.DIED
        process = self._idle.pop() if self._idle else Worker[Job](self.do, self.memory_byte)
        self._busy.append(process)
        answer: Answer | Gone = Gone.DIED
        try:
            answer = process.answer(job, timeout_s)
        finally:
            self._busy.remove(process)
            if isinstance(answer, Gone) or self._is_over:
                process.end()
            else:
                self._idle.append(process)
        return answer

"""Where the work of a run is done: processes of this machine, or a Dask cluster.

The run loop knows only what is here. Whatever does the work, a job that takes too long is ended, one whose process
was killed is told as gone, and only the run loop publishes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from pipeline.batch.attempt import Converted, Failed, Job
from pipeline.batch.workers import Gone, in_workers
from schemas.errors import WorkerDied

__all__ = ["Answer", "Attempt", "Executor", "Processes", "open_executor"]

Answer = Converted | Failed
Attempt = Callable[[Job], Answer]


class Executor(Protocol):
    """Does jobs in parallel."""

    def __call__(
        self, jobs: Sequence[Job], do: Attempt, *, timeout_s: float | None
    ) -> Generator[tuple[Job, Answer | Gone], None, None]:
        """Yield every job with its answer as it ends.

        The job that comes back may have another temporary name than the one that was handed in. Close the generator
        to stop early: what is being done is given up.

        Raises
        ------
        WorkerDied
            When there is nobody to do the work.
        """
        ...


@dataclass(frozen=True)
class Processes:
    """Processes of this machine.

    Parameters
    ----------
    memory_byte : int, optional
        Data that one of them may have.
    """

    workers: int = 1
    memory_byte: int | None = None

    def __call__(
        self, jobs: Sequence[Job], do: Attempt, *, timeout_s: float | None
    ) -> Generator[tuple[Job, Answer | Gone], None, None]:
        """See `Executor`."""
        return in_workers(jobs, do, workers=self.workers, timeout_s=timeout_s, memory_byte=self.memory_byte)


@contextmanager
def open_executor(
    dask: str | None = None, *, workers: int = 1, memory_byte: int | None = None
) -> Iterator[Executor]:
    """Open the executor that a command line names, and close it at the end.

    Parameters
    ----------
    dask : str, optional
        Address of a Dask scheduler, or ``local`` for a cluster of ``workers`` processes that is started here.
        Without it, ``workers`` processes of our own.
    memory_byte : int, optional
        Data that one conversion may have. Dask's workers have a limit of their own, which is shared among their
        threads where this is not given.

    Raises
    ------
    WorkerDied
        When Dask is not installed, or the cluster does not answer.
    """
    if dask is None:
        yield Processes(workers, memory_byte)
        return
    try:
        from pipeline.batch.dask_executor import open_dask
    except ModuleNotFoundError as error:
        raise WorkerDied(
            "Dask is not installed", saw=f"no module {error.name}", do="Install the extra dask."
        ) from None

    with open_dask(dask, workers=workers, memory_byte=memory_byte) as executor:
        yield executor

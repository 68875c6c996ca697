"""Carry out a plan: workers write temporary stores, this process alone publishes them and writes the ledger.

A kill at any moment leaves finished stores, finished rows, and folders whose names say that they are neither.
Design: docs/adr/0005-work-and-ledger.md.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from pathlib import Path

from pipeline.batch.attempt import Converter, Failed, Job, attempt
from pipeline.batch.books import Books, Progress
from pipeline.batch.executors import Answer, Attempt, Executor, Processes
from pipeline.batch.plan import Decision, Item, Plan
from pipeline.batch.report import RunReport, write_report
from pipeline.batch.workers import Gone
from pipeline.write.ledger import LedgerWriter, read_ledger, store_path
from pipeline.write.lock import hold
from pipeline.write.publish import discard, remove_leftovers, temporary_name
from schemas.errors import OutputBusy, PsgError, RecordingTimeout, WorkerDied

__all__ = ["Progress", "RunReport", "run"]


def run(
    plan: Plan,
    convert: Converter,
    *,
    workers: int = 1,
    executor: Executor | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    timeout_s: float | None = None,
) -> RunReport:
    """Bring every recording of a plan to its outcome.

    Parameters
    ----------
    convert : callable
        Importable by its module's name: it runs in other processes.
    workers : int
        Number of processes that convert.
    executor : Executor, optional
        Where the work is done; without it, in ``workers`` processes of this machine.
    on_progress : callable, optional
        Called after each recording.
    timeout_s : float, optional
        Seconds that one recording may take; its worker is killed then.

    Raises
    ------
    OutputBusy
        When another run holds the output folder, or has written there since the plan was made.
    StorageError
        When the ledger cannot be written.
    StorageFull
        When there is no room left: what is unfinished has no outcome then, and the next run does it.
    WorkerDied
        When no worker can be started at all.
    KeyboardInterrupt
        After the workers were killed and everything unfinished was removed.
    """
    with hold(plan.out) as still_held, LedgerWriter(plan.out) as ledger:
        if read_ledger(plan.out).state != plan.ledger_state:
            raise OutputBusy("another run has written here since this plan was made", do="Start again.")
        n_leftover = remove_leftovers(plan.out)
        try:
            books = Books(plan, ledger, still_held, on_progress)
            books.exclude()
            do = partial(attempt, convert=convert, manifest=plan.manifest)
            with closing(_answers(_jobs(plan), do, executor or Processes(workers), timeout_s)) as answers:
                for job, answer in answers:
                    books.settle(job, answer)
        finally:
            remove_leftovers(plan.out)
        report = books.report(n_leftover)
        write_report(plan.out, report)
        return report


# --- jobs --------------------------------------------------------------------------------------------------


def _jobs(plan: Plan) -> list[Job]:
    return [_job(item, plan.out) for item in plan.of(Decision.CHECK, Decision.CONVERT)]


def _job(item: Item, out: Path) -> Job:
    final = store_path(out, item.source.key.cohort, item.source.key.name)
    check = item.decision is Decision.CHECK
    row = item.row
    known = (row.fingerprint, row.store.root_digest) if row and row.fingerprint and row.store else None
    return Job(item.source, item.recipe, temporary_name(final), final, check, known)


def _answers(
    jobs: list[Job], do: Attempt, executor: Executor, timeout_s: float | None
) -> Generator[tuple[Job, Answer], None, None]:
    """Do all jobs; one whose worker was killed is done once more, alone, after the others."""
    died = list[Job]()
    with closing(executor(jobs, do, timeout_s=timeout_s)) as answers:
        for job, answer in answers:
            if answer is Gone.DIED:
                died.append(job)
            else:
                yield job, _failed_if_gone(answer, timeout_s)
    for job in died:
        discard(job.temporary, job.final)
        with closing(executor([job], do, timeout_s=timeout_s)) as answers:
            for again, answer in answers:
                yield again, _failed_if_gone(answer, timeout_s)


def _failed_if_gone(answer: Answer | Gone, timeout_s: float | None) -> Answer:
    if not isinstance(answer, Gone):
        return answer
    if answer is Gone.TIMED_OUT:
        error: PsgError = RecordingTimeout(
            "took too long", expected=f"at most {timeout_s:g} s", do="Allow more time, or exclude it."
        )
    else:
        error = WorkerDied(
            "its process was killed twice, the second time with nothing else running",
            why="Most often memory ran out.",
            do="Give the machine more memory, or exclude it.",
        )
    return Failed(error.reason, str(error))

"""Carry out a plan: workers write temporary stores, this process alone publishes them and writes the ledger.

A kill at any moment leaves finished stores, finished rows, and folders whose names say that they are neither.
Design: docs/adr/0005-work-and-ledger.md.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from pipeline.batch.attempt import Converted, Converter, Failed, Job, attempt
from pipeline.batch.executors import Answer, Attempt, Executor, Processes
from pipeline.batch.patience import patiently
from pipeline.batch.plan import Decision, Item, Plan
from pipeline.batch.workers import Gone
from pipeline.write.ledger import LedgerWriter, Row, Stored, codes, now, outcome_of, read_ledger, store_path
from pipeline.write.lock import hold
from pipeline.write.publish import discard, publish, remove_leftovers, temporary_name, withdraw
from schemas.errors import OutputBusy, PsgError, RecordingTimeout, StorageError, StorageFull, WorkerDied
from schemas.recording import RecordingKey
from schemas.vocabulary import Outcome

__all__ = ["Progress", "RunReport", "run"]


@dataclass(frozen=True)
class Progress:
    """A recording has come to its end, and its row is on the disk.

    Parameters
    ----------
    n_done, n_total : int
        Of the recordings that this run has to look at.
    is_new : bool
        Whether a store was written; False also where a good one was kept.
    """

    n_done: int
    n_total: int
    row: Row
    is_new: bool


@dataclass(frozen=True)
class RunReport:
    """How a run ended.

    Parameters
    ----------
    outcomes : mapping of Outcome to int
        Of all recordings of the plan, those that were left alone among them.
    n_converted : int
        Stores that this run wrote.
    n_unchanged : int
        Stores that were good already.
    failures : mapping of str to int
        Reasons, the most frequent first.
    failed : tuple of Row
        Rows of the recordings that failed in this run.
    n_leftover : int
        Unfinished stores of dead runs that were removed.
    next_command : str
        What to type next.
    """

    outcomes: Mapping[Outcome, int]
    n_converted: int
    n_unchanged: int
    failures: Mapping[str, int]
    failed: tuple[Row, ...]
    n_leftover: int
    next_command: str


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
            books = _Books(plan, ledger, still_held, on_progress)
            books.exclude()
            do = partial(attempt, convert=convert, manifest=plan.manifest)
            with closing(_answers(_jobs(plan), do, executor or Processes(workers), timeout_s)) as answers:
                for job, answer in answers:
                    books.settle(job, answer)
        finally:
            remove_leftovers(plan.out)
        return books.report(n_leftover)


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


# --- outcomes ----------------------------------------------------------------------------------------------


@dataclass
class _Books:
    """Publishes stores, writes rows and counts; everything visible passes here."""

    plan: Plan
    ledger: LedgerWriter
    still_held: Callable[[], None]
    on_progress: Callable[[Progress], None] | None
    rows: list[Row] = field(default_factory=list)
    n_converted: int = 0

    def exclude(self) -> None:
        """Record exclusions that the ledger does not have, and take their stores away."""
        rows = list[Row]()
        for item in self.plan.of(Decision.EXCLUDE):
            key = item.source.key
            withdraw(store_path(self.plan.out, key.cohort, key.name))
            if item.row is None or (item.row.outcome, item.row.detail) != (Outcome.EXCLUDED, item.detail):
                rows.append(_row(key, Outcome.EXCLUDED, reason="excluded_by_manifest", detail=item.detail))
        if rows:
            self.ledger.append(*rows)

    def settle(self, job: Job, answer: Answer) -> None:
        """Publish a store, or drop what there is of it; then record and report."""
        self.still_held()
        if isinstance(answer, Converted) and answer.is_new:
            answer = _published(job, answer)
        if isinstance(answer, Failed):
            if answer.ends_run:
                raise StorageFull(f"the run has ended: {answer.detail}".removesuffix("."))
            discard(job.temporary, job.final)
        is_new = isinstance(answer, Converted) and answer.is_new
        row = _row_of(job, answer)
        self.ledger.append(row)
        self.rows.append(row)
        self.n_converted += is_new
        if self.on_progress:
            n_total = len(self.plan.of(Decision.CHECK, Decision.CONVERT))
            self.on_progress(Progress(len(self.rows), n_total, row, is_new))

    def report(self, n_leftover: int) -> RunReport:
        """Count what happened."""
        kept = [item.row.outcome for item in self.plan.of(Decision.KEEP) if item.row]
        excluded = [Outcome.EXCLUDED] * len(self.plan.of(Decision.EXCLUDE))
        failed = tuple(row for row in self.rows if row.outcome is Outcome.FAILED)
        out = shlex.quote(str(self.plan.out))
        return RunReport(
            outcomes=Counter(kept + excluded + [row.outcome for row in self.rows]),
            n_converted=self.n_converted,
            n_unchanged=len(kept) + len(self.rows) - len(failed) - self.n_converted,
            failures=dict(Counter(row.reason or "" for row in failed).most_common()),
            failed=failed,
            n_leftover=n_leftover,
            next_command=f"sleep2vec status {out}" if failed else f"sleep2vec verify {out}",
        )


def _published(job: Job, answer: Converted) -> Answer:
    """Give the store its name."""
    try:
        digest = patiently(partial(publish, job.temporary, job.final))
    except StorageFull:
        raise
    except StorageError as error:
        return Failed(error.reason, str(error))
    store = replace(answer.result.store, stat_digest=digest)  # an object store has times of its own
    return replace(answer, result=replace(answer.result, store=store))


def _row_of(job: Job, answer: Answer) -> Row:
    if isinstance(answer, Failed):
        return _row(
            job.source.key, Outcome.FAILED, reason=answer.reason, detail=answer.detail, took_s=answer.took_s
        )
    result = answer.result
    return _row(
        job.source.key,
        outcome_of(result.store.findings),
        fingerprint=result.fingerprint,
        sources=result.sources,
        store=Stored.of(result.store),
        findings=codes(result.store.findings),
        took_s=answer.took_s,
    )


def _row(key: RecordingKey, outcome: Outcome, **more: Any) -> Row:
    return Row(key.cohort, key.name, outcome, now(), version=metadata.version("sleep2vec"), **more)

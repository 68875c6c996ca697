"""What becomes of the answers of workers: stores get their names, rows go to the ledger, everything is counted.

Only the process that holds the output's lock is here; whatever becomes visible passes through `Books`.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib import metadata
from typing import Any

from pipeline.batch.attempt import Converted, Failed, Job
from pipeline.batch.executors import Answer
from pipeline.batch.patience import patiently
from pipeline.batch.plan import BY_MANIFEST, Decision, Plan
from pipeline.batch.report import RunReport, next_command
from pipeline.write.ledger import LedgerWriter, Row, Stored, codes, now, outcome_of, store_path
from pipeline.write.publish import discard, publish, withdraw
from schemas.errors import StorageError, StorageFull
from schemas.recording import RecordingKey
from schemas.vocabulary import Outcome

__all__ = ["Books", "Progress", "new_row"]

_LOG = logging.getLogger("sleep2vec.run")
_LOG.addHandler(logging.NullHandler())  # else Python prints warnings where nobody asked for a log


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


@dataclass
class Books:
    """Publishes stores, writes rows and counts; everything visible passes here."""

    plan: Plan
    ledger: LedgerWriter
    still_held: Callable[[], None]
    on_progress: Callable[[Progress], None] | None
    rows: list[Row] = field(default_factory=list)
    n_converted: int = 0
    started: str = field(default_factory=now)

    def __post_init__(self) -> None:
        self._begun_s = time.monotonic()
        self._n_total = len(self.plan.of(Decision.CHECK, Decision.CONVERT))
        _LOG.info("run begins", extra={"facts": {"cohort": self.plan.manifest.cohort, "n_total": self._n_total}})

    def exclude(self) -> None:
        """Record exclusions that the ledger does not have, and take their stores away."""
        rows = list[Row]()
        for item in self.plan.of(Decision.EXCLUDE):
            key = item.source.key
            withdraw(store_path(self.plan.out, key.cohort, key.name))
            if item.row is None or (item.row.outcome, item.row.detail) != (Outcome.EXCLUDED, item.detail):
                rows.append(new_row(key, Outcome.EXCLUDED, reason=BY_MANIFEST, detail=item.detail))
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
        _LOG.log(
            logging.WARNING if row.reason else logging.INFO, "recording ended", extra={"facts": _facts(row, is_new)}
        )
        if self.on_progress:
            self.on_progress(Progress(len(self.rows), self._n_total, row, is_new))

    def report(self, n_leftover: int) -> RunReport:
        """Count what happened."""
        kept = [item.row.outcome for item in self.plan.of(Decision.KEEP) if item.row]
        excluded = [Outcome.EXCLUDED] * len(self.plan.of(Decision.EXCLUDE))
        failed = tuple(row for row in self.rows if row.outcome is Outcome.FAILED)
        report = RunReport(
            outcomes=Counter(kept + excluded + [row.outcome for row in self.rows]),
            n_converted=self.n_converted,
            n_unchanged=len(kept) + len(self.rows) - len(failed) - self.n_converted,
            failures=dict(Counter(row.reason or "" for row in failed).most_common()),
            failed=failed,
            n_leftover=n_leftover,
            next_command=next_command(self.plan.out, failed),
            cohort=self.plan.manifest.cohort,
            started=self.started,
            took_s=round(time.monotonic() - self._begun_s, 3),
            worked_s=round(sum(row.took_s for row in self.rows), 3),
            findings=dict(Counter(code for row in self.rows for code in row.findings).most_common()),
        )
        _LOG.info("run ended", extra={"facts": report.counts()})
        return report


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
        return new_row(
            job.source.key, Outcome.FAILED, reason=answer.reason, detail=answer.detail, took_s=answer.took_s
        )
    result = answer.result
    return new_row(
        job.source.key,
        outcome_of(result.store.findings),
        fingerprint=result.fingerprint,
        sources=result.sources,
        store=Stored.of(result.store),
        findings=codes(result.store.findings),
        took_s=answer.took_s,
    )


def new_row(key: RecordingKey, outcome: Outcome, **more: Any) -> Row:
    """Return a row of now and of this version."""
    return Row(key.cohort, key.name, outcome, now(), version=_version(), **more)


@cache
def _version() -> str:
    return metadata.version("sleep2vec")


def _facts(row: Row, is_new: bool) -> dict[str, Any]:
    """Return what a log may say of a recording."""
    return {
        "recording": f"{row.cohort}/{row.key}",
        "outcome": row.outcome.value,
        "reason": row.reason,
        "took_s": row.took_s,
        "is_new": is_new,
        "findings": dict(row.findings),
    }

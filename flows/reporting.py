"""What people see of a run: tables of plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.conversion import Batch
    from pipeline.batch.audit import AuditReport
    from pipeline.batch.run import RunReport
    from pipeline.write.ledger import Row

__all__ = ["artifact_key", "batch_line", "failure_table", "problem_table", "report_lines", "summary_table"]

Table = list[dict[str, Any]]
_N_PROBLEM = 200  # rows that a page still shows well; the command lists all


def artifact_key(what: str, cohort: str) -> str:
    """Return a key as Prefect wants it: small letters, digits and dashes."""
    return f"{what}-{cohort}".lower().replace("_", "-")


def batch_line(batch: Batch) -> str:
    """Return one line on a batch."""
    counts = Counter(str(row.outcome) for row in batch.rows)
    told = ", ".join(f"{n} {outcome}" for outcome, n in sorted(counts.items()))
    return f"batch {batch.number}: {told} ({batch.n_done} of {batch.n_total} done)"


def report_lines(report: RunReport) -> list[str]:
    """Return what a run came to, the reasons of failures, and the next command."""
    failures = [f"failed: {n} x {reason}" for reason, n in report.failures.items()]
    done = f"{report.n_converted} written by this run, {report.n_unchanged} unchanged"
    return [done, *failures, f"next: {report.next_command}"]


def summary_table(report: RunReport) -> Table:
    """Return how many recordings ended how, and what the run did itself."""
    counts: Mapping[str, int] = {str(outcome): n for outcome, n in sorted(report.outcomes.items())}
    done = {"written by this run": report.n_converted, "unchanged": report.n_unchanged}
    left = {"unfinished stores of dead runs, removed": report.n_leftover} if report.n_leftover else {}
    return [{"recordings": what, "n": n} for what, n in (counts | done | left).items()]


def failure_table(report: RunReport) -> Table:
    """Return why recordings failed, the most frequent reason first, with an example and the next command."""
    by_reason: dict[str, list[Row]] = {}
    for row in report.failed:
        by_reason.setdefault(row.reason or "", []).append(row)
    return [
        {
            "reason": reason,
            "n": len(rows),
            "for example": rows[0].detail or rows[0].key,
            "next command": report.next_command,
        }
        for reason, rows in sorted(by_reason.items(), key=lambda item: -len(item[1]))
    ]


def problem_table(report: AuditReport) -> Table:
    """Return what verification found, as far as a page can hold it."""
    return [{"recording": found.recording, "problem": str(found.problem)} for found in report.problems[:_N_PROBLEM]]

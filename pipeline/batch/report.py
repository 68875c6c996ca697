"""The report of a run: counts, failures with what to do about them, findings and times.

Kept as Markdown for people and as JSON for programs below ``OUT/.ledger/reports``, a pair a run. Holds no text
from a source.
"""

from __future__ import annotations

import json
import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.batch.remedies import remedy
from pipeline.files.places import storage_errors
from pipeline.write.ledger import Row
from pipeline.write.lock import LEDGER_FOLDER
from schemas.findings import FINDINGS
from schemas.vocabulary import Outcome

__all__ = ["RunReport", "newest_report", "next_command", "write_report"]

_REPORTS = "reports"
_MOST_FAILED = 50  # recordings that the page for people lists


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
    started : str
        UTC, ISO 8601.
    took_s, worked_s : float
        Seconds on the clock, and seconds that all workers together spent on recordings.
    findings : mapping of str to int
        Recordings of this run with each code, the most frequent first.
    """

    outcomes: Mapping[Outcome, int]
    n_converted: int
    n_unchanged: int
    failures: Mapping[str, int]
    failed: tuple[Row, ...]
    n_leftover: int
    next_command: str
    cohort: str = ""
    started: str = ""
    took_s: float = 0.0
    worked_s: float = 0.0
    findings: Mapping[str, int] = field(default_factory=dict)

    def counts(self) -> dict[str, Any]:
        """Return what can be counted, as plain values."""
        return {
            "cohort": self.cohort,
            "started": self.started,
            "took_s": self.took_s,
            "worked_s": self.worked_s,
            "outcomes": {outcome.value: n for outcome, n in sorted(self.outcomes.items())},
            "n_converted": self.n_converted,
            "n_unchanged": self.n_unchanged,
            "n_leftover": self.n_leftover,
            "failures": dict(self.failures),
            "findings": dict(self.findings),
        }

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        failed = [
            {"recording": f"{row.cohort}/{row.key}", "reason": row.reason, "detail": row.detail}
            for row in self.failed
        ]
        return self.counts() | {"failed": failed, "next_command": self.next_command}


def next_command(out: Path, failed: Sequence[Row]) -> str:
    """Return what to type after a run."""
    name = shlex.quote(str(out))
    return f"sleep2vec quarantine list {name}" if failed else f"sleep2vec verify {name}"


def write_report(out: Path, report: RunReport) -> str:
    """Write a run's report beside the ledger; return its name.

    Raises
    ------
    StorageError
        When it cannot be written.
    """
    name = f"{report.started.replace(':', '').replace('-', '')}-{secrets.token_hex(4)}"
    folder = out / LEDGER_FOLDER / _REPORTS
    with storage_errors("the report cannot be written"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.md").write_text(_markdown(report, shlex.quote(str(out))), "utf-8")
        (folder / f"{name}.json").write_text(json.dumps(report.to_json(), indent=2) + "\n", "utf-8")
    return name


def newest_report(out: Path, *, suffix: str) -> str | None:
    """Return the text of the newest report, ``.md`` or ``.json``; None where there is none."""
    with storage_errors("the reports cannot be read"):
        paths = sorted((out / LEDGER_FOLDER / _REPORTS).glob(f"*{suffix}"), key=lambda path: path.name)
        return paths[-1].read_text("utf-8") if paths else None


# --- for people --------------------------------------------------------------------------------------------


def _markdown(report: RunReport, out: str) -> str:
    parts = [
        f"# {report.cohort}, {report.started}",
        _table(("outcome", "recordings"), [(outcome.value, n) for outcome, n in sorted(report.outcomes.items())]),
        f"{report.n_converted} stores written, {report.n_unchanged} left as they were, {report.n_leftover} "
        f"unfinished ones of dead runs removed. {_times(report)}",
        *_failures(report, out),
        *_findings(report),
        f"Next: `{report.next_command}`",
    ]
    return "\n\n".join(parts) + "\n"


def _times(report: RunReport) -> str:
    return f"Took {report.took_s:.1f} s; the workers' time adds up to {report.worked_s:.1f} s."


def _failures(report: RunReport, out: str) -> list[str]:
    if not report.failed:
        return []
    rows = [(reason, n, remedy(reason, out)) for reason, n in report.failures.items()]
    listed = [(f"{row.cohort}/{row.key}", row.reason, row.detail) for row in report.failed[:_MOST_FAILED]]
    more = len(report.failed) - len(listed)
    return [
        "## Failures",
        _table(("reason", "recordings", "next"), rows),
        _table(("recording", "reason", "detail"), listed),
        *([f"and {more} more: `sleep2vec quarantine list {out}`"] if more else []),
    ]


def _findings(report: RunReport) -> list[str]:
    if not report.findings:
        return []
    rows = [(code, n, FINDINGS[code].title, FINDINGS[code].fix) for code, n in report.findings.items()]
    return ["## Findings", _table(("code", "recordings", "what", "to do"), rows)]


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)

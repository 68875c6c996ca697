"""Verify a whole output: the ledger against the stores, every store against its specification and its source."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.batch.workers import Gone, in_workers
from pipeline.files.places import local_copy
from pipeline.verify.source import SourceFinder, compare_with_source
from pipeline.verify.store import Problem, verify_store
from pipeline.write.ledger import read_ledger, store_path
from pipeline.write.publish import n_unfinished, published
from schemas.errors import StoreIncomplete

__all__ = ["AuditReport", "StoreProblem", "audit"]


@dataclass(frozen=True)
class StoreProblem:
    """One thing that is wrong with one recording."""

    recording: str
    problem: Problem

    def __str__(self) -> str:
        return f"{self.recording}: {self.problem}"


@dataclass(frozen=True)
class AuditReport:
    """What was looked at and what is wrong with it.

    Parameters
    ----------
    n_stores, n_compared : int
        Stores that were verified, and those that were compared with their source.
    notes : tuple of str
        What an operator should know although nothing is wrong.
    """

    n_stores: int
    n_compared: int
    problems: tuple[StoreProblem, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        rows = [{"recording": p.recording, **asdict(p.problem)} for p in self.problems]
        return {"n_stores": self.n_stores, "n_compared": self.n_compared, "problems": rows, "notes": self.notes}


@dataclass(frozen=True)
class _Job:
    recording: str
    path: Path
    root_digest: str | None


def audit(
    out: Path, source_root: Path | None = None, *, workers: int = 1, only: Collection[str] | None = None
) -> AuditReport:
    """Verify every store below ``out``.

    Parameters
    ----------
    source_root : Path, optional
        A download; the recordings that were made from files below it are compared with them.
    only : collection of str, optional
        Recordings to look at, as ``cohort/key``; all without.

    Raises
    ------
    StoreIncomplete
        When there is nothing to verify.
    """
    jobs, notes = _jobs(out)
    if only is not None:
        wanted = frozenset(only)
        jobs = [job for job in jobs if job.recording in wanted]
    if not jobs:
        raise StoreIncomplete("no recording stores here", where=out.name, do="Name a folder that convert wrote to.")
    finder = SourceFinder(source_root) if source_root else None
    problems: list[StoreProblem] = []
    n_compared = 0
    with closing(in_workers(jobs, partial(_check, finder=finder), workers=workers, timeout_s=None)) as answers:
        for job, answer in answers:
            if isinstance(answer, Gone):
                lost = Problem("V1", "", "", "the process that verified it was killed", "worker_died")
                problems.append(StoreProblem(job.recording, lost))
                continue
            found, compared = answer
            problems += [StoreProblem(job.recording, problem) for problem in found]
            n_compared += compared
    if source_root and n_compared < len(jobs):
        n_left = len(jobs) - n_compared
        notes.append(f"{n_left} not compared: damaged, no source below the folder, or beyond the second reader")
    return AuditReport(len(jobs), n_compared, tuple(sorted(problems, key=str)), tuple(notes))


def _jobs(out: Path) -> tuple[list[_Job], list[str]]:
    """Return every store that is there or should be."""
    known = {store_path(out, row.cohort, row.key): row.store for row in read_ledger(out).rows.values()}
    rows = {path: store for path, store in known.items() if store}
    found = set(published(out))
    jobs = []
    for path in sorted(found | set(rows)):
        stored = rows.get(path)
        jobs.append(_Job(f"{path.parent.name}/{path.stem}", path, stored.root_digest if stored else None))
    return jobs, list(_notes(out, len(found - set(known)), len((found & set(known)) - set(rows))))


def _notes(out: Path, n_unrecorded: int, n_earlier: int) -> Iterator[str]:
    if n_earlier:
        yield f"{n_earlier} stores are of an earlier run; their recordings failed since: sleep2vec status --failed"
    if n_unrecorded:
        yield f"{n_unrecorded} stores are not in the ledger; the next convert adopts them"
    if n := n_unfinished(out):
        yield f"{n} unfinished stores of a run that goes on or was killed; the next convert removes them"


def _check(job: _Job, finder: SourceFinder | None) -> tuple[tuple[Problem, ...], bool]:
    with local_copy(job.path) as store:
        problems = verify_store(store, expected_root_digest=job.root_digest).problems
        if finder is None or problems:
            return problems, False
        return compare_with_source(store, finder)

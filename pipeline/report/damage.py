"""Stores that cannot be read: first in the list of recordings, and a number on the cohort's page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pipeline.catalog.build import Problem
from pipeline.catalog.cells import show_cells
from pipeline.files.places import storage_errors
from pipeline.report.cohort_facts import CohortFacts
from pipeline.write.ledger import store_path
from schemas.errors import PsgError

__all__ = ["with_damage"]

_COUNTED = "Stores damaged or missing"


def with_damage(out: Path, facts: CohortFacts, refused: Mapping[str, PsgError]) -> CohortFacts:
    """Return the facts of an output with what is wrong with its stores.

    Parameters
    ----------
    facts : CohortFacts
        With the stores of which the catalog could not be made.
    refused : mapping of str to PsgError
        Why other recordings, ``cohort/key``, have no page.

    Raises
    ------
    StorageError
        When the disk or the object store refuses.
    """
    pages = [Problem(recording, error.reason, error.what) for recording, error in refused.items()]
    problems = (*facts.problems, *pages)
    if not problems:
        return facts
    why = {problem.recording: (f"{_kind(out, problem)}: {problem.detail}",) for problem in problems}
    rows = [replace(row, why=why.get(f"{row.cohort}/{row.key}", row.why)) for row in facts.recordings]
    worst_first = sorted(rows, key=lambda row: f"{row.cohort}/{row.key}" not in why)
    counted = show_cells({_COUNTED: len(problems)}, small=facts.shared.small_cells)
    shared = replace(facts.shared, sizes=[*facts.shared.sizes, *counted.items()])
    return replace(facts, shared=shared, recordings=tuple(worst_first), problems=problems)


def _kind(out: Path, problem: Problem) -> str:
    with storage_errors("the store cannot be read", where=problem.recording):
        is_there = store_path(out, *problem.recording.split("/", 1)).is_dir()
    return "store damaged" if is_there else "store missing"

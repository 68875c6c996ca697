"""Persons that are in the stores under two names, found by their nights; as a file that splits are drawn with.

The file is lines of two ``cohort/subject`` with a tab between, below a title. It holds the cohorts' identifiers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from pipeline.catalog.twins import NightMarks, Twins, find_twins, night_marks
from pipeline.files.places import storage_errors
from pipeline.splits import Person
from pipeline.write.plain import read_plain
from schemas.errors import SplitInvalid
from schemas.store import ARRAY_FILE

__all__ = ["overlapping_cohorts", "read_same", "same_people", "twins_among", "with_same", "write_same"]

TITLE = "# sleep2vec same people, version 1"


def twins_among(out: Path, recordings: pl.DataFrame) -> tuple[Twins, ...]:
    """Return the recordings that are one night twice, from the stores' stages and beats.

    Parameters
    ----------
    out : Path
        What the column ``path`` counts from.
    recordings : DataFrame
        The table ``catalog``.
    """
    rows = recordings.select("recording", "path").iter_rows()
    return find_twins({name: _marks(out / path) for name, path in rows})


def _marks(store: Path) -> NightMarks:
    with storage_errors("the store cannot be read", where=store.name):
        root = json.loads((store / ARRAY_FILE).read_bytes())
        values = read_plain(store, root["consolidated_metadata"]["metadata"], ("stage", "beat_time_s"))
    return night_marks(
        values["stage"].astype(np.int8, copy=False), values["beat_time_s"].astype(np.float64, copy=False)
    )


def same_people(twins: Iterable[Twins], recordings: pl.DataFrame) -> list[tuple[str, str]]:
    """Return the pairs of persons behind twin nights, sorted; one person twice is none."""
    subject = dict(recordings.select("recording", "subject").iter_rows())
    pairs = {tuple(sorted((subject[t.one], subject[t.other]))) for t in twins}
    return sorted((one, other) for one, other in pairs if one != other)


def overlapping_cohorts(recordings: pl.DataFrame) -> list[tuple[str, str]]:
    """Return pairs of cohorts that share people, as their manifests say."""
    rows = recordings.select("cohort", "overlaps_with").unique().iter_rows()
    return sorted({(cohort, other) for cohort, others in rows for other in others or ()})


def write_same(pairs: Sequence[tuple[str, str]], path: Path) -> None:
    """Write the file of persons that are the same.

    Raises
    ------
    StorageError
        When the disk refuses.
    """
    with storage_errors("the file of same people cannot be written", where=path.name):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([TITLE, *(f"{one}\t{other}" for one, other in pairs), ""]), "utf-8")


def read_same(path: Path) -> dict[str, tuple[str, ...]]:
    """Read the file: each person, and who is the same.

    Raises
    ------
    SplitInvalid
        When it is no such file; with the line's number.
    StorageError
        When the disk refuses.
    """
    with storage_errors("the file of same people cannot be read", where=path.name):
        lines = path.read_text("utf-8", errors="replace").splitlines()
    same: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(lines, 1):
        one, _, other = line.partition("\t")
        if number == 1 and line == TITLE:
            continue
        if number == 1 or not all([*one.partition("/"), *other.partition("/")]):
            raise SplitInvalid(
                "a line is no row of a file of same people",
                where=f"{path.name}, line {number}",
                expected="cohort/subject, a tab, cohort/subject" if number > 1 else TITLE,
            )
        same[one] = (*same.get(one, ()), other)
    return same


def with_same(people: Iterable[Person], same: Mapping[str, Sequence[str]]) -> list[Person]:
    """Return the persons with what is known of their other names."""
    return [replace(person, same_as=tuple(same.get(person.subject, ()))) for person in people]

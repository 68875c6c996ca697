"""One subjects' table, indexed by the person it speaks of; of each row only what the manifest names is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pipeline.files.places import matching_files, storage_errors
from pipeline.read.source_file import open_source
from pipeline.read.subject_cells import MAX_TABLE_BYTES, numbered_rows
from pipeline.read.subject_values import fold_value
from schemas.errors import SubjectTableCorrupt
from schemas.subjects import SubjectTable

__all__ = ["LoadedTable", "Row", "load_table"]


@dataclass(frozen=True)
class Row:
    """One row: its number in the file, its visit as folded, and the text of the manifest's columns.

    ``odd`` says what is wrong with its shape; a row with more cells than the header has no text, because its values
    may stand in the wrong columns.
    """

    number: int
    visit: str
    text: Mapping[str, str]
    odd: str = ""


@dataclass(frozen=True)
class LoadedTable:
    """A table as read."""

    rule: SubjectTable
    rows: Mapping[str, Sequence[Row]]  # by folded key

    def find(self, key: str, visit: str) -> Sequence[Row]:
        """Return the rows of one key, on one visit where the table tells visits apart."""
        rows = self.rows.get(_fold_key(key, self.rule), ())
        if self.rule.visit_column is None:
            return rows
        wanted = fold_value(self.rule.visit_codes.get(visit, visit))
        return [row for row in rows if row.visit == wanted]


def load_table(root: Path, rule: SubjectTable) -> LoadedTable | None:
    """Read one table below the cohort's root; None where it is not there.

    Raises
    ------
    SubjectTableCorrupt
        When it cannot be parsed, lacks a column that joins it, or has one twice.
    """
    with storage_errors("the subjects' tables cannot be looked for"):
        paths = sorted(matching_files(root, rule.path), key=_natural)
    if not paths:
        return None
    path = paths[-1]
    with open_source(path) as file:
        data = file.read(MAX_TABLE_BYTES + 1)
    try:
        return LoadedTable(rule, _index(numbered_rows(data, path.name, rule), rule))
    except SubjectTableCorrupt as error:
        raise error.at(path.name) from None


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.as_posix())]


def _index(numbered: Iterator[tuple[int, list[str]]], rule: SubjectTable) -> dict[str, list[Row]]:
    names = _header(numbered, rule.header_rows)
    key = _needed(names, rule.key, "key column", "Correct subjects.tables.key, or the delimiter, in the manifest.")
    visit = _needed(names, rule.visit_column, "visit column") if rule.visit_column else None
    where = {
        _needed(names, column, "column of 'where'"): {fold_value(value) for value in values}
        for column, values in rule.where.items()
    }
    places = {
        field: {name: place for name in column.columns if (place := _place(names, name)) is not None}
        for field, column in rule.columns.items()
    }
    rows: dict[str, list[Row]] = {}
    for number, cells in numbered:
        filled = [*cells, *[""] * (len(names) - len(cells))]
        if not filled[key] or any(fold_value(filled[place]) not in values for place, values in where.items()):
            continue
        odd, text = _shape(len(names), cells), {}
        if not odd or len(cells) < len(names):
            text = {name: filled[place] for field in places.values() for name, place in field.items()}
        of_visit = fold_value(filled[visit]) if visit is not None else ""
        rows.setdefault(_fold_key(filled[key], rule), []).append(Row(number, of_visit, text, odd))
    return rows


def _shape(n_column: int, cells: Sequence[str]) -> str:
    """Return what is odd about the number of cells, or nothing; blanks at the end are no cells."""
    if any(cells[n_column:]):
        return f"{len(cells)} cells below {n_column} columns"
    return f"ends after {len(cells)} of {n_column} cells" if len(cells) < n_column else ""


def _header(numbered: Iterator[tuple[int, list[str]]], n_row: int) -> list[str]:
    """Return the columns' names; of two header rows the upper one's names reach as far right as the next."""
    rows = [[" ".join(name.split()) for name in cells] for _, cells in islice(numbered, n_row)]
    if len(rows) < 2:
        return rows[0] if rows else []
    upper, lower = rows
    group, names = "", []
    for place, name in enumerate(lower):
        group = (upper[place] if place < len(upper) else "") or group
        names.append(f"{group} / {name}" if group else name)
    return names


def _needed(names: Sequence[str], wanted: str, what: str, do: str | None = None) -> int:
    place = _place(names, wanted)
    if place is None:
        raise SubjectTableCorrupt(
            f"the subjects' table has no {what}", saw=f"{len(names)} other columns", expected=repr(wanted), do=do
        )
    return place


def _place(names: Sequence[str], wanted: str) -> int | None:
    """Return the place of a column; case matters only where both spellings exist, groups only where two have it.

    Raises
    ------
    SubjectTableCorrupt
        When two columns have the name: which one is meant nobody can tell.
    """
    lower = [name.rpartition(" / ")[2] for name in names]
    for spelt, sought in (
        (list(names), wanted),
        (lower, wanted),
        ([name.casefold() for name in names], wanted.casefold()),
        ([name.casefold() for name in lower], wanted.casefold()),
    ):
        if spelt.count(sought) > 1:
            raise SubjectTableCorrupt(
                "the subjects' table has a column twice", saw=repr(wanted), expected="each name once"
            )
        if sought in spelt:
            return spelt.index(sought)
    return None


def _fold_key(text: str, rule: SubjectTable) -> str:
    text = text.strip()
    match rule.key_format:
        case "integer":
            return fold_value(text)
        case "upper":
            return text.upper()
        case "lower":
            return text.lower()
        case _:
            return text

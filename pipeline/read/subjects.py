"""Read the cohort's tables of subjects: age, sex, site and the like, for each recording.

Tables are read once, and of each row only what the manifest names is kept. A value without a meaning is unknown and
a finding, and is never repeated in it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.places import matching_files, storage_errors
from pipeline.read.source_file import open_source
from pipeline.read.subject_values import MAX_AGE, fold_value, meaning_of
from schemas.errors import SubjectTableCorrupt
from schemas.findings import Finding, finding
from schemas.manifest import SubjectRule, SubjectTable
from schemas.recording import SubjectFields
from schemas.vocabulary import Sex

__all__ = ["Subjects", "load_subjects"]

MAX_TABLE_BYTES = 2**30


@dataclass(frozen=True)
class _Row:
    visit: str
    text: Mapping[str, str]  # by subject field


@dataclass(frozen=True)
class _Table:
    rule: SubjectTable
    rows: Mapping[str, Sequence[_Row]]  # by subject

    def find(self, subject: str, visit: str) -> Sequence[_Row]:
        rows = self.rows.get(_key(subject, self.rule), ())
        if self.rule.visit_column is None:
            return rows
        wanted = fold_value(self.rule.visit_codes.get(visit, visit))
        return [row for row in rows if row.visit == wanted]


class Subjects:
    """What the tables say, by subject and visit; made by `load_subjects`, cheap to ask."""

    def __init__(self, rule: SubjectRule | None, tables: Sequence[_Table | None]) -> None:
        self._rules = rule.tables if rule else ()
        self._tables = tuple(tables)

    def fields(
        self, subject: str, visit: str = "", site: str | None = None
    ) -> tuple[SubjectFields, tuple[Finding, ...]]:
        """Return the fields of one subject on one visit.

        Parameters
        ----------
        subject, visit : str
            As the layout names them.
        site : str, optional
            The manifest's site, used where no table knows one.

        Returns
        -------
        fields : SubjectFields
            A field comes from the first table that knows it.
        findings : tuple of Finding
        """
        applicable = [
            table
            for rule, table in zip(self._rules, self._tables, strict=True)
            if not rule.visits or visit in rule.visits
        ]
        tables = [table for table in applicable if table is not None]
        values: dict[str, float | str] = {}
        found: list[Finding] = []
        if applicable and not tables:
            found.append(finding("PSG-M004", f"none of {len(applicable)} subjects' tables is there"))
        matches = [(table, rows) for table in tables if (rows := table.find(subject, visit))]
        if tables and not matches:
            found.append(finding("PSG-M001", f"no row in {len(tables)} subjects' tables"))
        for table, rows in matches:
            if len(rows) > 1:
                found.append(finding("PSG-M003", f"{len(rows)} rows in {table.rule.path}"))
            found += _take(values, table.rule, rows[0])
        return _assemble(values, site), tuple(found)


def load_subjects(root: Path, rule: SubjectRule | None) -> Subjects:
    """Read every table of the manifest below the cohort's root.

    A table that is not there is no error: `Subjects.fields` says so. Where several files match, the last one in
    natural order is read (release 0.21.0 after 0.9.0).

    Raises
    ------
    SubjectTableCorrupt
        When a table cannot be parsed or lacks its key column.
    """
    return Subjects(rule, [_load(root, table) for table in rule.tables] if rule else [])


def _load(root: Path, rule: SubjectTable) -> _Table | None:
    with storage_errors("the subjects' tables cannot be looked for"):
        paths = sorted(matching_files(root, rule.path), key=_natural)
    if not paths:
        return None
    path = paths[-1]
    with open_source(path) as file:
        data = file.read(MAX_TABLE_BYTES + 1)
    try:
        if len(data) > MAX_TABLE_BYTES:
            raise csv.Error
        return _Table(
            rule, _rows(csv.reader(io.StringIO(_decode(data, rule), newline=""), delimiter=rule.delimiter), rule)
        )
    except csv.Error:
        raise SubjectTableCorrupt(
            "the subjects' table cannot be parsed", expected="delimited text", where=path.name
        ) from None
    except SubjectTableCorrupt as error:
        raise error.at(path.name) from None


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.as_posix())]


def _decode(data: bytes, rule: SubjectTable) -> str:
    """Return the text: UTF-16 by its mark, UTF-8 where it is, else as the manifest says, else Latin-1."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    for encoding in ("utf-8-sig", rule.encoding):
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("latin-1")


def _rows(reader: Iterator[list[str]], rule: SubjectTable) -> dict[str, list[_Row]]:
    header = [" ".join(name.split()) for name in next(reader, [])]
    key = _column(header, (rule.key,))
    if key is None:
        raise SubjectTableCorrupt(
            "the subjects' table has no key column",
            saw=f"{len(header)} other columns",
            expected=repr(rule.key),
            do="Correct subjects.tables.key, or the delimiter, in the manifest.",
        )
    visit = _column(header, (rule.visit_column,)) if rule.visit_column else None
    if rule.visit_column and visit is None:
        raise SubjectTableCorrupt("the subjects' table has no visit column", expected=repr(rule.visit_column))
    wanted = {name: _column(header, column.columns) for name, column in rule.fields.items()}
    present = {name: index for name, index in wanted.items() if index is not None}
    rows: dict[str, list[_Row]] = {}
    for cells in reader:
        if len(cells) <= key or not cells[key].strip():
            continue
        text = {name: cells[index].strip() for name, index in present.items() if index < len(cells)}
        of_visit = fold_value(cells[visit]) if visit is not None and visit < len(cells) else ""
        rows.setdefault(_key(cells[key], rule), []).append(_Row(of_visit, text))
    return rows


def _column(header: Sequence[str], names: Sequence[str]) -> int | None:
    """Return the place of the first name that the header has; case matters only where both spellings exist."""
    folded = [name.casefold() for name in header]
    for name in names:
        if name in header:
            return header.index(name)
        if name.casefold() in folded:
            return folded.index(name.casefold())
    return None


def _key(text: str, rule: SubjectTable) -> str:
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


def _take(values: dict[str, float | str], rule: SubjectTable, row: _Row) -> list[Finding]:
    """Add the fields of one row that are not known yet."""
    found = []
    for name, column in rule.fields.items():
        text = row.text.get(name)
        if text is None or name in values or fold_value(text) in {fold_value(m) for m in column.missing}:
            continue
        value = meaning_of(name, column, text)
        if value is None:
            found.append(finding("PSG-M002", f"{name} of this subject has a value without a meaning"))
        elif value != Sex.UNKNOWN:
            values[name] = value
    return found


def _assemble(values: Mapping[str, float | str], site: str | None) -> SubjectFields:
    def number(name: str) -> float | None:
        value = values.get(name)
        return float(value) if value is not None else None

    def text(name: str) -> str | None:
        value = values.get(name)
        return None if value is None else str(value)

    age = number("age_years")
    return SubjectFields(
        age_years=age,
        age_top_coded=age is not None and age > MAX_AGE,
        sex=text("sex") or Sex.UNKNOWN.value,
        site=text("site") or site,
        family=text("family"),
        bmi=number("bmi"),
        in_bed_start_s=number("in_bed_start"),
        in_bed_end_s=number("in_bed_end"),
    )

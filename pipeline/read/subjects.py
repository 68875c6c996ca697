"""What the cohort's tables say of each recording's person: age, sex, site, history and the like.

Tables are read once. A value without a meaning is unknown and a finding that names the row, and is never repeated
in it. Where rows or tables contradict each other, nothing is chosen silently.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pipeline.files.layout import fill
from pipeline.read.subject_tables import LoadedTable, Row, load_table
from pipeline.read.subject_values import MAX_AGE, TOP_CODE, fold_value, is_missing, meaning_of
from schemas.findings import Finding, finding
from schemas.recording import SubjectFields
from schemas.subjects import Column, History, SubjectRule, SubjectTable
from schemas.vocabulary import Sex

__all__ = ["Subjects", "load_subjects"]

MAX_AGE_DIFFERENCE_YEARS = 1.5  # tables may round differently, or give the age at an interview
Value = float | str


class Subjects:
    """What the tables say, by subject and visit; made by `load_subjects`, cheap to ask."""

    def __init__(self, rule: SubjectRule | None, tables: Sequence[LoadedTable | None]) -> None:
        self._rules = rule.tables if rule else ()
        self._tables = tuple(tables)

    def fields(
        self, subject: str, visit: str = "", site: str | None = None, path: Mapping[str, str] | None = None
    ) -> tuple[SubjectFields, tuple[Finding, ...]]:
        """Return the fields of one subject on one visit.

        Parameters
        ----------
        subject, visit : str
            As the layout names them.
        site : str, optional
            The manifest's site, used where no table knows one.
        path : mapping of str to str, optional
            Fields that the layout found in the path.

        Returns
        -------
        fields : SubjectFields
            A field comes from the first table that knows it.
        findings : tuple of Finding
        """
        names = {**(path or {}), "subject": subject, "visit": visit}
        applicable = [
            (rule, table) for rule, table in zip(self._rules, self._tables, strict=True) if _applies(rule, names)
        ]
        known = _Known()
        n_there = n_match = 0
        for _, table in applicable:
            if table is None:
                continue
            n_there += 1
            asked = {**names, "subject": str(known.values.get("subject", subject))}
            if rows := table.find(fill(table.rule.match, asked), visit):
                n_match += 1
                known.take(table.rule, rows)
        found = known.findings
        if applicable and not n_there:
            found.insert(0, finding("PSG-M004", f"none of {len(applicable)} subjects' tables is there"))
        elif n_there and not n_match:
            found.insert(0, finding("PSG-M001", f"no row in {n_there} subjects' tables"))
        return _assemble(known.values, (rule for rule, _ in applicable), site), tuple(found)


def load_subjects(root: Path, rule: SubjectRule | None) -> Subjects:
    """Read every table of the manifest below the cohort's root.

    A table that is not there is no error: `Subjects.fields` says so. Where several files match, the last one in
    natural order is read (release 0.21.0 after 0.9.0).

    Raises
    ------
    SubjectTableCorrupt
        When a table cannot be parsed or lacks its key column.
    """
    return Subjects(rule, [load_table(root, table) for table in rule.tables] if rule else [])


def _applies(rule: SubjectTable, names: Mapping[str, str]) -> bool:
    """Whether a table is asked about a recording with these fields."""
    if rule.visits and names["visit"] not in rule.visits:
        return False
    same = all(names.get(name) == value for name, value in rule.when.items())
    return same and rule.match_fields <= set(names)


class _Known:
    """What is known of one person so far, and the remarks about it."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}
        self.findings: list[Finding] = []

    def take(self, rule: SubjectTable, rows: Sequence[Row]) -> None:
        """Add what the rows of one table say."""
        for row in rows:
            if row.odd:
                self._remark("PSG-M006", rule, [row], row.odd)
        for name, column in rule.columns.items():
            value, is_odd = _value(name, column, _merged(column, rows))
            if is_odd:
                self._remark("PSG-M002", rule, rows, f"{name} has a value without a meaning")
            if value is not None and value != Sex.UNKNOWN:
                self._add(name, value, rule, rows)
        if len(rows) > 1:
            torn = [name for name, column in rule.columns.items() if _differs(column, rows)]
            told = f"they differ in {', '.join(torn)}, which is unknown" if torn else "they agree"
            self._remark("PSG-M003", rule, rows, told)

    def _add(self, name: str, value: Value, rule: SubjectTable, rows: Sequence[Row]) -> None:
        known = self.values.setdefault(name, value)
        if known == value or name not in ("sex", "age_years"):
            return
        if name == "sex" or abs(float(known) - float(value)) > MAX_AGE_DIFFERENCE_YEARS:
            self._remark("PSG-M007", rule, rows, f"{name} is another one than in the tables before, which stand")

    def _remark(self, code: str, rule: SubjectTable, rows: Sequence[Row], text: str) -> None:
        numbers = " and ".join(str(row.number) for row in rows)
        self.findings.append(finding(code, f"row{'s' if len(rows) > 1 else ''} {numbers} of {rule.path}: {text}"))


def _filled(column: Column, name: str, rows: Sequence[Row]) -> list[str]:
    """Return what the rows have in one column of the table, blanks left out, each value once."""
    texts = {fold_value(t): t for row in reversed(rows) if not is_missing(t := row.text.get(name, ""), column)}
    return list(texts.values())


def _differs(column: Column, rows: Sequence[Row]) -> bool:
    return any(len(_filled(column, name, rows)) > 1 for name in column.columns)


def _merged(column: Column, rows: Sequence[Row]) -> Mapping[str, str]:
    """Return what the rows say together; a blank contradicts nothing, two values are no value."""
    if len(rows) == 1:
        return rows[0].text
    if _differs(column, rows):
        return {}
    return {name: next(iter(_filled(column, name, rows)), "") for name in column.columns if name in rows[0].text}


def _value(name: str, column: Column, row: Mapping[str, str]) -> tuple[Value | None, bool]:
    """Return what a row says of one field, and whether something in it has no meaning."""
    texts = [row[c] for c in column.columns if c in row and not is_missing(row[c], column)]
    if column.combine == "any":
        return _any(name, column, row, texts)
    if not texts:
        return None, False
    value = meaning_of(name, column, texts[0])
    return value, value is None


def _any(name: str, column: Column, row: Mapping[str, str], texts: Sequence[str]) -> tuple[Value | None, bool]:
    """Return ``yes`` where a column says so; ``no`` where every column that the table has says that."""
    meanings = [meaning_of(name, column, text) for text in texts]
    if History.YES in meanings:
        return History.YES.value, False
    all_say_no = set(meanings) == {History.NO} and len(meanings) == sum(c in row for c in column.columns)
    return (History.NO.value if all_say_no else None), None in meanings


def _assemble(values: Mapping[str, Value], rules: Iterable[SubjectTable], site: str | None) -> SubjectFields:
    def number(name: str) -> float | None:
        value = values.get(name)
        return float(value) if value is not None else None

    def text(name: str) -> str | None:
        value = values.get(name)
        return None if value is None else str(value)

    age = number("age_years")
    if values.get("age_over_89") == History.YES and (age is None or age >= MAX_AGE):
        age = TOP_CODE
    conditions = sorted({name for rule in rules for name in rule.history})
    return SubjectFields(
        subject=text("subject"),
        family=text("family"),
        age_years=age,
        age_top_coded=age is not None and age > MAX_AGE,
        sex=text("sex") or Sex.UNKNOWN.value,
        race=text("race") or "unknown",
        ethnicity=text("ethnicity") or "unknown",
        site=text("site") or site,
        bmi=number("bmi"),
        study_type=text("study_type"),
        history={name: text(f"history.{name}") or History.UNKNOWN.value for name in conditions},
        indices={
            name.removeprefix("indices."): float(value)
            for name, value in sorted(values.items())
            if name.startswith("indices.")
        },
        in_bed_start_s=number("in_bed_start"),
        in_bed_end_s=number("in_bed_end"),
    )

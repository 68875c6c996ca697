"""Read stages and events from a table of text or a spreadsheet whose columns the manifest names.

Serves every vendor's and clinic's export, BIDS ``events.tsv`` among them. Assumptions: one line an epoch or an
event; times of day without a date lie within half a day of the line before.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.read.clock import DAY_S, clock_s, elapsed_s, number, unwrap_clock
from pipeline.read.scoring_rows import Row, read_rows
from pipeline.read.stage_words import STAGE_WORDS, stages_and_events
from pipeline.read.timed_text import TimedText, annotate
from pipeline.scoring.stages import stage_table
from schemas.errors import AnnotationCorrupt
from schemas.event_terms import fold_term
from schemas.findings import Finding
from schemas.hypnogram import Annotations
from schemas.scoring_rules import AnnotationRule, ColumnName, TableRule

__all__ = ["read_table"]

_SECONDS = {"s": 1.0, "ms": 0.001, "min": 60.0}  # of one unit
_BLANK = frozenset({"", "n/a", "na", "nan", "none", "null", ".", "-"})


def read_table(path: Path, rule: AnnotationRule) -> tuple[Annotations, tuple[Finding, ...]]:
    """Read a scoring from a table.

    Parameters
    ----------
    path : Path
        Text, or a spreadsheet by its suffix (``.xlsx``, ``.xls``).
    rule : AnnotationRule
        The manifest's annotation section, with its ``table``.

    Returns
    -------
    annotations : Annotations
        Times count from recording start; with times of day, from the first one (``clock_start_s``).
    findings : tuple of Finding

    Raises
    ------
    SourceMissing, StorageError
        When the file cannot be opened; when the disk fails.
    AnnotationCorrupt
        When it is no such table, or a stage has no readable time.
    EpochLengthUnexpected
        As `pipeline.scoring.stages.score_stages`.
    """
    assert rule.table is not None  # the manifest's model sees to it
    rows, found = read_rows(path, rule.table)
    cells = _Cells(rule.table, rule.epoch_s, *_below_heading(rows, rule.table))
    onset_s, clock_start_s = cells.onsets()
    is_clocked = clock_start_s is not None
    table = stage_table(STAGE_WORDS, rule)
    stages = list(cells.stages(onset_s))
    more_stages, events = stages_and_events(cells.texts(onset_s), table)
    stages += more_stages
    result, more = annotate(stages, events, table, rule, clock_start_s=clock_start_s, is_clocked=is_clocked)
    return result, (*found, *more)


def _below_heading(rows: Sequence[Row], table: TableRule) -> tuple[Sequence[Row], dict[ColumnName, int]]:
    """Return the rows under the heading, and where each column lies, from 0 (negative: from the end)."""
    position: dict[ColumnName, int] = {c: c - (c > 0) for c in table.columns if isinstance(c, int)}
    names = [c for c in table.columns if isinstance(c, str)]
    if not names:
        return rows, position
    first = next((k for k, row in enumerate(rows) if any(cell.strip() for cell in row)), len(rows))
    heading = [fold_term(cell) for cell in rows[first]] if first < len(rows) else []
    for name in names:
        if fold_term(name) not in heading:
            raise AnnotationCorrupt(
                f"the scoring has no column {name!r}",
                saw=f"{len(heading)} columns in the heading",
                expected=", ".join(map(str, names)),
                do="Check annotations.table in the manifest: delimiter, skip_lines, names of columns.",
            )
        position[name] = heading.index(fold_term(name))
    return rows[first + 1 :], position


@dataclass(frozen=True)
class _Cells:
    """The rows of one scoring, asked by what the manifest calls their columns."""

    table: TableRule
    epoch_s: int
    rows: Sequence[Row]
    position: Mapping[ColumnName, int]

    def cell(self, row: Row, column: ColumnName | None) -> str:
        """Return one cell, blank where there is none."""
        if column is None:
            return ""
        position = self.position[column]
        if position < 0 and len(row) + position in self.position.values():
            return ""  # the line ends with another column: this one is left out
        text = row[position].strip() if -len(row) <= position < len(row) else ""
        return "" if text.casefold() in _BLANK else text

    def onsets(self) -> tuple[list[float], float | None]:
        """Return when each row begins, in seconds, and the time of day that they count from, if they have one."""
        table = self.table
        if table.epoch is not None:
            numbers = (number(self.cell(row, table.epoch)) for row in self.rows)
            return [(n - table.first_epoch) * self.epoch_s for n in numbers], None
        if table.onset is None:
            return [float(k * self.epoch_s) for k in range(len(self.rows))], None
        times = [self.time(self.cell(row, table.onset), table.onset_unit) for row in self.rows]
        if table.onset_unit != "clock":
            return times, None
        clock_start_s, onset_s = unwrap_clock(times)
        return onset_s, clock_start_s

    def time(self, text: str, unit: str) -> float:
        """Return seconds, NaN where the text is no time."""
        if unit == "clock":
            return clock_s(text)
        return elapsed_s(text) if unit == "elapsed" else number(text, self.table.decimal) * _SECONDS[unit]

    def duration(self, row: Row, onset_s: float) -> float | None:
        """Return how long a row's stage or event lasts, None where nothing is written."""
        table = self.table
        if text := self.cell(row, table.duration):
            return self.time(text, table.duration_unit)
        if not (text := self.cell(row, table.end)):
            return None
        end_s = self.time(text, table.onset_unit)
        if table.onset_unit == "clock":
            return (end_s - self.time(self.cell(row, table.onset), "clock")) % DAY_S
        return end_s - onset_s

    def stages(self, onset_s: Sequence[float]) -> Iterator[TimedText]:
        """Yield the column of stages."""
        for row, begin_s in self.timed(onset_s):
            if text := self.cell(row, self.table.stage):
                yield TimedText(begin_s, self.stage_duration(row, begin_s), text)

    def stage_duration(self, row: Row, onset_s: float) -> float | None:
        """Return a stage's duration: one epoch where the rows are epochs and say nothing else."""
        said = self.duration(row, onset_s) or None
        return float(self.epoch_s) if said is None and self.table.onset is None else said

    def texts(self, onset_s: Sequence[float]) -> Iterator[TimedText]:
        """Yield the columns of texts, events and stages alike."""
        for row, begin_s in self.timed(onset_s):
            text = " ".join(filter(None, (self.cell(row, column) for column in self.table.text)))
            if text:
                term, said = self.parse(text)
                duration_s = self.stage_duration(row, begin_s) if said is None else said
                yield TimedText(begin_s, duration_s, term, self.cell(row, self.table.channel))

    def timed(self, onset_s: Sequence[float]) -> Iterator[tuple[Row, float]]:
        """Yield rows with their onset, without the heading of a table whose columns go by position."""
        rows = zip(self.rows, onset_s, strict=True)
        for k, (row, begin_s) in enumerate(rows):
            is_heading = k == 0 and math.isnan(begin_s) and all(isinstance(c, int) for c in self.table.columns)
            if not is_heading:
                yield row, begin_s

    def parse(self, text: str) -> tuple[str, float | None]:
        """Return a text's term, and its duration in seconds where a pattern finds one."""
        for pattern in self.table.patterns:
            if match := re.fullmatch(pattern, text):
                found = match.groupdict()
                term = " - ".join(filter(None, (found["term"], found.get("kind"))))
                seconds = found.get("duration")
                return term.strip(), None if seconds is None else number(seconds, self.table.decimal)
        return text, None

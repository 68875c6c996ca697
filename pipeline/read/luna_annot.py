"""Read Luna's ``.annot``: one interval a line, in any of its notations of time.

Columns are those of 6, 4 or 3: class, instance, channel, start, stop, meta; class, instance, start, stop; class,
start, stop. Only the class says what was scored; instance and meta are not read.

Source: https://zzz.bwh.harvard.edu/luna/ref/annotations/
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.read.clock import DAY_S, clock_s, elapsed_s, number, unwrap_clock
from pipeline.read.stage_words import STAGE_WORDS, stages_and_events
from pipeline.read.text_file import read_text
from pipeline.read.timed_text import TimedText, annotate
from pipeline.scoring.stages import stage_table
from schemas.errors import AnnotationCorrupt
from schemas.findings import Finding
from schemas.hypnogram import Annotations
from schemas.scoring_rules import AnnotationRule

__all__ = ["read_luna_annot"]

_COLUMNS = {
    6: (0, 2, 3, 4),
    4: (0, None, 2, 3),
    3: (0, None, 1, 2),
}  # number of columns: class, channel, start, stop
_ELAPSED = "0+"
_DEFAULT_EPOCH_S = 30.0


@dataclass(frozen=True)
class _Line:
    label: str
    channel: str
    start: str
    stop: str

    @property
    def is_clocked(self) -> bool:
        """Whether the start is a time of day."""
        return ":" in self.start and not self.start.startswith((_ELAPSED, "e"))


def read_luna_annot(path: Path, rule: AnnotationRule) -> tuple[Annotations, tuple[Finding, ...]]:
    """Read one file.

    Parameters
    ----------
    path : Path
        Text.
    rule : AnnotationRule
        The manifest's annotation section.

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
        When a line has another number of columns, or times of day and seconds are mixed.
    """
    text, found = read_text(path)
    lines = list(_lines(text))
    is_clocked = bool(lines) and lines[0].is_clocked
    if any(line.is_clocked != is_clocked for line in lines):
        raise _corrupt("it mixes times of day with seconds", expected="one of them in a whole file")
    clock_start_s = None
    if is_clocked:
        clock_start_s, onset_s = unwrap_clock(clock_s(line.start) for line in lines)
    else:
        onset_s = [_span(line.start)[0] for line in lines]
    table = stage_table(STAGE_WORDS, rule)
    stages, events = stages_and_events(_timed(lines, onset_s), table)
    result, more = annotate(stages, events, table, rule, clock_start_s=clock_start_s, is_clocked=is_clocked)
    return result, (*found, *more)


def _lines(text: str) -> Iterator[_Line]:
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split("\t")] if "\t" in line else line.split()
        if len(cells) not in _COLUMNS:
            raise _corrupt("a line has another number of columns", saw=len(cells), expected="6, 4 or 3")
        label, channel, start, stop = _COLUMNS[len(cells)]
        if cells[start] != "start":  # the heading
            yield _Line(cells[label], _word(cells[channel]) if channel else "", cells[start], cells[stop])


def _word(text: str) -> str:
    return "" if text == "." else text


def _timed(lines: Sequence[_Line], onset_s: Sequence[float]) -> Iterator[TimedText]:
    for k, (line, begin_s) in enumerate(zip(lines, onset_s, strict=True)):
        if line.stop == "...":  # until the next line begins
            duration_s = onset_s[k + 1] - begin_s if k + 1 < len(lines) else None
        elif line.stop == ".":
            duration_s = _span(line.start)[1] or None
        elif line.stop.startswith("+"):
            duration_s = number(line.stop)
        elif line.is_clocked:
            duration_s = (clock_s(line.stop) - clock_s(line.start)) % DAY_S
        else:
            stop_s, length_s = _span(line.stop)
            duration_s = stop_s + length_s - begin_s
        yield TimedText(begin_s, duration_s, line.label, line.channel)


def _span(text: str) -> tuple[float, float]:
    """Return start and length of a time that counts from the recording's start, in seconds; 0 of an instant."""
    if text.startswith(_ELAPSED):
        return elapsed_s(text.removeprefix(_ELAPSED)), 0.0
    if not text.startswith("e:"):
        return number(text), 0.0
    parts = [number(part) for part in text.split(":")[1:]]
    if not 1 <= len(parts) <= 3:
        return math.nan, math.nan
    length_s = parts[1] if len(parts) > 1 else _DEFAULT_EPOCH_S
    step_s = parts[2] if len(parts) > 2 else length_s
    return (parts[0] - 1) * step_s, length_s


def _corrupt(what: str, *, saw: object = None, expected: object = None) -> AnnotationCorrupt:
    return AnnotationCorrupt(
        f"annotation file cannot be used, {what}",
        saw=saw,
        expected=expected,
        do="Download it again, or exclude the recording.",
    )

"""Beats as the National Sleep Research Resource publishes them: ``annotations-rpoints/*-rpoint.csv``.

One row a beat. Of its many columns two things matter: what the beat is (``Type``), and when it was. ``RPoint`` and
most other sample numbers count at 256 Hz whatever the rate of the ECG; so time comes from ``seconds``, or from
``rpointadj`` (samples of the ECG as published) and ``samplingrate``. Where a file has both they must agree.

Source: SHHS documentation, page *HRV analysis* (sleepdata.org/datasets/shhs/pages/13-hrv-analysis.md).
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.read.source_file import open_source
from schemas.errors import AnnotationCorrupt

__all__ = ["RPointType", "RPoints", "read_rpoints"]

_MAX_BYTES = 2**28  # a night of 12 h at 200 beats a minute has 2**24
_SECOND_CLOCK = ("rpointadj", "samplingrate")
_AGREE_S = 0.02  # two samples of the slowest ECG, 100 Hz: both columns are rounded


class RPointType(IntEnum):
    """What a row of the file marks."""

    ARTIFACT = 0
    SINUS = 1
    VENTRICULAR = 2
    SUPRAVENTRICULAR = 3


@dataclass(frozen=True)
class RPoints:
    """All R-points of one file.

    Parameters
    ----------
    time_s : ndarray, shape (n_point,), float64, seconds
        From the start of the recording; not decreasing.
    type : ndarray, shape (n_point,), int8
        `RPointType`.
    """

    time_s: NDArray[np.float64]
    type: NDArray[np.int8]

    @property
    def is_beat(self) -> NDArray[np.bool_]:
        """Which points are beats; shape (n_point,), bool."""
        return np.not_equal(self.type, RPointType.ARTIFACT)


def read_rpoints(path: Path) -> RPoints:
    """Read an R-point file.

    Parameters
    ----------
    path : Path
        Comma-separated text with a header line; columns that are not needed may be anything.

    Raises
    ------
    SourceMissing
        When there is no such file.
    AnnotationCorrupt
        When a column is missing, a cell is no number or no type, or times run backwards. It names the line and
        repeats nothing of the file.
    """
    with open_source(path) as file:
        data = file.read(_MAX_BYTES + 1)
    try:
        rows = csv.reader(io.StringIO(_text(data), newline=""))
        column = _columns(next(rows, []))
        points = [_point(cells, rows.line_num, column) for cells in rows if cells]
        time_s = np.array([point[0] for point in points], np.float64)
        _refuse_backwards(time_s, [point[2] for point in points])
    except csv.Error:
        raise _corrupt("the file is not comma-separated text", None, None).at(path.name) from None
    except AnnotationCorrupt as error:
        raise error.at(path.name) from None
    return RPoints(time_s, np.array([point[1] for point in points], np.int8))


def _text(data: bytes) -> str:
    if len(data) > _MAX_BYTES:
        raise _corrupt("the file is too long for one night's beats", f"over {_MAX_BYTES} bytes", None)
    if b"\0" in data:
        raise _corrupt("the file is not comma-separated text", "a zero byte", "text")
    return data.decode("utf-8-sig", errors="replace")


def _columns(header: list[str]) -> Mapping[str, int]:
    """Return where the needed columns are; names are compared without case and blanks around them."""
    column = {name.strip().casefold(): index for index, name in reversed(list(enumerate(header)))}
    has_time = "seconds" in column or set(_SECOND_CLOCK) <= set(column)
    if not has_time or "type" not in column:
        raise _corrupt(
            "line 1 does not name the columns that are needed",
            f"{len(header)} columns, Type {'is' if 'type' in column else 'is not'} among them",
            "Type, and seconds or both rpointadj and samplingrate",
        )
    return {name: column[name] for name in ("type", "seconds", *_SECOND_CLOCK) if name in column}


def _point(cells: list[str], line: int, column: Mapping[str, int]) -> tuple[float, int, int]:
    """Return time in seconds, type and line."""
    value = {name: _number(cells, column[name], line, name) for name in _needed(cells, column)}
    if value["type"] not in set(RPointType):
        raise _corrupt(f"line {line}: no type of beat", "another code", "0, 1, 2 or 3 in column Type")
    times_s = list(_times(value, line))
    if min(times_s) < 0 or max(times_s) - min(times_s) > _AGREE_S:
        saw = "a time before the recording" if min(times_s) < 0 else f"times {np.ptp(times_s):.3f} s apart"
        raise _corrupt(f"line {line}: no time of a beat", saw, "seconds equal to rpointadj / samplingrate")
    return times_s[0], int(value["type"]), line


def _needed(cells: list[str], column: Mapping[str, int]) -> list[str]:
    """Return the columns to read in a row: a second clock that is left empty is none."""
    second = [name for name in _SECOND_CLOCK if name in column]
    if "seconds" in column and any(not "".join(cells[column[name] :][:1]).strip() for name in second):
        second = []
    return [name for name in column if name not in _SECOND_CLOCK or name in second]


def _times(value: Mapping[str, float], line: int) -> Iterator[float]:
    """Yield the time by every clock, the most direct first."""
    if "seconds" in value:
        yield value["seconds"]
    if set(_SECOND_CLOCK) <= set(value):
        if value["samplingrate"] <= 0:
            raise _corrupt(f"line {line}: no sampling rate", "zero or less", "samples a second, above 0")
        yield value["rpointadj"] / value["samplingrate"]


def _number(cells: list[str], index: int, line: int, name: str) -> float:
    if index >= len(cells):
        raise _corrupt(f"line {line} ends too early", f"{len(cells)} cells", f"at least {index + 1}")
    try:
        value = float(cells[index])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        what = "text" if cells[index].strip() else "an empty cell"
        raise _corrupt(f"line {line}: {name} is no number", what, "a finite number")
    return value


def _refuse_backwards(time_s: NDArray[np.float64], line: list[int]) -> None:
    step_s = np.diff(time_s)
    if (step_s < 0).any():
        first = int(np.argmax(step_s < 0))
        raise _corrupt(
            f"line {line[first + 1]}: times run backwards", f"a step of {step_s[first]:.3f} s", "beats in order"
        )


def _corrupt(what: str, saw: str | None, expected: str | None) -> AnnotationCorrupt:
    return AnnotationCorrupt(
        what,
        saw=saw,
        expected=expected,
        why="Beats would be judged by a wrong truth.",
        do="Download the file again, or take it away.",
    )

"""A second reader, for verification only: physical values through edfio, none of our own decoding.

edfio joins the records of discontinuous files, so these are placed by the time stamps found in the records' bytes.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import edfio
import numpy as np
from numpy.typing import NDArray

from schemas.errors import EdfCorrupt

__all__ = ["IndependentNight", "Piece", "SourceSignal"]

_STAMP = re.compile(rb"([+-]\d{1,7}(?:\.\d{1,9})?)\x14\x14")  # EDF+ specification, 2.2.4: time-keeping TAL
_DAY_S = 86_400.0


@dataclass(frozen=True)
class Piece:
    """A gapless run: ``value`` in the header's unit, float64, from ``start_s`` after recording start."""

    start_s: float
    value: NDArray[np.float64]


@dataclass(frozen=True)
class SourceSignal:
    """One signal of a night, all its pieces in the order of time."""

    unit_text: str
    rate_hz: Fraction
    pieces: tuple[Piece, ...]


class IndependentNight:
    """The files of one night, in the order of time; placed against each other by their clocks.

    Raises
    ------
    EdfCorrupt
        When edfio cannot open a file, or its records cannot be placed in time.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files = [_opened(path) for path in paths]
        self._runs = [_runs(file, path) for file, path in zip(self._files, paths, strict=True)]
        clocks = [_clock_s(file) for file in self._files] if len(paths) > 1 else [0.0]
        self._starts = [0.0]
        for before, after in pairwise(clocks):
            self._starts.append(self._starts[-1] + (after - before) % _DAY_S)

    def signal(self, label: str, nth: int, fold: Callable[[str], str]) -> SourceSignal | None:
        """Return the ``nth`` signal of a label, or None where no file has it.

        Parameters
        ----------
        nth : int
            From 1, in the order of each file.
        fold : callable
            Brings labels into the form in which they are compared.

        Raises
        ------
        EdfCorrupt
            When edfio does not understand the signal's range: it would return bare counts.
        """
        pieces: list[Piece] = []
        first: Any = None
        for file, runs, start_s in zip(self._files, self._runs, self._starts, strict=True):
            same = [s for s in file.signals if fold(_text(s.label)) == fold(label)]
            if len(same) < nth:
                continue
            found = same[nth - 1]
            first = first or found
            n, value = found.samples_per_data_record, _values(found)
            pieces += [Piece(start_s + at_s, value[a * n : b * n]) for at_s, a, b in runs]
        if first is None:
            return None
        rate_hz = first.samples_per_data_record / _record_s(self._files[0])
        return SourceSignal(_text(first.physical_dimension), rate_hz, tuple(pieces))


def _opened(path: Path) -> Any:
    with path.open("rb") as stream:
        read = edfio.read_bdf if stream.read(1) == b"\xff" else edfio.read_edf
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of records that are missing or too many; what is there is compared
            return read(path, header_encoding="latin-1")
    except Exception as error:  # edfio raises what it likes on headers that it does not understand
        raise EdfCorrupt("the second reader cannot open the file", saw=type(error).__name__) from None


def _values(signal: Any) -> NDArray[np.float64]:
    try:
        is_range = np.ptp(signal.physical_range) > 0 and np.ptp(signal.digital_range) > 0
    except ValueError:
        is_range = False
    if not is_range:
        raise EdfCorrupt("the second reader does not understand a signal's range")
    return np.asarray(signal.data)


def _text(field: str) -> str:
    """Undo Latin-1 where the bytes are UTF-8."""
    try:
        return field.encode("latin-1").decode("utf-8").strip()
    except UnicodeError:
        return field.strip()


def _record_s(file: Any) -> Fraction:
    return Fraction(repr(file.data_record_duration))


def _clock_s(file: Any) -> float:
    try:
        clock: time = file.starttime
    except ValueError:
        raise EdfCorrupt("the second reader cannot read the start time") from None
    return 3600 * clock.hour + 60 * clock.minute + clock.second + clock.microsecond / 1e6


def _runs(file: Any, path: Path) -> list[tuple[float, int, int]]:
    """Return start, first and stop record of every gapless run; one run where the file is not EDF+."""
    n_record, record_s = int(file.num_data_records), float(_record_s(file))
    as_one = [(0.0, 0, n_record)]
    if not file.reserved.startswith(("EDF+", "BDF+")) or not record_s or not file.signals:
        return as_one
    stamp_s = _stamps(path, n_record)
    tolerance_s = 0.5 * record_s / max(s.samples_per_data_record for s in file.signals) * (1 + 1e-6)
    slack = np.diff(stamp_s) - record_s
    if np.isnan(stamp_s).any() or (slack < -tolerance_s).any():
        if file.reserved.startswith(("EDF+D", "BDF+D")):
            raise EdfCorrupt("a discontinuous file without usable time stamps")
        return as_one
    first = np.concatenate([[0], np.flatnonzero(slack > tolerance_s) + 1])
    stop = np.append(first[1:], n_record)
    return [(float(stamp_s[a] - stamp_s[0]), int(a), int(b)) for a, b in zip(first, stop, strict=True)]


def _stamps(path: Path, n_record: int) -> NDArray[np.float64]:
    """Return the time stamp of every record, NaN where it has none; bytes are found by the header's own fields."""
    with path.open("rb") as stream:
        n_signal = int(stream.read(256)[252:])
        header = stream.read(256 * n_signal)
        width = 3 if path.suffix.lower() == ".bdf" else 2
        sizes = [width * int(header[at : at + 8]) for at in range(216 * n_signal, 224 * n_signal, 8)]
        kept_for_notes = [b"DF Annotations" in header[at : at + 16] for at in range(0, 16 * n_signal, 16)]
        if True not in kept_for_notes:
            return np.full(n_record, np.nan)
        begin = sum(sizes[: kept_for_notes.index(True)])
        matches = (_STAMP.match(stream.read(sum(sizes))[begin:]) for _ in range(n_record))
        return np.array([float(match[1]) if match else np.nan for match in matches])

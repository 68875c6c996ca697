"""Time-stamped annotation lists (TALs) of EDF+ and BDF+: the records' time stamps and the annotations.

Reads what is well formed and counts the rest. Texts may hold names: they stay in memory and out of every repr.

Source: https://www.edfplus.info/specs/edfplus.html, section 2.2.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from schemas.findings import Finding, finding

__all__ = ["Annotation", "TalContent", "read_tals"]

_HEAD = re.compile(rb"([+-]\d{1,12}(?:\.\d{0,12})?)(?:\x15(\d{1,12}(?:\.\d{0,12})?)?)?")
_STAMP = re.compile(rb"([+-]\d{1,12}(?:\.\d{0,12})?)\x14\x14")  # first annotation of a record: empty, no duration


@dataclass(frozen=True)
class Annotation:
    """One annotation.

    Parameters
    ----------
    onset_s : float
        Seconds from recording start.
    duration_s : float or None
        Seconds, None where none is written.
    text : str
        Verbatim; free text unless a closed table knows it.
    """

    onset_s: float
    duration_s: float | None
    text: str = field(repr=False)


@dataclass(frozen=True)
class TalContent:
    """Everything that the annotation signals hold.

    Parameters
    ----------
    stamp_s : ndarray, shape (n_record,), float64, seconds
        Onset of each data record from the header's start time; NaN where a record has none.
    annotations : tuple of Annotation
        In file order; onsets count from the header's start time.
    """

    stamp_s: NDArray[np.float64]
    annotations: tuple[Annotation, ...] = field(repr=False)
    findings: tuple[Finding, ...]


def read_tals(columns: Iterable[NDArray[np.uint8]], n_record: int) -> TalContent:
    """Read all annotation signals of a file.

    Parameters
    ----------
    columns : iterable of ndarray, shape (n_record, n_byte), uint8
        Bytes of each annotation signal, in file order. The first one carries the time stamps.
    n_record : int
        Number of data records.
    """
    stamp_s = np.full(n_record, math.nan)
    reader = _TalReader()
    for i_column, column in enumerate(columns):
        width, raw = column.shape[1], column.tobytes()
        for record in range(n_record):
            cell = raw[record * width : (record + 1) * width].rstrip(b"\0")
            stamp = _STAMP.match(cell) if i_column == 0 else None
            if stamp:
                stamp_s[record] = float(stamp[1])
            if stamp is None or stamp.end() < len(cell):
                reader.feed(cell)
    return TalContent(stamp_s, tuple(reader.annotations), tuple(reader.findings()))


class _TalReader:
    """Collects annotations, and counts what it could not read."""

    def __init__(self) -> None:
        self.annotations: list[Annotation] = []
        self.n_malformed = 0
        self.n_not_utf8 = 0

    def feed(self, cell: bytes) -> None:
        for tal in cell.split(b"\0"):
            if tal:
                self.annotations.extend(self._read(tal))

    def _read(self, tal: bytes) -> Iterator[Annotation]:
        head, *texts = tal.split(b"\x14")
        match = _HEAD.fullmatch(head)
        if match is None or not texts:
            self.n_malformed += 1
            return
        self.n_malformed += texts[-1] != b""  # the list must end with a separator
        onset_s, duration_s = float(match[1]), float(match[2]) if match[2] else None
        for text in texts:
            if text:
                yield Annotation(onset_s, duration_s, self._decode(text))

    def _decode(self, text: bytes) -> str:
        try:
            return text.decode("utf-8")
        except UnicodeDecodeError:
            self.n_not_utf8 += 1
            return text.decode("latin-1")

    def findings(self) -> Iterator[Finding]:
        if self.n_not_utf8:
            yield finding("PSG-H011", f"{self.n_not_utf8} annotations are not UTF-8 and were read as Latin-1")
        if self.n_malformed:
            yield finding("PSG-H012", f"{self.n_malformed} annotation lists are malformed")

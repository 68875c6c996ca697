"""Headers of the WFDB library (``.hea``): a record's signals, their files, gains and units.

Comments are never read: they hold ages, diagnoses and medication. Records of several segments are refused.

Source: WFDB header format, https://physionet.org/physiotools/wag/header-5.htm
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from pipeline.read.clock import clock_s
from pipeline.read.source_file import open_source
from pipeline.read.wfdb_formats import FORMATS
from schemas.errors import PsgError, SignalFileCorrupt
from schemas.recording import SignalInfo

__all__ = ["WfdbHeader", "WfdbSignal", "read_wfdb_header"]

MAX_BYTES = 2**20
MAX_SIGNALS = 1024
DEFAULT_RATE_HZ = 250  # of a record that does not say; source as above
DEFAULT_GAIN = 200.0  # counts a unit of a signal that was not calibrated; source as above
_RECORD = re.compile(
    r"(?P<name>[^\s/]+)(?P<segments>/\d+)?\s+(?P<n_signal>\d+)"
    r"(?:\s+(?P<rate>[\d.eE+-]+)(?:/[\d.eE+-]+(?:\([^)]*\))?)?(?:\s+(?P<n_frame>\d+)(?:\s+(?P<clock>[\d:.]+).*)?)?)?\s*"
)
_SIGNAL = re.compile(
    r"(?P<file>\S+)\s+(?P<format>\d+)(?:x(?P<per_frame>\d+))?(?::(?P<skew>\d+))?(?:\+(?P<offset>\d+))?"
    r"(?:\s+(?P<gain>[\d.eE+-]+)(?:\((?P<baseline>[+-]?\d+)\))?(?:/(?P<unit>\S+))?"
    r"(?:\s+(?P<resolution>\d+)(?:\s+(?P<zero>[+-]?\d+)(?:\s+[+-]?\d+(?:\s+[+-]?\d+(?:\s+\d+(?:\s+(?P<label>.*))?)?)?)?)?)?)?"
)


@dataclass(frozen=True)
class WfdbSignal:
    """One line of the header.

    Parameters
    ----------
    file : str
        Name of the file with its samples, in the header's folder.
    format : int
        Key of `pipeline.read.wfdb_formats.FORMATS`.
    n_per_frame : int
        Samples in a frame of the record.
    skew : int
        Frames that the signal is late.
    byte_offset : int
        Where the samples begin in the file.
    gain, baseline
        ``physical = (digital - baseline) / gain``.
    """

    file: str
    format: int
    n_per_frame: int
    skew: int
    byte_offset: int
    gain: float
    baseline: int
    unit_text: str
    label: str


@dataclass(frozen=True)
class WfdbHeader:
    """A record; ``n_frame`` is 0, ``clock_start_s`` (seconds) None where the header does not say."""

    rate_hz: Fraction
    n_frame: int
    clock_start_s: float | None
    signals: tuple[WfdbSignal, ...]

    @property
    def extent(self) -> str:
        """How much there is, for people."""
        return f"{self.n_frame or 'unknown'} frames at {float(self.rate_hz):g} Hz"

    @property
    def infos(self) -> tuple[SignalInfo, ...]:
        """What a montage needs to know of the signals."""
        return tuple(self._info(index, signal) for index, signal in enumerate(self.signals))

    def _info(self, index: int, signal: WfdbSignal) -> SignalInfo:
        ends = [(count - signal.baseline) / signal.gain for count in FORMATS[signal.format].limits]
        rate_hz = self.rate_hz * signal.n_per_frame
        return SignalInfo(index, signal.label, signal.unit_text, rate_hz, ends[0], ends[1])


def read_wfdb_header(path: Path) -> WfdbHeader:
    """Read a header; no file of samples is looked at.

    Raises
    ------
    SourceMissing, StorageError
        When it cannot be opened; when the disk fails.
    SignalFileCorrupt
        When it is no header, or names what is not read: segments, an unknown format, a file elsewhere.
    """
    with open_source(path) as file:
        text = file.read(MAX_BYTES).decode("utf-8", errors="replace")
    try:
        return _header(list(_lines(text)))
    except PsgError as error:
        raise error.at(path.name) from None


def _lines(text: str) -> Iterator[str]:
    return (line for line in text.splitlines() if line.strip() and not line.startswith("#"))


def _header(lines: list[str]) -> WfdbHeader:
    record = _RECORD.fullmatch(lines[0]) if lines else None
    if record is None:
        raise _corrupt("its first line is no record line")
    if record["segments"]:
        raise _corrupt("it is of a record of several segments, which are not read")
    n_signal = int(record["n_signal"])
    if n_signal > MAX_SIGNALS or len(lines) - 1 < n_signal:
        raise _corrupt("it has fewer signal lines than it declares", saw=len(lines) - 1, expected=n_signal)
    rate_hz = _rate(record["rate"])
    clock = clock_s(_full_clock(record["clock"])) if record["clock"] else math.nan
    signals = tuple(_signal(line, number) for number, line in enumerate(lines[1 : n_signal + 1], 1))
    return WfdbHeader(rate_hz, int(record["n_frame"] or 0), None if math.isnan(clock) else clock, signals)


def _rate(text: str | None) -> Fraction:
    try:
        rate_hz = Fraction(text or DEFAULT_RATE_HZ).limit_denominator(10**6)
    except (ValueError, ZeroDivisionError, OverflowError):
        raise _corrupt("its sampling frequency is no number") from None
    if not 0 < rate_hz <= 10**6:
        raise _corrupt("its sampling frequency cannot be", saw=text)
    return rate_hz


def _full_clock(text: str) -> str:
    """Return ``23:07:00`` where the header says so, or ``0:23:07`` where it leaves hours out."""
    return text if text.count(":") == 2 else f"{'0:' * (2 - text.count(':'))}{text}"


def _signal(line: str, number: int) -> WfdbSignal:
    match = _SIGNAL.fullmatch(line.strip())
    if match is None:
        raise _corrupt(f"signal line {number} cannot be understood")
    if "/" in match["file"] or match["file"] in {"~", "-", "..", "."}:
        raise _corrupt(f"signal {number} lies outside the record's folder")
    if int(match["format"]) not in FORMATS:
        raise _corrupt(f"signal {number} has format {match['format']}", expected=f"one of {sorted(FORMATS)}")
    gain = _gain(match["gain"], number)
    zero = int(match["zero"] or 0)
    n_per_frame = int(match["per_frame"] or 1)
    if not 0 < n_per_frame <= 10**4:
        raise _corrupt(f"signal {number} has {n_per_frame} samples a frame")
    return WfdbSignal(
        file=match["file"],
        format=int(match["format"]),
        n_per_frame=n_per_frame,
        skew=int(match["skew"] or 0),
        byte_offset=int(match["offset"] or 0),
        gain=gain or DEFAULT_GAIN,
        baseline=zero if match["baseline"] is None else int(match["baseline"]),
        unit_text=(match["unit"] or "mV") if gain else "",  # who was not calibrated has no unit
        label=(match["label"] or "").strip(),
    )


def _gain(text: str | None, number: int) -> float:
    try:
        gain = float(text or 0)
    except ValueError:
        raise _corrupt(f"the gain of signal {number} is no number") from None
    if not math.isfinite(gain) or (gain and not 1e-12 < abs(gain) < 1e12):
        raise _corrupt(f"the gain of signal {number} cannot be", saw=f"{gain:g}")
    return gain


def _corrupt(what: str, *, saw: object = None, expected: object = "a WFDB header") -> SignalFileCorrupt:
    return SignalFileCorrupt(
        f"the record's header cannot be used, {what}",
        saw=saw,
        expected=expected,
        do="Download it again, or exclude the recording.",
    )

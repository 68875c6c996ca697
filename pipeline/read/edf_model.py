"""What an EDF or BDF header says, after it was understood.

Patient, recording and transducer texts have no place here, nor have dates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from schemas.findings import Finding
from schemas.recording import SignalInfo

__all__ = ["EdfHeader", "SignalHeader"]


@dataclass(frozen=True)
class SignalHeader:
    """What the header says of one signal.

    ``physical = gain * digital + offset``. Minimum above maximum, physical or digital, is legal arithmetic and
    is kept as written. ``usable`` is False where the range gives no gain: equal ends, unreadable numbers, no
    samples; gain and offset are then NaN.

    Parameters
    ----------
    prefilter : str
        The parts of the field that read as filters, e.g. ``HP:0.5Hz LP:35Hz``.
    rate_hz : Fraction
        Exact; 0 where the data records have no duration.
    byte_offset : int
        Where the signal's samples begin within a data record.
    """

    label: str
    unit_text: str
    physical_min: float
    physical_max: float
    digital_min: int
    digital_max: int
    prefilter: str
    n_per_record: int
    rate_hz: Fraction
    byte_offset: int
    is_annotation: bool
    usable: bool

    @property
    def gain(self) -> float:
        """Physical units a digital count."""
        if not self.usable:
            return math.nan
        return (self.physical_max - self.physical_min) / (self.digital_max - self.digital_min)

    @property
    def offset(self) -> float:
        """Physical value of digital zero."""
        return self.physical_min - self.gain * self.digital_min


@dataclass(frozen=True)
class EdfHeader:
    """What a file claims to hold, checked against its size.

    Parameters
    ----------
    n_record : int
        Whole data records that are there and meant, at least 1.
    record_duration_s : Fraction
        Exact value of the decimal in the header; 0 only where there are annotations alone.
    clock_start_s : float or None
        Time of day of recording start, seconds after midnight; None where unreadable.
    signals : tuple of SignalHeader
        All signals in file order, annotation signals among them.
    """

    is_bdf: bool
    is_plus: bool
    is_discontinuous: bool
    n_record: int
    record_duration_s: Fraction
    header_bytes: int
    clock_start_s: float | None
    signals: tuple[SignalHeader, ...]
    findings: tuple[Finding, ...]

    @property
    def sample_bytes(self) -> int:
        """Bytes a sample: 2 in EDF, 3 in BDF."""
        return 3 if self.is_bdf else 2

    @property
    def bytes_per_record(self) -> int:
        """Bytes of one data record, all signals together."""
        return self.sample_bytes * sum(signal.n_per_record for signal in self.signals)

    @property
    def duration_s(self) -> float:
        """Seconds of signal, gaps not counted."""
        return float(self.n_record * self.record_duration_s)

    @property
    def ordinary(self) -> tuple[SignalHeader, ...]:
        """The signals that are not annotations, in file order."""
        return tuple(signal for signal in self.signals if not signal.is_annotation)

    @property
    def infos(self) -> tuple[SignalInfo, ...]:
        """What a montage needs to know of the ordinary signals."""
        return tuple(
            SignalInfo(i, s.label, s.unit_text, s.rate_hz, s.physical_min, s.physical_max, s.usable)
            for i, s in enumerate(self.ordinary)
        )

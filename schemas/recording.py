"""A recording's identity and its signals, as read and before anything is computed.

Assumptions: one clock a recording; a signal's samples are equally spaced within a segment; between segments
nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["RecordingKey", "Segment", "Signal", "SignalInfo", "SubjectFields"]


@dataclass(frozen=True)
class RecordingKey:
    """Names one night.

    Parameters
    ----------
    cohort : str
        Manifest's cohort, e.g. ``shhs``.
    name : str
        Unique within the cohort; the EDF's stem where that is unique, e.g. ``shhs1-200001``.
    subject : str
        Pseudonymous person, as the cohort publishes it, the same over visits.
    visit : str
        Visit, or ``""`` where the cohort has one only.
    """

    cohort: str
    name: str
    subject: str
    visit: str = ""

    def __str__(self) -> str:
        return f"{self.cohort}/{self.name}"


@dataclass(frozen=True)
class SignalInfo:
    """What a header says of one signal: all that is needed to match it to a montage.

    ``usable`` is False where the header's range cannot be turned into a gain.
    """

    index: int
    label: str
    unit_text: str
    rate_hz: Fraction
    physical_min: float
    physical_max: float
    usable: bool = True


@dataclass(frozen=True)
class Segment:
    """A gapless run of samples of one signal.

    Parameters
    ----------
    start_s : float
        Seconds from recording start to the first sample.
    digital : ndarray, shape (n_record, n_per_record), integer
        Samples as stored, row after row in time; often a strided, read-only view of a memory map.
    """

    start_s: float
    digital: NDArray[Any]

    @property
    def n_sample(self) -> int:
        """Number of samples."""
        return int(self.digital.size)


@dataclass(frozen=True)
class Signal:
    """One signal of a file: integers in segments, and how they become physical values.

    ``physical = gain * digital + offset``, in ``unit``. A negative gain is legal and is kept as written.

    Parameters
    ----------
    label : str
        Header's label, white space stripped at the ends.
    unit_text : str
        Header's physical dimension, verbatim but stripped; parsed by `schemas.units.parse_unit`.
    rate_hz : Fraction
        Exact native rate.
    physical_min, physical_max : float
        As in the header; minimum above maximum is legal.
    digital_min, digital_max : int
        As in the header.
    """

    label: str
    unit_text: str
    rate_hz: Fraction
    gain: float
    offset: float
    physical_min: float
    physical_max: float
    digital_min: int
    digital_max: int
    segments: tuple[Segment, ...]
    prefilter: str = ""

    @property
    def end_s(self) -> float:
        """Seconds from recording start to the end of the last sample."""
        last = self.segments[-1]
        return last.start_s + float(last.n_sample / self.rate_hz)

    def physical(self, segment: int = 0) -> NDArray[np.float64]:
        """Return one segment in physical units; shape (n_sample,), float64, in the header's unit."""
        digital = self.segments[segment].digital.reshape(-1)
        return np.asarray(self.gain * digital.astype(np.float64) + self.offset)


@dataclass(frozen=True)
class SubjectFields:
    """What is known of the person on that night; None and ``unknown`` are values, never zero.

    Ages above 89 are given as 90 (HIPAA safe harbour) with ``age_top_coded``. Lights off and on
    (``in_bed_start_s``, ``in_bed_end_s``) are seconds of the day.

    Parameters
    ----------
    subject : str or None
        The person, where a table names one and the file's path only a file.
    family : str or None
        Persons of one family belong together.
    race, ethnicity, sex : str
        Of the closed lists of `schemas.subjects` and `schemas.vocabulary`.
    study_type : str or None
        What the night was for, where a table says so.
    history : mapping of str to str
        Condition to ``yes``, ``no`` or ``unknown``; one that the study did not ask about is not listed.
    indices : mapping of str to float
        The cohort's own indices of the night, by the name of their rule in `schemas.indices`.
    """

    subject: str | None = None
    family: str | None = None
    age_years: float | None = None
    age_top_coded: bool = False
    sex: str = "unknown"
    race: str = "unknown"
    ethnicity: str = "unknown"
    site: str | None = None
    bmi: float | None = None
    study_type: str | None = None
    history: Mapping[str, str] = field(default_factory=dict)
    indices: Mapping[str, float] = field(default_factory=dict)
    in_bed_start_s: float | None = None
    in_bed_end_s: float | None = None

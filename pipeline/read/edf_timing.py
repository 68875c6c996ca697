"""Where the data records of a file lie in time: gapless runs, and the gaps between them.

Assumptions: the header's duration of a record is exact, so that within a run the sample clock decides and not
the stamps, which may be rounded. Stamps decide only where runs begin.

EDF+D promises stamps: without them, or with stamps that run backwards, the file is refused rather than joined.
EDF+C promises that there are no gaps. Stamps that leave gaps only are believed all the same, with a finding,
since nobody writes them by accident; stamps that are missing or contradict themselves are not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.read.edf_header import MAX_DURATION_S
from pipeline.read.edf_model import EdfHeader
from schemas.errors import EdfCorrupt
from schemas.findings import Finding, finding

__all__ = ["Run", "Timing", "time_records"]

_DRIFT_S = 0.1  # seconds between stamps and sample clock at a run's end that are worth a remark


@dataclass(frozen=True)
class Run:
    """Data records ``first`` to ``stop`` (excluded) without a gap, from ``start_s`` after recording start."""

    start_s: float
    first: int
    stop: int

    def end_s(self, header: EdfHeader) -> float:
        """Seconds from recording start to the end of the last record."""
        return self.start_s + (self.stop - self.first) * float(header.record_duration_s)


@dataclass(frozen=True)
class Timing:
    """When the records were taken.

    Parameters
    ----------
    onset_s : float
        Recording start, in seconds after the header's start time: its fraction of a second, as a rule.
    """

    onset_s: float
    runs: tuple[Run, ...]
    findings: tuple[Finding, ...] = ()


def time_records(header: EdfHeader, stamp_s: NDArray[np.float64]) -> Timing:
    """Place a file's data records in time.

    Parameters
    ----------
    stamp_s : ndarray, shape (n_record,), float64, seconds
        Time stamps from the header's start time, NaN where a record has none; all NaN in plain EDF.

    Raises
    ------
    EdfCorrupt
        When a discontinuous file's stamps do not tell where its records belong.
    """
    onset_s = float(stamp_s[0]) if np.isfinite(stamp_s[0]) else 0.0
    as_one = (Run(0.0, 0, header.n_record),)
    if not header.is_plus or not header.ordinary or not header.record_duration_s:
        return Timing(onset_s, as_one)
    fault = _fault(header, stamp_s)
    if fault is None:
        return _by_stamps(header, stamp_s, onset_s)
    if header.is_discontinuous:
        raise EdfCorrupt(
            f"a discontinuous file whose {fault}",
            expected="one for each record, none before the end of the one before",
            why="Its gaps cannot be placed, and records must not be joined across them.",
        )
    return Timing(onset_s, as_one, (finding("PSG-H018", f"{fault}; declared continuous and read so"),))


def _slack_s(header: EdfHeader, stamp_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the time between each record's end and the next stamp, set to 0 within half a sample."""
    slack = np.diff(stamp_s) - float(header.record_duration_s)
    half_sample_s = 0.5 / float(max(signal.rate_hz for signal in header.ordinary) or 1)
    return np.where(np.abs(slack) <= half_sample_s * (1 + 1e-6), 0.0, slack)


def _fault(header: EdfHeader, stamp_s: NDArray[np.float64]) -> str | None:
    missing = np.flatnonzero(np.isnan(stamp_s))
    if missing.size:
        return f"time stamps are missing in {missing.size} of {stamp_s.size} records, first in record {missing[0]}"
    backwards = np.flatnonzero(_slack_s(header, stamp_s) < 0)
    if backwards.size:
        return f"time stamps overlap in {backwards.size} records, first in record {backwards[0] + 1}"
    if stamp_s[-1] - stamp_s[0] > MAX_DURATION_S:
        return f"time stamps span more than {MAX_DURATION_S} s"
    return None


def _by_stamps(header: EdfHeader, stamp_s: NDArray[np.float64], onset_s: float) -> Timing:
    slack = _slack_s(header, stamp_s)
    first = np.concatenate([[0], np.flatnonzero(slack) + 1])
    stop = np.append(first[1:], header.n_record)
    runs = tuple(Run(float(stamp_s[a]) - onset_s, int(a), int(b)) for a, b in zip(first, stop, strict=True))
    findings = []
    if len(runs) > 1:
        gaps = f"{len(runs) - 1} gaps, {slack.sum():.6g} s in all, the first after {runs[0].end_s(header):.6g} s"
        words = "" if header.is_discontinuous else "; declared continuous, but its stamps decide"
        findings.append(finding("PSG-H009", gaps + words))
    drift = np.abs(stamp_s[stop - 1] - stamp_s[first] - (stop - 1 - first) * float(header.record_duration_s))
    if drift.max() > _DRIFT_S:
        words = "time stamps drift against the sample clock"
        findings.append(finding("PSG-H018", f"{words} by up to {drift.max():.3g} s; the sample clock decides"))
    return Timing(onset_s, runs, tuple(findings))

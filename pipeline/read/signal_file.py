"""What every file of signals offers, whatever its format; and the one place that tells formats apart.

The suffix decides: ``.hea`` is WFDB, ``.h5`` and ``.hdf5`` are HDF5, everything else (``.edf``, ``.bdf``, ``.rec``)
must be EDF by content.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.read.edf import open_edf
from pipeline.read.edf_header import read_header
from pipeline.read.hdf5 import open_hdf5
from pipeline.read.wfdb_header import read_wfdb_header
from pipeline.read.wfdb_signals import open_wfdb
from schemas.findings import Finding
from schemas.manifest import Hdf5Rule
from schemas.recording import Signal, SignalInfo

__all__ = ["HeaderPeek", "SignalFile", "open_signals", "peek"]

_WFDB = frozenset({".hea"})
_HDF5 = frozenset({".h5", ".hdf5"})


class SignalFile(Protocol):
    """One open file of signals on one clock; times count from its first sample, in seconds."""

    @property
    def infos(self) -> tuple[SignalInfo, ...]:
        """What a montage needs to know of the signals, in file order."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Remarks on header and timing."""

    @property
    def clock_start_s(self) -> float | None:
        """Time of day of the first sample, in seconds; None where the file does not say."""

    @property
    def duration_s(self) -> float:
        """Seconds to the end of the last sample, gaps included."""

    def signal(self, index: int) -> Signal:
        """Return one signal with all its segments."""


@dataclass(frozen=True)
class HeaderPeek:
    """What a file's header says; no sample was read. ``form`` names the format, ``extent`` how much there is.

    ``duration_s`` is None where only the data records tell how long the gaps between them are.
    """

    form: str
    extent: str
    infos: tuple[SignalInfo, ...]
    clock_start_s: float | None
    duration_s: float | None
    findings: tuple[Finding, ...] = ()


@contextmanager
def open_signals(path: Path, hdf5: Hdf5Rule | None = None) -> Iterator[SignalFile]:
    """Open a file of signals.

    Parameters
    ----------
    hdf5 : Hdf5Rule or None
        The manifest's description of HDF5 files.

    Raises
    ------
    SourceMissing, StorageError, EdfCorrupt, EdfTruncated, SignalFileCorrupt, SourceChanged
        See the readers of the formats.
    """
    match path.suffix.lower():
        case suffix if suffix in _WFDB:
            yield open_wfdb(path)
        case suffix if suffix in _HDF5:
            with open_hdf5(path, hdf5) as file:
                yield file
        case _:
            with open_edf(path) as edf:
                yield edf


def peek(path: Path, hdf5: Hdf5Rule | None = None) -> HeaderPeek:
    """Read a file's header alone; raises as `open_signals`."""
    match path.suffix.lower():
        case suffix if suffix in _WFDB:
            record = read_wfdb_header(path)
            return HeaderPeek(
                "WFDB",
                f"{record.n_frame} frames at {float(record.rate_hz):g} Hz",
                record.infos,
                record.clock_start_s,
                float(record.n_frame / record.rate_hz),
            )
        case suffix if suffix in _HDF5:
            with open_hdf5(path, hdf5) as file:
                extent = f"{file.duration_s:g} s"
                return HeaderPeek("HDF5", extent, file.infos, file.clock_start_s, file.duration_s, file.findings)
        case _:
            header = read_header(path)
            form = ("BDF" if header.is_bdf else "EDF") + ("+" if header.is_plus else "")
            extent = f"{header.n_record} of {float(header.record_duration_s):g} s"
            duration_s = None if header.is_discontinuous else header.duration_s
            return HeaderPeek(form, extent, header.infos, header.clock_start_s, duration_s, header.findings)

"""Read the signals and annotations of an EDF, EDF+C, EDF+D, BDF or BDF+ file.

The file is mapped into memory and nothing is decoded before it is asked for: an EDF signal is a strided view of
the map, a BDF signal is widened from 24 to 32 bits. Joining, scaling and judging are left to others.

Assumptions: little-endian samples, and a file that nobody changes or truncates while it is mapped.
"""

from __future__ import annotations

import mmap
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from pipeline.read.edf_annotations import Annotation, read_tals
from pipeline.read.edf_header import read_header_from
from pipeline.read.edf_model import EdfHeader, SignalHeader
from pipeline.read.edf_timing import Run, time_records
from pipeline.read.source_file import open_source
from schemas.errors import EdfCorrupt, PsgError, SourceChanged
from schemas.findings import Finding
from schemas.recording import Segment, Signal, SignalInfo

__all__ = ["EdfFile", "open_edf"]

_DAY_S = 86400


def open_edf(path: Path) -> EdfFile:
    """Open a file: check its header, map it, read its time stamps and annotations; decode no signal.

    Use it as a context manager, or drop it: the map lives as long as the file object or a signal's view of it.

    Raises
    ------
    SourceMissing, EdfCorrupt, EdfTruncated, StorageError
        As `pipeline.read.edf_header.read_header`.
    EdfCorrupt
        Also when the gaps of a discontinuous file cannot be placed.
    SourceChanged
        When the file became shorter between header and map.
    """
    with open_source(path) as file:
        header = read_header_from(file, path.name)
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        return EdfFile(header, mapped)
    except PsgError as error:
        raise error.at(path.name) from None


class EdfFile:
    """A mapped file; made by `open_edf`.

    Attributes
    ----------
    header : EdfHeader
        With ``clock_start_s`` moved to the first sample, fractions of a second included.
    findings : tuple of Finding
        The header's, and those about time stamps and annotations.
    """

    def __init__(self, header: EdfHeader, mapped: mmap.mmap) -> None:
        if len(mapped) < header.header_bytes + header.n_record * header.bytes_per_record:
            raise SourceChanged("the file became shorter while it was opened", do="Run again once it is complete.")
        self._map: mmap.mmap | None = mapped
        content = read_tals(
            [self._bytes(header, s) for s in header.signals if s.is_annotation and s.n_per_record],
            header.n_record,
        )
        timing = time_records(header, content.stamp_s)
        clock = header.clock_start_s
        self.header = replace(header, clock_start_s=clock if clock is None else (clock + timing.onset_s) % _DAY_S)
        self.findings: tuple[Finding, ...] = header.findings + content.findings + timing.findings
        self._runs = timing.runs
        self._annotations = tuple(replace(a, onset_s=a.onset_s - timing.onset_s) for a in content.annotations)

    def __repr__(self) -> str:
        seconds = f"{float(self.header.record_duration_s):g} s"
        return f"<EdfFile: {self.n_signal} signals, {self.header.n_record} records of {seconds}>"

    def __enter__(self) -> EdfFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the map; signals that were taken stay valid and keep it as long as they live."""
        self._map = None

    @property
    def clock_start_s(self) -> float | None:
        """Time of day of the first sample, in seconds."""
        return self.header.clock_start_s

    @property
    def n_signal(self) -> int:
        """Number of ordinary signals."""
        return len(self.header.ordinary)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the ordinary signals in file order, duplicates kept."""
        return tuple(signal.label for signal in self.header.ordinary)

    @property
    def infos(self) -> tuple[SignalInfo, ...]:
        """What a montage needs to know of the ordinary signals, in the order of `labels`."""
        return self.header.infos

    @property
    def duration_s(self) -> float:
        """Seconds from recording start to the end of the last data record, gaps included."""
        return self._runs[-1].end_s(self.header)

    def annotations(self) -> tuple[Annotation, ...]:
        """Return the annotations in file order, onsets in seconds from recording start."""
        return self._annotations

    def signal(self, index: int) -> Signal:
        """Return one ordinary signal with all its segments.

        Parameters
        ----------
        index : int
            Position in `labels`.

        Returns
        -------
        Signal
            Segments of shape (n_record, n_per_record): read-only int16 views of the map for EDF, int32 for BDF.

        Raises
        ------
        EdfCorrupt
            When the signal's range gives no gain (``header.ordinary[index].usable`` is False).
        """
        fields = self.header.ordinary[index]
        if not fields.usable:
            raise EdfCorrupt(f"the range of signal {fields.label!r} gives no gain", do="Leave the signal out.")
        return Signal(
            label=fields.label,
            unit_text=fields.unit_text,
            rate_hz=fields.rate_hz,
            gain=fields.gain,
            offset=fields.offset,
            physical_min=fields.physical_min,
            physical_max=fields.physical_max,
            digital_min=fields.digital_min,
            digital_max=fields.digital_max,
            segments=tuple(Segment(run.start_s, self._digital(fields, run)) for run in self._runs),
            prefilter=fields.prefilter,
        )

    def _digital(self, fields: SignalHeader, run: Run) -> NDArray[np.int16] | NDArray[np.int32]:
        header, n_record = self.header, run.stop - run.first
        start = header.header_bytes + run.first * header.bytes_per_record + fields.byte_offset
        shape = (n_record, fields.n_per_record)
        if not header.is_bdf:
            strides = (header.bytes_per_record, 2)
            return np.ndarray(shape, "<i2", self._mapped, start, strides)
        # Read four bytes from one before each sample, and shift the foreign low byte out: the sign extends.
        wide: NDArray[np.int32] = np.ndarray(shape, "<i4", self._mapped, start - 1, (header.bytes_per_record, 3))
        digital = wide.copy()
        digital >>= 8
        return digital

    def _bytes(self, header: EdfHeader, fields: SignalHeader) -> NDArray[np.uint8]:
        shape = (header.n_record, header.sample_bytes * fields.n_per_record)
        start = header.header_bytes + fields.byte_offset
        return np.ndarray(shape, np.uint8, self._mapped, start, (header.bytes_per_record, 1))

    @property
    def _mapped(self) -> mmap.mmap:
        if self._map is None:
            raise ValueError("the file is closed")
        return self._map

"""Read the signals of a WFDB record: a header and the files of samples that it names, all in one folder.

Samples stay as the file holds them, integers read in place from a memory map where the format allows it. A sample
that was not taken (the smallest number of its format) becomes a gap.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.read.sampled import segments_of
from pipeline.read.source_file import open_source
from pipeline.read.wfdb_formats import FORMATS, n_bytes
from pipeline.read.wfdb_header import WfdbHeader, WfdbSignal, read_wfdb_header
from schemas.errors import SignalFileCorrupt
from schemas.findings import Finding
from schemas.recording import Signal, SignalInfo

__all__ = ["WfdbFile", "open_wfdb"]


def open_wfdb(path: Path) -> WfdbFile:
    """Open a record: check its header and the sizes of its files; decode no signal.

    Parameters
    ----------
    path : Path
        The header, ``.hea``.

    Raises
    ------
    SourceMissing, StorageError
        When the header, or a file that it names, cannot be opened; when the disk fails.
    SignalFileCorrupt
        As `read_wfdb_header`; also when a file is shorter than the header says.
    """
    header = read_wfdb_header(path)
    names = dict.fromkeys(signal.file for signal in header.signals)
    content = {name: _map(path.parent / name) for name in names}
    try:
        return WfdbFile(header, content)
    except SignalFileCorrupt as error:
        raise error.at(path.name) from None


def _map(path: Path) -> NDArray[np.uint8]:
    with open_source(path) as file:
        if not path.stat().st_size:
            return np.empty(0, np.uint8)
        return np.memmap(file, np.uint8, mode="r")


class WfdbFile:
    """A mapped record; made by `open_wfdb`."""

    def __init__(self, header: WfdbHeader, content: Mapping[str, NDArray[np.uint8]]) -> None:
        self._header, self._content = header, content
        self._files = {name: _FileOfSamples(name, header, content[name]) for name in content}
        lengths = {file.n_frame for file in self._files.values()}
        self._n_frame = header.n_frame or min(lengths, default=0)
        if not self._n_frame or min(lengths, default=0) < self._n_frame:
            raise SignalFileCorrupt(
                "the record's samples are not all there",
                saw=f"{min(lengths, default=0)} frames",
                expected=f"{self._n_frame or 'any'}",
                why="Half a night must never pass for a whole one.",
                do="Download the record again.",
            )
        self.infos: tuple[SignalInfo, ...] = header.infos
        self.findings: tuple[Finding, ...] = ()
        self.clock_start_s = header.clock_start_s

    @property
    def duration_s(self) -> float:
        """Seconds to the end of the last frame."""
        return float(self._n_frame / self._header.rate_hz)

    def signal(self, index: int) -> Signal:
        """Return one signal; segments hold counts."""
        said, info = self._header.signals[index], self.infos[index]
        form = FORMATS[said.format]
        digital = self._files[said.file].samples(index, self._n_frame)
        low, high = sorted((info.physical_min, info.physical_max))
        return Signal(
            label=said.label,
            unit_text=said.unit_text,
            rate_hz=info.rate_hz,
            gain=1 / said.gain,
            offset=-said.baseline / said.gain,
            physical_min=low,
            physical_max=high,
            digital_min=form.limits[0],
            digital_max=form.limits[1],
            segments=segments_of(digital, digital == form.missing, info.rate_hz, self._start_s(said)),
        )

    def _start_s(self, signal: WfdbSignal) -> float:
        """Return when a signal's first sample was taken; a skewed one is written late."""
        return -float(Fraction(signal.skew) / self._header.rate_hz)


class _FileOfSamples:
    """One file: frames of its signals' samples, one after the other."""

    def __init__(self, name: str, header: WfdbHeader, content: NDArray[np.uint8]) -> None:
        members = {index: s for index, s in enumerate(header.signals) if s.file == name}
        if len({(s.format, s.byte_offset) for s in members.values()}) > 1:
            raise SignalFileCorrupt("signals of one file differ in format", expected="one format a file")
        first = next(iter(members.values()))
        self._format = FORMATS[first.format]
        self._content = content[first.byte_offset :]
        self._width = sum(s.n_per_frame for s in members.values())
        self._column: dict[int, tuple[int, int]] = {}
        at = 0
        for index, signal in members.items():
            self._column[index] = (at, signal.n_per_frame)
            at += signal.n_per_frame
        self.n_frame = self._content.size * 8 // (self._format.bits * self._width)
        self._decoded = cache(self._decode)

    def _decode(self, n_frame: int) -> NDArray[Any]:
        n_sample = n_frame * self._width
        content = self._content[: n_bytes(self._format, n_sample)]
        return self._format.decode(content, n_sample).reshape(n_frame, self._width)

    def samples(self, index: int, n_frame: int) -> NDArray[Any]:
        """Return one signal's counts, shape (n_frame * n_per_frame,)."""
        begin, count = self._column[index]
        frames = self._decoded(n_frame)
        return frames[:, begin] if count == 1 else frames[:, begin : begin + count].reshape(-1)

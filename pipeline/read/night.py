"""One night on one clock: a single file of signals, or several whose gaps stay gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from pipeline.read.signal_file import SignalFile, open_signals
from schemas.errors import PartsDisagree
from schemas.findings import Finding, finding
from schemas.manifest import Hdf5Rule
from schemas.recording import Segment, Signal, SignalInfo

__all__ = ["Night", "open_night"]

_DAY_S = 86_400.0


@dataclass(frozen=True)
class Night:
    """The signals of a night, addressed by index, at seconds from the start of its first file.

    Parameters
    ----------
    infos : tuple of SignalInfo
        What the headers say, in the order of the first file that has the signal.
    clock_start_s : float or None
        Time of day of the start, in seconds.
    end_s : float
        End of the last data record.
    """

    infos: tuple[SignalInfo, ...]
    findings: tuple[Finding, ...]
    clock_start_s: float | None
    end_s: float
    _members: tuple[tuple[tuple[SignalFile, int, float], ...], ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels as in the headers."""
        return tuple(info.label for info in self.infos)

    def signal(self, index: int) -> Signal:
        """Return one signal with the segments of all files."""
        (file, own, offset_s), *rest = self._members[index]
        joined = _shifted(file.signal(own), offset_s)
        for other, position, shift_s in rest:
            joined = _joined(joined, _shifted(other.signal(position), shift_s))
        return joined


@contextmanager
def open_night(paths: Sequence[Path], hdf5: Hdf5Rule | None = None) -> Iterator[Night]:
    """Open the files of one night, in the order given.

    Parameters
    ----------
    hdf5 : Hdf5Rule or None
        The manifest's description of HDF5 files.

    Raises
    ------
    PartsDisagree
        When two files overlap in time, or a signal changes its rate or unit between them.
    """
    with ExitStack() as stack:
        files = [stack.enter_context(open_signals(path, hdf5)) for path in paths]
        starts = _starts(files)
        members: dict[tuple[str, int], list[tuple[SignalFile, int, float]]] = {}
        infos: list[SignalInfo] = []
        for file, start_s in zip(files, starts, strict=True):
            seen: dict[str, int] = {}
            for own, info in enumerate(file.infos):
                seen[info.label] = seen.get(info.label, 0) + 1
                key = (info.label, seen[info.label])
                if key not in members:
                    members[key] = []
                    infos.append(replace(info, index=len(infos)))
                members[key].append((file, own, start_s))
        yield Night(
            infos=tuple(infos),
            findings=(*(f for file in files for f in file.findings), *_gap_findings(files, starts)),
            clock_start_s=files[0].clock_start_s,
            end_s=starts[-1] + files[-1].duration_s,
            _members=tuple(tuple(m) for m in members.values()),
        )


def _starts(files: Sequence[SignalFile]) -> list[float]:
    """Seconds from the first file's start to each file's, by their times of day."""
    starts = [0.0]
    for previous, file in pairwise(files):
        clocks = previous.clock_start_s, file.clock_start_s
        if clocks[0] is None or clocks[1] is None:
            raise PartsDisagree("a file of the night has no start time", do="Exclude it, or join the files first.")
        step = (clocks[1] - clocks[0]) % _DAY_S
        if step < previous.duration_s - 1e-6:
            raise PartsDisagree(
                "two files of the night overlap",
                saw=f"a start {step:.3f} s after the one before",
                expected=f"at least {previous.duration_s:.3f} s",
                do="Check that the file names sort in the order of time.",
            )
        starts.append(starts[-1] + step)
    return starts


def _gap_findings(files: Sequence[SignalFile], starts: Sequence[float]) -> list[Finding]:
    gaps = [b - a - f.duration_s for a, b, f in zip(starts, starts[1:], files, strict=False)]
    return [finding("PSG-H017", f"{gap:.1f} s between two files") for gap in gaps if gap > 1e-6]


def _shifted(signal: Signal, offset_s: float) -> Signal:
    if offset_s == 0:
        return signal
    moved = tuple(replace(segment, start_s=segment.start_s + offset_s) for segment in signal.segments)
    return replace(signal, segments=moved)


def _joined(first: Signal, second: Signal) -> Signal:
    if (first.rate_hz, first.unit_text) != (second.rate_hz, second.unit_text):
        raise PartsDisagree(
            f"signal {first.label!r} differs between the files of the night",
            saw=f"{float(second.rate_hz):g} Hz",
            expected=f"{float(first.rate_hz):g} Hz, and one unit",
        )
    return replace(first, segments=first.segments + tuple(_regained(s, second, first) for s in second.segments))


def _regained(segment: Segment, own: Signal, target: Signal) -> Segment:
    """Express a segment in another signal's counts, where the two gains differ."""
    if (own.gain, own.offset) == (target.gain, target.offset):
        return segment
    counts = (segment.digital * np.float32(own.gain) + np.float32(own.offset - target.offset)) / target.gain
    return replace(segment, digital=counts.astype(np.float32))

"""A second reader of WFDB and HDF5, for verification only: physical values through the formats' own libraries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.read.independent import IndependentNight, Piece, SourceSignal
from pipeline.read.optional import library
from schemas.errors import SignalFileCorrupt
from schemas.manifest import Hdf5Rule

__all__ = ["SecondReader", "second_reader"]


class SecondReader(Protocol):
    """The signals of one night, read by somebody else."""

    def signal(self, label: str, nth: int, fold: Callable[[str], str]) -> SourceSignal | None:
        """Return the ``nth`` signal of a label, from 1; None where there is none."""


def second_reader(paths: Sequence[Path], hdf5: Hdf5Rule | None) -> SecondReader:
    """Open a night's files with another library than the conversion does.

    Raises
    ------
    EdfCorrupt, SignalFileCorrupt
        When it cannot open them, or the night has several files that are no EDF.
    """
    suffix = paths[0].suffix.lower()
    if suffix not in {".hea", ".h5", ".hdf5"}:
        return IndependentNight(paths)
    if len(paths) > 1:
        raise SignalFileCorrupt("the second reader does not put several records together")
    try:
        return _WfdbRecord(paths[0]) if suffix == ".hea" else _Hdf5File(paths[0], hdf5)
    except Exception as error:  # the libraries raise what they like on files that they do not understand
        raise SignalFileCorrupt("the second reader cannot open the file", saw=type(error).__name__) from None


class _WfdbRecord:
    def __init__(self, path: Path) -> None:
        self._wfdb = library("wfdb", SignalFileCorrupt)
        self._stem = str(path.with_suffix(""))
        self._header = self._wfdb.rdheader(self._stem)

    def signal(self, label: str, nth: int, fold: Callable[[str], str]) -> SourceSignal | None:
        index = _nth(list(self._header.sig_name), label, nth, fold)
        if index is None:
            return None
        record = self._wfdb.rdrecord(self._stem, channels=[index], smooth_frames=False)
        rate_hz = Fraction(repr(float(record.fs))) * int(record.samps_per_frame[0])
        return SourceSignal(str(record.units[0]), rate_hz, _pieces(record.e_p_signal[0], rate_hz))


class _Hdf5File:
    def __init__(self, path: Path, rule: Hdf5Rule | None) -> None:
        if rule is None:
            raise SignalFileCorrupt("no manifest describes the file")
        self._rule = rule
        self._file = library("h5py", SignalFileCorrupt).File(path, "r")
        names: list[str] = []
        self._file.visit(names.append)
        fits = (n for pattern in rule.signals for n in sorted(names) if PurePosixPath(n).match(pattern.strip("/")))
        self._names = [name for name in fits if getattr(self._file[name], "size", 0)]

    def signal(self, label: str, nth: int, fold: Callable[[str], str]) -> SourceSignal | None:
        index = _nth([name.rpartition("/")[2] for name in self._names], label, nth, fold)
        if index is None:
            return None
        dataset = self._file[self._names[index]]
        attributes = dict(dataset.parent.attrs) | dict(dataset.attrs)
        rate_hz = Fraction(float(np.ravel(attributes[self._rule.rate])[0])).limit_denominator(10**6)
        unit = attributes.get(self._rule.unit or "", "")
        text = unit.decode() if isinstance(unit, bytes) else str(unit)
        return SourceSignal(text.strip(), rate_hz, _pieces(np.ravel(dataset[()]).astype(np.float64), rate_hz))


def _nth(labels: Sequence[Any], label: str, nth: int, fold: Callable[[str], str]) -> int | None:
    same = [index for index, other in enumerate(labels) if fold(str(other or "")) == fold(label)]
    return same[nth - 1] if len(same) >= nth else None


def _pieces(value: NDArray[np.float64], rate_hz: Fraction) -> tuple[Piece, ...]:
    """Cut where nothing was measured."""
    edges = np.flatnonzero(np.diff(np.isfinite(value), prepend=False, append=False)).reshape(-1, 2)
    return tuple(Piece(float(int(a) / rate_hz), value[a:b]) for a, b in edges)

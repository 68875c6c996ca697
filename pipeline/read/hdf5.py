"""Read the signals of an HDF5 file whose datasets and attributes the manifest names.

Assumptions: one dataset a signal, samples in order of time, all signals from one start. Values stay as they are
stored, whole numbers or floating point; NaN becomes a gap.

The HDF5 library is written in C and can crash on a file whose inside is damaged: a batch then books the recording
as ``worker_died``, as any process that was killed. A file that was cut off is refused.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.read.optional import library
from pipeline.read.sampled import segments_of
from pipeline.read.source_file import open_source
from schemas.errors import ManifestInvalid, PsgError, SignalFileCorrupt
from schemas.findings import Finding
from schemas.manifest import Hdf5Rule
from schemas.recording import Signal, SignalInfo

__all__ = ["Hdf5File", "hdf5_dataset", "is_signal", "open_file", "open_hdf5", "told"]

_KEPT = 4  # signals that stay in memory: a channel asks for its leads several times


@contextmanager
def open_hdf5(path: Path, rule: Hdf5Rule | None) -> Iterator[Hdf5File]:
    """Open a file: find its signals and read their attributes; no sample.

    Raises
    ------
    ManifestInvalid
        When the manifest does not describe HDF5 files.
    SourceMissing, StorageError
        When the file cannot be opened; when the disk fails.
    SignalFileCorrupt
        When it is no HDF5 file, or a signal has no readable rate.
    """
    if rule is None:
        raise ManifestInvalid("the manifest has no section hdf5", do="Say in it where the signals are.")
    with open_file(path) as file:
        with told(path.name):
            opened = Hdf5File(file, rule, path.name)
        yield opened


@contextmanager
def open_file(path: Path) -> Iterator[Any]:
    """Open a file as its library shows it; raises as `open_hdf5`."""
    h5py = library("h5py", SignalFileCorrupt)
    with open_source(path) as stream:
        with told(path.name):
            file = h5py.File(stream, "r")
        with file:
            yield file


def hdf5_dataset(path: Path, name: str) -> NDArray[Any]:
    """Return the values of one dataset; raises as `open_hdf5`."""
    h5py = library("h5py", SignalFileCorrupt)
    with open_source(path) as stream, told(path.name), h5py.File(stream, "r") as file:
        if name not in file:
            raise _corrupt(f"it has no dataset {name!r}")
        return np.asarray(file[name][()])


@contextmanager
def told(name: str) -> Iterator[None]:
    """Turn what the library raises on a damaged file into our error."""
    try:
        yield
    except PsgError as error:
        raise error.at(name) from None
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, SystemError, AttributeError):
        raise _corrupt("it cannot be read as HDF5").at(name) from None


class Hdf5File:
    """An open file; made by `open_hdf5`."""

    def __init__(self, file: Any, rule: Hdf5Rule, name: str) -> None:
        self._name = name
        self._datasets = [d for pattern in rule.signals for d in _matching(file, pattern.strip("/").split("/"))]
        self.infos: tuple[SignalInfo, ...] = tuple(_info(k, d, rule) for k, d in enumerate(self._datasets))
        self.findings: tuple[Finding, ...] = ()
        self.clock_start_s: float | None = None
        self._kept: OrderedDict[int, NDArray[Any]] = OrderedDict()

    @property
    def duration_s(self) -> float:
        """Seconds to the end of the longest signal."""
        signals = zip(self._datasets, self.infos, strict=True)
        return max((float(dataset.size / info.rate_hz) for dataset, info in signals), default=0.0)

    def signal(self, index: int) -> Signal:
        """Return one signal; segments hold the values as stored."""
        info, value = self.infos[index], self._values(index)
        is_float = value.dtype.kind == "f"
        limits = (int(info.physical_min), int(info.physical_max))
        return Signal(
            label=info.label,
            unit_text=info.unit_text,
            rate_hz=info.rate_hz,
            gain=1.0,
            offset=0.0,
            physical_min=info.physical_min,
            physical_max=info.physical_max,
            digital_min=limits[0],
            digital_max=limits[1],
            segments=segments_of(value, ~np.isfinite(value) if is_float else None, info.rate_hz),
        )

    def _values(self, index: int) -> NDArray[Any]:
        if index not in self._kept:
            with told(self._name):
                self._kept[index] = np.asarray(self._datasets[index][()]).reshape(-1)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[index]


def _matching(group: Any, parts: Sequence[str]) -> Iterator[Any]:
    """Yield the datasets whose path fits, in order of name."""
    head, *rest = parts
    for name in sorted(group):
        if fnmatchcase(name, head):
            member = group[name]
            if rest and not hasattr(member, "shape"):
                yield from _matching(member, rest)
            elif not rest and is_signal(member):
                yield member


def is_signal(member: Any) -> bool:
    """Tell a dataset with one row of numbers from all others, and from groups."""
    shape = getattr(member, "shape", None) or ()
    return len(shape) > 0 and member.dtype.kind in "iuf" and 0 < max(shape) == member.size


def _info(index: int, dataset: Any, rule: Hdf5Rule) -> SignalInfo:
    label = dataset.name.rsplit("/", 1)[-1]
    unit = _attribute(dataset, rule.unit) if rule.unit else None
    limits = np.finfo(dataset.dtype) if dataset.dtype.kind == "f" else np.iinfo(dataset.dtype)
    rate_hz = _rate(_attribute(dataset, rule.rate), label)
    return SignalInfo(index, label, _word(unit), rate_hz, float(limits.min), float(limits.max))


def _attribute(dataset: Any, name: str) -> Any:
    """Return an attribute of the dataset, else of its group, else None."""
    return next((thing.attrs[name] for thing in (dataset, dataset.parent) if name in thing.attrs), None)


def _word(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace").strip()
    return "" if value is None else str(value).strip()


def _rate(value: Any, label: str) -> Fraction:
    try:
        rate_hz = Fraction(float(np.asarray(value).reshape(-1)[0])).limit_denominator(10**6)
    except (ValueError, TypeError, IndexError, OverflowError):
        rate_hz = Fraction(0)
    if not 0 < rate_hz <= 10**6:
        raise _corrupt(f"signal {label!r} has no readable rate", "the manifest's attribute, a number of Hz")
    return rate_hz


def _corrupt(what: str, expected: str = "an HDF5 file as the manifest describes it") -> SignalFileCorrupt:
    return SignalFileCorrupt(
        f"the file of signals cannot be used, {what}",
        expected=expected,
        do="Download it again, correct hdf5 in the manifest, or exclude the recording.",
    )

"""Guess how HDF5 files hold their signals: where the datasets lie, and which attributes say rate and unit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.read.hdf5 import is_signal, open_file, told
from schemas.manifest import Hdf5Rule

__all__ = ["outline_hdf5"]

# Names that public sets and recorders' exports use, folded.
_RATES = (
    "fs",
    "rate",
    "rate_hz",
    "sfreq",
    "sampling_rate",
    "sample_rate",
    "samplingrate",
    "samplerate",
    "frequency",
)
_UNITS = ("unit", "units", "dimension", "physical_dimension", "physical_unit")


def outline_hdf5(path: Path) -> Hdf5Rule | None:
    """Return the section ``hdf5`` that would find a file's signals, None where no dataset says its rate.

    Raises
    ------
    SourceMissing, StorageError, SignalFileCorrupt
        See `pipeline.read.hdf5`.
    """
    found: dict[str, None] = {}
    rates, units = dict[str, None](), dict[str, None]()
    with open_file(path) as file, told(path.name):
        for dataset in _signals(file):
            names = (*dataset.attrs, *dataset.parent.attrs)
            if rate := _first(names, _RATES):
                folder = dataset.name.strip("/").split("/")[:-1]
                found["/".join([*folder[:1], *["*"] * len(folder[1:]), "*"])] = None
                rates[rate] = None
                units.update(dict.fromkeys(filter(None, [_first(names, _UNITS)])))
    if not found:
        return None
    return Hdf5Rule(signals=tuple(found), rate=next(iter(rates)), unit=next(iter(units), None))


def _signals(group: Any) -> Iterator[Any]:
    for name in sorted(group):
        member = group[name]
        if is_signal(member):
            yield member
        elif not hasattr(member, "shape"):
            yield from _signals(member)


def _first(names: tuple[str, ...], wanted: tuple[str, ...]) -> str | None:
    by_folded = {name.casefold(): name for name in reversed(names)}
    return next((by_folded[name] for name in wanted if name in by_folded), None)

"""What the headers of many files say together: labels with their rates and units, and sets of labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.read.hdf5_outline import outline_hdf5
from pipeline.read.signal_file import peek
from pipeline.read.wfdb_header import read_wfdb_header
from pipeline.scan.census import Counted
from schemas.errors import PsgError
from schemas.manifest import Hdf5Rule
from schemas.recording import SignalInfo

__all__ = ["RECORD", "SIGNAL_FILES", "Headers", "LabelFacts", "merged", "of_counts", "read_headers"]

SIGNAL_FILES = (".edf", ".bdf", ".rec", ".hea", ".h5", ".hdf5")
_HDF5 = (".h5", ".hdf5")
RECORD = "{record}"  # stands for a WFDB record's own name in the names of its files


@dataclass
class LabelFacts:
    """In how many files a label occurs, and how often with which rate (Hz) and unit (as the headers spell it)."""

    n: int = 0
    rates_hz: Counter[float] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)


@dataclass
class Headers:
    """What is known of all files together.

    Parameters
    ----------
    labels : dict of str to LabelFacts
        In the order of the first file.
    families : Counter of tuple of str
        Sets of labels, in the order of the file, and how many files have each.
    hdf5 : Hdf5Rule or None
        Where HDF5 files keep their signals.
    companions : set of str
        Names of the files that a WFDB header names, `RECORD` standing for the record's own name.
    places : tuple of str
        Where the files lie, as far as a census tells: paths with ``*``.
    """

    labels: dict[str, LabelFacts] = field(default_factory=dict)
    families: Counter[tuple[str, ...]] = field(default_factory=Counter)
    hdf5: Hdf5Rule | None = None
    companions: set[str] = field(default_factory=set)
    places: tuple[str, ...] = ()

    def add(self, infos: Sequence[SignalInfo], n: int = 1) -> None:
        """Count ``n`` files with these signals."""
        labels = tuple(dict.fromkeys(info.label for info in infos))
        self.families[labels] += n
        for label in labels:
            self.facts(label).n += n
        for info in infos:
            facts = self.facts(info.label)
            facts.rates_hz[float(info.rate_hz)] += n
            facts.units[info.unit_text.strip()] += n

    def add_label(self, label: str, n: int) -> None:
        """Count ``n`` files with a label of which nothing else is known."""
        self.facts(label).n += n

    def facts(self, label: str) -> LabelFacts:
        """Return what is known of a label, to be added to."""
        return self.labels.setdefault(label, LabelFacts())


def read_headers(paths: Iterable[Path]) -> Headers:
    """Read the headers of files; one that cannot be read is for ``scan`` to report."""
    headers = Headers()
    for path in paths:
        try:
            _add(headers, path)
        except PsgError:
            continue
    return headers


def merged(parts: Sequence[Headers]) -> Headers:
    """Return what several kinds of files say together, the first one's labels first."""
    headers = Headers(hdf5=next((part.hdf5 for part in parts if part.hdf5), None))
    for part in parts:
        headers.families += part.families
        headers.companions |= part.companions
        for label, facts in part.labels.items():
            known = headers.facts(label)
            known.n += facts.n
            known.rates_hz += facts.rates_hz
            known.units += facts.units
    return headers


def of_counts(counted: Counted) -> Headers:
    """Return what a census tells."""
    headers = Headers(places=tuple(dict.fromkeys(m.files for m in counted.montages if m.files)))
    for montage in counted.montages:
        if montage.infos:
            headers.add(montage.infos, montage.n)
    for count in counted.labels:
        if count.nth == 1:
            headers.add_label(count.label, count.n)
    return headers


def _add(headers: Headers, path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix in _HDF5 and headers.hdf5 is None:
        headers.hdf5 = outline_hdf5(path)
        if headers.hdf5 is None:  # no dataset says its rate: there is nothing to propose
            return
    if suffix == ".hea":
        files = {signal.file for signal in read_wfdb_header(path).signals}
        headers.companions |= {file.replace(path.stem, RECORD) for file in files}
    headers.add(peek(path, headers.hdf5).infos)

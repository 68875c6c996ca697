"""A lean builder of nights in a cohort's own layout, and the judge of what became of them.

Every wave is one sine in phase with all others, so that a channel's stored amplitude is known in closed form: that
of its signal in the canonical unit, or the difference of two for a derivation.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from benchmarks.xml_bytes import document, night, scored
from pipeline.api import open_recording
from pipeline.batch.convert import convert_recording
from pipeline.channels import resolve
from pipeline.cohort import find_recordings
from pipeline.files.discover import Source
from pipeline.manifests.load import load_manifest
from pipeline.synth.edf_writer import EdfSignal, header_bytes
from pipeline.verify.store import verify_store
from schemas.recording import SignalInfo

__all__ = [
    "CLOCK_S",
    "Cohort",
    "Download",
    "Night",
    "Sig",
    "Truth",
    "breath",
    "channels",
    "check",
    "convert",
    "held",
    "nsrr_xml",
    "wave",
    "write_edf",
    "write_nights",
    "write_table",
]

CLOCK_S = 22 * 3600  # seconds of the day at which every night starts
FAST_HZ, SLOW_HZ = 16.0, 0.25  # of the sines: inside the pass-band of every kind of wave; 15 breaths a minute
EPOCH_S = 30
# What a manifest that knows its cohort never meets: a label it does not name; a rate, a range or a unit unlike the
# documented one; a value of a table without a meaning, or tables that contradict each other.
UNEXPECTED = frozenset({"PSG-C002", "PSG-C004", "PSG-C005", "PSG-C013", "PSG-M002", "PSG-M007"})

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sig:
    """One signal as written: a sine of ``amplitude`` about ``level``, both in the header's unit.

    ``hz`` is the sine's frequency; by default 16 Hz from 50 samples a second on, else a breath of four seconds.
    """

    label: str
    rate_hz: int
    unit: str
    amplitude: float = 0.0
    level: float = 0.0
    physical: tuple[float, float] | None = None
    digital: tuple[int, int] = (-32768, 32767)
    hz: float | None = None

    @property
    def header(self) -> EdfSignal:
        """What the header says; without ``physical`` a symmetric range of twice the largest value."""
        limit = 2.0 * max(abs(self.amplitude) + abs(self.level), 1.0)
        return EdfSignal(self.label, self.rate_hz, self.unit, self.physical or (-limit, limit), self.digital)

    def counts(self, n_second: int) -> NDArray[np.int16]:
        """Return what is stored, shape (n_second, rate_hz); zeros where the header has no range."""
        time_s = np.arange(n_second * self.rate_hz) / self.rate_hz
        hz = self.hz or (FAST_HZ if self.rate_hz >= 50 else SLOW_HZ)
        value = self.level + self.amplitude * np.sin(2 * np.pi * hz * time_s)
        header = self.header
        if header.gain == 0:
            return np.zeros((n_second, self.rate_hz), np.int16)
        digital = np.rint((value - header.physical[0]) / header.gain) + header.digital[0]
        return digital.clip(*header.digital).astype(np.int16).reshape(n_second, self.rate_hz)


def wave(
    label: str, rate_hz: int, unit: str = "", amplitude: float = 1.0, physical: tuple[float, float] | None = None
) -> Sig:
    """Return a sine: 16 Hz from 50 samples a second on, else a breath of four seconds."""
    return Sig(label, rate_hz, unit, amplitude, physical=physical)


def breath(
    label: str, rate_hz: int, unit: str = "", amplitude: float = 1.0, physical: tuple[float, float] | None = None
) -> Sig:
    """Return breaths of four seconds at any rate: what is stored at 4 Hz must be slow, too."""
    return Sig(label, rate_hz, unit, amplitude, physical=physical, hz=SLOW_HZ)


def held(
    label: str, rate_hz: int, unit: str = "", level: float = 0.0, physical: tuple[float, float] | None = None
) -> Sig:
    """Return a constant: SpO2, position, a status."""
    return Sig(label, rate_hz, unit, level=level, physical=physical)


def write_edf(
    path: Path, signals: Sequence[Sig], *, n_second: int = 150, clock_s: int = CLOCK_S, reserved: str = ""
) -> Path:
    """Write an EDF of one-second records, labels in the order given; ``reserved`` may claim ``EDF+C``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    headers = [signal.header for signal in signals]
    head = header_bytes(headers, n_record=n_second, clock_start_s=clock_s, reserved=reserved)
    path.write_bytes(head + np.hstack([signal.counts(n_second) for signal in signals]).astype("<i2").tobytes())
    return path


def nsrr_xml(
    path: Path, stages: Sequence[int], events: Iterable[tuple[str, float, float]] = (), *, clock: str = "22.00.00"
) -> Path:
    """Write an NSRR annotation: a scorer's code an epoch (0 to 6, 9), and (concept, onset, duration) events."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [scored(concept, onset, duration, "Respiratory|Respiratory") for concept, onset, duration in events]
    text = document(*(night(list(stages)) if stages else []), *rows, clock=f"00.00.00 {clock}")
    path.write_text(text, "utf-8")
    return path


def write_table(path: Path, rows: Sequence[Mapping[str, object]], *, delimiter: str = ",") -> Path:
    """Write a table of subjects; a column that a row lacks is empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(dict.fromkeys(c for row in rows for c in row)), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


@dataclass(frozen=True)
class Truth:
    """What a night must become.

    Parameters
    ----------
    stages : sequence of int
        AASM stage of every epoch of the store, -1 unscored.
    events : sequence of (type, onset, duration)
        In order of onset, seconds from the store's first epoch.
    amplitude : mapping of channel to float
        Of waves, in microvolt, millivolt, or the source's own unit; negative where the sign is turned.
    level : mapping of channel to float
        Of held values and codes.
    source : mapping of channel to str
        Label that a channel was made of, ``"A - B"`` for a derivation.
    absent : sequence of str
        Channels that the night must not have.
    subject : mapping of root attribute to value
        E.g. ``subject``, ``visit``, ``age_years``, ``sex``, ``site``, ``family``.
    scorers : mapping of int to sequence of int
        Stages of further scorers; there must be no others.
    findings : sequence of str
        Codes that must be among the findings; of those in ``UNEXPECTED`` no others may be.
    """

    stages: Sequence[int]
    events: Sequence[tuple[str, float, float]] = ()
    amplitude: Mapping[str, float] = field(default_factory=dict)
    level: Mapping[str, float] = field(default_factory=dict)
    source: Mapping[str, str] = field(default_factory=dict)
    absent: Sequence[str] = ()
    subject: Mapping[str, object] = field(default_factory=dict)
    scorers: Mapping[int, Sequence[int]] = field(default_factory=dict)
    findings: Sequence[str] = ()


@dataclass(frozen=True)
class Night:
    """One recording of a cohort with NSRR annotations: where its files lie, what they hold, what it must become.

    ``stages`` are a scorer's codes, one an epoch; with ``xml`` None there is no annotation file.
    """

    edf: str
    xml: str | None
    signals: Sequence[Sig]
    stages: Sequence[int]
    events: Sequence[tuple[str, float, float]]
    truth: Truth
    n_second: int = 150


def write_nights(root: Path, nights: Iterable[Night]) -> Path:
    """Write the files of several nights below ``root``."""
    for one in nights:
        write_edf(root / one.edf, one.signals, n_second=one.n_second)
        if one.xml is not None:
            nsrr_xml(root / one.xml, one.stages, one.events)
    return root


def channels(cohort: str, visit: str, signals: Sequence[Sig]) -> dict[str, str]:
    """Return what the shipped manifest makes of a file's headers: each channel's label, or labels."""
    infos = [
        SignalInfo(i, s.label, s.unit, Fraction(s.rate_hz), *s.header.physical, usable=s.header.gain != 0)
        for i, s in enumerate(signals)
    ]
    plans, _ = resolve(load_manifest(cohort), visit, infos)
    return {plan.channel: plan.source_label for plan in plans}


@dataclass(frozen=True)
class Cohort:
    """A cohort as it is written for the tests.

    Parameters
    ----------
    name : str
        Of the shipped manifest.
    write : callable
        Writes a download into a folder.
    truths : mapping of str to Truth
        What nights of it must become, by the recording's name.
    """

    name: str
    write: Callable[[Path], None]
    truths: Mapping[str, Truth]


class Download(Mapping[str, xr.Dataset]):
    """A written download as stores, by the recording's name; each is converted and verified when first asked."""

    def __init__(self, cohort: str, root: Path, out: Path) -> None:
        self.root = root
        self._out = out
        self._manifest = load_manifest(cohort)
        self._sources = {source.key.name: source for source in find_recordings(self._manifest, root)}
        self._opened: dict[str, xr.Dataset] = {}

    def __getitem__(self, name: str) -> xr.Dataset:
        if name not in self._opened:
            self._opened[name] = self._convert(self._sources[name])
        return self._opened[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def _convert(self, source: Source) -> xr.Dataset:
        path = self._out / f"{source.key.name}.zarr"
        convert_recording(source, self._manifest, path)
        assert [str(problem) for problem in verify_store(path).problems] == []
        return open_recording(path)


def convert(cohort: str, root: Path, out: Path) -> dict[str, xr.Dataset]:
    """Convert every night below ``root`` with the shipped manifest, verify its store, and return it opened."""
    return dict(Download(cohort, root, out))


def check(ds: xr.Dataset, truth: Truth) -> None:
    """Compare a store with what the night must become."""
    assert ds["stage"].values.tolist() == list(truth.stages)
    further = {name: ds[name].values.tolist() for name in map(str, ds.data_vars) if name.startswith("stage_scorer")}
    assert further == {f"stage_scorer{number}": list(stages) for number, stages in truth.scorers.items()}
    assert _events(ds) == [(kind, float(onset), float(duration)) for kind, onset, duration in truth.events]
    assert {name: ds.attrs.get(name) for name in truth.subject} == dict(truth.subject)
    assert sorted(set(truth.absent) & set(ds.data_vars)) == []
    assert {channel: ds[channel].attrs["source_label"] for channel in truth.source} == dict(truth.source)
    for channel, amplitude in truth.amplitude.items():
        assert _amplitude(ds[channel]) == pytest.approx(amplitude, rel=0.03), channel
    for channel, level in truth.level.items():
        assert set(np.unique(ds[channel].values)) == {level}, channel
    found = {finding["code"] for finding in ds.attrs["findings"]}
    assert set(truth.findings) - found == set()
    assert found & UNEXPECTED <= set(truth.findings)


def _events(ds: xr.Dataset) -> list[tuple[str, float, float]]:
    attrs = ds["event_type"].attrs
    names = dict(zip(np.ravel(attrs["flag_values"]).tolist(), attrs["flag_meanings"].split(), strict=True))
    kinds = [names[code] for code in ds["event_type"].values.tolist()]
    times = (ds[f"event_{name}_s"].values.tolist() for name in ("onset", "duration"))
    return list(zip(kinds, *times, strict=True))


def _amplitude(wave: xr.DataArray) -> float:
    """Return the amplitude of the builder's sine in a stored wave; the first and the last epoch are left out."""
    value = wave.values[1:-1].astype(float).reshape(-1) * wave.attrs.get("night_factor", 1.0)
    rate_hz = wave.shape[1] / EPOCH_S
    hz = FAST_HZ if "fast_sample" in wave.dims else SLOW_HZ
    time_s = EPOCH_S + np.arange(value.size) / rate_hz
    return float(2 * np.mean(value * np.sin(2 * np.pi * hz * time_s)))

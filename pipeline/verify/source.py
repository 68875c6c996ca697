"""Compare a store with the files that it was made from, through a second reader and a second resampler.

What is wrong is a `Problem` whose rule is one of

== ==========================================================================================================
S1 a source file has the bytes that were converted
S2 a channel has the sign that header and manifest give it
S3 a channel has the unit, and the amplitude within 1 %
S4 a wave correlates with its source at 0.99 or better, inside the band that the store declares
S5 a wave lies where it was recorded, within a twentieth of a sample
S6 no single epoch of a wave differs by more than 2 % of its power
S7 readings and codes are those of the source wherever they are not missing
S8 the source has the signals that a channel names
S9 a derived channel follows from the stored channels, beats and breaths that it comes from
== ==========================================================================================================

Derived channels have no signal to be compared with, but sources that are compared themselves. A store counts as
compared only when all its other channels were: where the second reader cannot open a file or place its records
in time, or does not understand one signal's range, all the rest is compared and the answer is "not compared".
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pipeline.api import open_recording
from pipeline.files.discover import Source, discover
from pipeline.files.fetch import fetched
from pipeline.files.hashing import hash_file
from pipeline.files.places import scratch_folder
from pipeline.read.independent import SourceSignal
from pipeline.read.independent_records import SecondReader, second_reader
from pipeline.verify.derived import derived_problems
from pipeline.verify.store import Problem
from pipeline.verify.waves import Agreement, JudgedBand, agree, place
from schemas.errors import EdfCorrupt, PsgError, SignalFileCorrupt
from schemas.kinds import Kind, Shape
from schemas.manifest import CohortManifest
from schemas.montage import ChannelRule
from schemas.store import LIMIT
from schemas.vocabulary import Polarity

__all__ = ["SourceFinder", "compare_with_source"]

_CORRELATION = 0.99
_TURNED = 0.5  # a correlation below minus this is the same wave with the other sign
_SLOPE = 0.01
_LAG_SAMPLE = 0.05
_AUDIBLE = 10.0  # packed counts, root mean square: below it a wave is rounding noise and only its size is judged
_FRACTION = 1.5  # a saturation that never exceeds it is a fraction of 1

# Size in the dimension's base unit. A table of its own, so that a fault in the conversion's is seen here.
_UNITS = {
    "uv": ("volt", 1e-6),
    "mv": ("volt", 1e-3),
    "v": ("volt", 1.0),
    "mmhg": ("pascal", 133.322),
    "cmh2o": ("pascal", 98.0665),
}


@dataclass(frozen=True)
class SourceFinder:
    """Finds the files of a store below a download; cheap to send to other processes, which look for themselves."""

    root: Path

    def find(self, attrs: dict[str, Any]) -> Source | None:
        """Return the files of the recording whose store has these attributes, or None where they are not there."""
        sources = _sources(self.root, json.dumps(attrs["manifest"], sort_keys=True))
        return sources.get(attrs["recording"])


@lru_cache(maxsize=8)
def _sources(root: Path, manifest: str) -> dict[str, Source]:
    """Return a cohort's recordings by name; nothing where none are there or the manifest is not of this version."""
    try:
        return {s.key.name: s for s in discover(CohortManifest.model_validate_json(manifest), root)}
    except (PsgError, ValueError):
        return {}


def compare_with_source(path: Path, finder: SourceFinder) -> tuple[tuple[Problem, ...], bool]:
    """Compare one store, which `verify_store` found sound, with its source.

    Returns
    -------
    problems : tuple of Problem
    compared : bool
        False where the source is not there or could not be read and placed by the second reader.
    """
    with open_recording(path) as ds:
        source = finder.find(ds.attrs)
        if source is None:
            return (), False
        with scratch_folder() as folder, fetched(source, folder / "source") as night:
            return _compare_with(night, ds)


def _compare_with(source: Source, ds: xr.Dataset) -> tuple[tuple[Problem, ...], bool]:
    problems = list(_changed_files(ds.attrs["sources"], source))
    for channel, what in derived_problems(ds):
        problems.append(Problem("S9", channel, f"{channel}/zarr.json", what, "source_mismatch"))
    manifest = CohortManifest.model_validate(ds.attrs["manifest"])
    try:
        night = second_reader(source.signals, manifest.hdf5)
    except (EdfCorrupt, SignalFileCorrupt):
        return tuple(problems), False
    compared = True
    for rule in manifest.rules_for(source.key.visit):
        if rule.channel in ds["channel"].values:
            try:
                problems += _Comparison(ds, rule, manifest, night).problems()
            except (EdfCorrupt, SignalFileCorrupt):
                compared = False
    return tuple(problems), compared


def _changed_files(listed: list[dict[str, Any]], source: Source) -> Iterator[Problem]:
    paths = dict(zip(source.names, source.paths, strict=True))
    for row in listed:
        name = row["name"]
        if name not in paths:
            yield Problem("S1", "", name, "the source file is not there", "source_mismatch")
        elif hash_file(paths[name], name).sha256 != row["sha256"]:
            yield Problem("S1", "", name, "the source file is not the one that was converted", "source_mismatch")


@dataclass(frozen=True)
class _Comparison:
    """One channel of a store beside its signals."""

    ds: xr.Dataset
    rule: ChannelRule
    manifest: CohortManifest
    night: SecondReader

    @property
    def attrs(self) -> dict[str, Any]:
        return self.ds[self.rule.channel].attrs

    @cached_property
    def flat(self) -> NDArray[Any]:
        return self.ds[self.rule.channel].values.reshape(-1)

    @property
    def step(self) -> float:
        """Value of one packed count, in the source's unit."""
        return float(self.rule.spec.scale * self.attrs.get("night_factor", 1.0))

    @property
    def sign(self) -> int:
        return 1 if self.rule.flip is None else -1

    def problems(self) -> list[Problem]:
        leads = self._leads()
        if not leads:
            return [self._problem("S8", "the source has no such signal")]
        factors = [self._unit_factor(lead) for lead in leads]
        if None in factors:
            return [self._problem("S3", "the source's unit is of another dimension")]
        scaled = [(lead, float(factor or 0)) for lead, factor in zip(leads, factors, strict=True)]
        compare = {Shape.WAVE: self._wave, Shape.STEP: self._readings, Shape.CODE: self._codes}
        return [*self._declared(scaled[0][1]), *compare[self.rule.spec.shape](scaled)]

    def _problem(self, rule: str, what: str) -> Problem:
        return Problem(rule, self.rule.channel, f"{self.rule.channel}/zarr.json", what, "source_mismatch")

    def _leads(self) -> list[SourceSignal]:
        """Return the signals that the channel's label names: one, or those of A and B for ``A - B``."""
        fold, wanted = self.manifest.fold, self.manifest.fold(self.attrs["source_label"])
        named = [(choice,) for choice in self.rule.labels if fold(choice.label) == wanted]
        if self.rule.derivation is not None:
            pairs = ((a, b) for a in self.rule.derivation.plus for b in self.rule.derivation.minus)
            named += [(a, b) for a, b in pairs if fold(f"{a.label} - {b.label}") == wanted]  # type: ignore[misc]
        found = [self.night.signal(c.label, c.nth or 1, fold) for c in named[0]] if named else []
        return [signal for signal in found if signal is not None] if None not in found else []

    def _unit_factor(self, lead: SourceSignal) -> float | None:
        """Return what takes header values to stored ones, or None between dimensions."""
        if self.rule.spec.shape is Shape.CODE:
            return 1.0
        text, blank, override = lead.unit_text, self.rule.unit_when_blank, self.rule.unit_override
        if not text and blank is not None:
            text = blank.unit.value
        if override is not None and text == override.when.strip():
            text = override.unit.value
        here, there = (_unit(u) for u in (text, self.attrs.get("source_unit", self.attrs["units"])))
        return here[1] / there[1] if here[0] == there[0] else None

    def _declared(self, factor: float) -> Iterator[Problem]:
        """S2 and S3 as the attributes have them."""
        if (self.attrs["polarity"] == Polarity.FLIPPED_BY_MANIFEST) != (self.sign < 0):
            yield self._problem("S2", f"polarity is {self.attrs['polarity']!r}, the manifest says otherwise")
        if not math.isclose(self.attrs["unit_factor"], self.sign * factor, rel_tol=1e-4):
            yield self._problem(
                "S3", f"unit_factor is {self.attrs['unit_factor']:g}, expected {self.sign * factor:g}"
            )

    # --- waves ---

    def _wave(self, leads: list[tuple[SourceSignal, float]]) -> list[Problem]:
        rate_hz = self.rule.spec.rate_class.rate_hz
        band = JudgedBand(self.attrs["band_low_hz"], self.attrs["band_high_hz"])
        truth = np.zeros(self.flat.size, np.float32)
        for way, (lead, factor) in zip((1, -1), leads, strict=False):
            placed = place(
                lead, band, rate_hz=rate_hz, start_s=self.ds.attrs["grid_offset_s"], n_sample=self.flat.size
            )
            truth += placed * np.float32(self.sign * way * factor)
        stored = self.flat * np.float32(self.attrs.get("night_factor", 1.0))
        stored[np.abs(stored) > (LIMIT - 0.5) * self.step] = np.nan
        return list(self._judge(agree(stored, truth, band, rate_hz=rate_hz, step=self.step), rate_hz))

    def _judge(self, found: Agreement, rate_hz: int) -> Iterator[Problem]:
        if math.isnan(found.correlation) or found.loudness < _AUDIBLE * self.step:
            if found.difference > self.step:
                yield self._problem(
                    "S4", f"differs by {found.difference / self.step:.1f} counts from a still source"
                )
            return
        if found.correlation < _CORRELATION:  # amplitude and lag mean nothing then
            turned = found.correlation < -_TURNED
            what = "the sign is turned" if turned else "the wave differs"
            yield self._problem("S2" if turned else "S4", f"{what}: correlation {found.correlation:.4f}")
            return
        is_loud = abs(found.slope - 1) > _SLOPE
        is_late = abs(found.lag_s) * rate_hz > _LAG_SAMPLE
        if is_loud:
            yield self._problem("S3", f"amplitude is {found.slope:.4f} of the source's")
        if is_late:
            yield self._problem("S5", f"late by {1e3 * found.lag_s:.3f} ms")
        if found.apart and not is_loud and not is_late:
            yield self._problem("S6", f"{len(found.apart)} epochs differ, the first is {found.apart[0]}")

    # --- readings and codes ---

    def _readings(self, leads: list[tuple[SourceSignal, float]]) -> list[Problem]:
        lead, factor = leads[0]
        expected = self._held(lead) * self.sign * factor
        if self.rule.kind is Kind.SPO2:
            is_fraction = np.nanmax(expected, initial=0.0) <= _FRACTION
            expected = np.minimum(expected * (100 if is_fraction else 1), 100)
        expected = np.clip(expected, -LIMIT * self.step, LIMIT * self.step)
        return self._differing(np.isfinite(self.flat), np.abs(self.flat - expected) <= 0.51 * self.step)

    def _codes(self, leads: list[tuple[SourceSignal, float]]) -> list[Problem]:
        meaning = self.rule.value_map or {code: code for code in self.rule.value_meanings}
        native = np.rint(self._held(leads[0][0]))
        expected = np.full(native.size, np.nan)
        for code, mapped in meaning.items():
            expected[native == code] = mapped
        return self._differing(self.flat >= 0, self.flat == expected)

    def _held(self, lead: SourceSignal) -> NDArray[np.float64]:
        """Return the reading that stands at each stored sample: the last one that had begun."""
        rate_hz = self.rule.spec.rate_class.rate_hz
        time_s = self.ds.attrs["grid_offset_s"] + np.arange(self.flat.size) / rate_hz
        out = np.full(self.flat.size, np.nan)
        for piece in lead.pieces:
            index = np.floor((time_s - piece.start_s + 1e-9) * float(lead.rate_hz)).astype(np.int64)
            inside = (index >= 0) & (index < piece.value.size)
            out[inside] = piece.value[index[inside]]
        return out

    def _differing(self, present: NDArray[np.bool_], equal: NDArray[np.bool_]) -> list[Problem]:
        wrong = np.flatnonzero(present & ~equal)
        if not wrong.size:
            return []
        epoch = wrong[0] // self.rule.spec.rate_class.n_per_epoch
        return [self._problem("S7", f"{wrong.size} samples are not the source's, the first in epoch {epoch}")]


def _unit(text: str) -> tuple[str, float]:
    """Return dimension and size; a unit outside the table is taken to be the one that is stored."""
    return _UNITS.get("".join(text.split()).replace("µ", "u").replace("μ", "u").casefold(), ("", 1.0))

"""A cohort against others, by aggregates of a few hundred bytes: no night of theirs is needed.

Shipped are those of made-up cohorts (``references/*.json``), which tell what the numbers are of clean nights; a
cohort of one's own becomes a reference by `reference_of`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.drift.effects import LEAST_ALL
from pipeline.drift.measures import AS_RECORDED, MEASURES, in_words
from pipeline.drift.per_night import numbers, scaled

__all__ = ["Comparison", "Reference", "Spread", "compare", "reference_of", "shipped_references"]

_WIDTH = (5.0, 95.0)  # per cent of nights between which a reference's usual ones lie
_DIGITS = 4  # of what is kept


@dataclass(frozen=True)
class Spread:
    """A number of a cohort's nights: how many have it, median, and where nine of ten lie; as `Measure.scaled`."""

    n: int
    center: float
    low: float
    high: float

    @classmethod
    def of(cls, value: NDArray[np.float64]) -> Spread | None:
        """Return None where too few have the number."""
        known = value[np.isfinite(value)]
        if known.size < LEAST_ALL:
            return None
        low, high = np.percentile(known, _WIDTH)
        numbers = (float(f"{x:.{_DIGITS}g}") for x in (np.median(known), low, high))
        return cls(int(known.size), *numbers)


@dataclass(frozen=True)
class Reference:
    """Aggregates of a cohort."""

    name: str
    text: str
    n_recording: int
    spreads: Mapping[str, Spread]

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Reference:
        """Rebuild it from `to_json`; numbers that are not compared any more are left out."""
        spreads = {name: Spread(**spread) for name, spread in row["spreads"].items() if name in MEASURES}
        return cls(row["name"], row["text"], row["n_recording"], spreads)


@dataclass(frozen=True)
class Comparison:
    """A number of a cohort beside that of a reference."""

    reference: str
    measure: str
    own: Spread
    other: Spread

    @property
    def weight(self) -> float:
        """How many times what is worth a remark; 0 where the cohort's median is usual for the reference."""
        if self.other.low <= self.own.center <= self.other.high:
            return 0.0
        return abs(self.own.center - self.other.center) / MEASURES[self.measure].far

    @property
    def words(self) -> str:
        """What differs, and by how much."""
        return in_words(self.measure, self.own.center, self.other.center)


def reference_of(
    recordings: pl.DataFrame, channels: pl.DataFrame, *, name: str, text: str, least_person: int = 1
) -> Reference:
    """Return the aggregates of a catalog's nights.

    Parameters
    ----------
    recordings, channels : DataFrame
        The catalog's tables.
    least_person : int
        Numbers that fewer persons have are left out.
    """
    persons = recordings["subject"]
    found = {
        measure: Spread.of(value)
        for measure, value in scaled(numbers(recordings, channels)).items()
        if persons.filter(pl.Series(np.isfinite(value))).n_unique() >= least_person
    }
    return Reference(name, text, recordings.height, {m: spread for m, spread in found.items() if spread})


def shipped_references() -> tuple[Reference, ...]:
    """Return the references that come with the program."""
    folder = resources.files("pipeline.drift") / "references"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".json")), key=lambda e: e.name)
    return tuple(Reference.from_json(json.loads(entry.read_text("utf-8"))) for entry in files)


def compare(own: Reference, other: Reference) -> list[Comparison]:
    """Return every number that both have, worst first.

    Amplitudes in arbitrary units are left out: between cohorts they say nothing.
    """
    both = [
        Comparison(other.name, name, own.spreads[name], other.spreads[name])
        for name, measure in MEASURES.items()
        if name in own.spreads and name in other.spreads and measure.unit != AS_RECORDED
    ]
    return sorted(both, key=lambda comparison: -comparison.weight)

"""Distributions for a page that may be shared: histograms of persons with round edges, small bars withheld."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.catalog.cells import LEAST, show_cells
from pipeline.drift.measures import AS_RECORDED, MEASURES
from pipeline.drift.per_night import numbers

__all__ = ["Histogram", "Stages", "histograms", "stages"]

_MOST_BAR = 24
_INNER = (2.0, 98.0)  # per cent of recordings that the bars are laid out for; the rest goes to the outermost ones
_STAGES = ("w", "n1", "n2", "n3", "rem")
_NO_STAGES = ""  # in place of a site: persons whose nights tell no stages apart


@dataclass(frozen=True)
class Histogram:
    """How a number is distributed.

    Parameters
    ----------
    edges : sequence of float
        Of the bars, round; the first and the last bar have what lies beyond them, too.
    counts : mapping of str to sequence of int or None
        Persons of every bar by cohort; None where they are withheld.
    centers : mapping of str to str
        Mean and standard deviation over recordings, by cohort.
    """

    name: str
    text: str
    unit: str
    edges: tuple[float, ...]
    counts: Mapping[str, tuple[int | None, ...]]
    centers: Mapping[str, str]

    @property
    def has_bars(self) -> bool:
        """Whether any bar is told."""
        return any(count for counts in self.counts.values() for count in counts)


def histograms(recordings: pl.DataFrame, channels: pl.DataFrame, *, small: bool) -> list[Histogram]:
    """Return how length, age and the numbers of `MEASURES` are distributed; those that few have are left out.

    Shares of stages have a picture of their own, and amplitudes in arbitrary units none.
    """
    rows = recordings.select("cohort", "subject", "age_years").hstack(numbers(recordings, channels))
    wanted = {"age_years": ("age", "years")} | {
        name: (measure.text, measure.unit)
        for name, measure in MEASURES.items()
        if measure.unit != AS_RECORDED and name.removesuffix("_percent") not in _STAGES
    }
    found = (_histogram(rows, name, text, unit, small=small) for name, (text, unit) in wanted.items())
    return [histogram for histogram in found if histogram]


def _histogram(rows: pl.DataFrame, name: str, text: str, unit: str, *, small: bool) -> Histogram | None:
    known = rows.filter(pl.col(name).is_not_null() & pl.col(name).is_finite())
    if known["subject"].n_unique() < LEAST and not (small and known.height):
        return None
    edges = _edges(known[name].to_numpy())
    last = len(edges) - 2
    bars = np.clip(np.searchsorted(edges, known[name].to_numpy(), side="right") - 1, 0, last)
    counts, centers = dict[str, tuple[int | None, ...]](), dict[str, str]()
    placed = known.with_columns(bar=pl.Series(bars))
    for (cohort,), own in placed.group_by("cohort", maintain_order=True):
        persons = dict(own.group_by("bar").agg(pl.col("subject").n_unique()).iter_rows())
        shown = show_cells({str(bar): persons.get(bar, 0) for bar in range(last + 1)}, small=small)
        counts[str(cohort)] = tuple(int(n) if n.isdecimal() else None for n in shown.values())
        centers[str(cohort)] = _center(own[name].to_list(), own["subject"].n_unique(), small=small)
    return Histogram(name, text, unit, tuple(edges.tolist()), counts, centers)


def _center(values: Sequence[float], n_person: int, *, small: bool) -> str:
    """Return mean and standard deviation; extremes and quantiles would be single persons."""
    if n_person < LEAST and not small:
        return f"known of fewer than {LEAST}"
    spread = statistics.pstdev(values)
    return f"{statistics.fmean(values):.3g} ± {spread:.2g}"


def _edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return round edges of at most `_MOST_BAR` bars that hold nearly all values."""
    low, high = np.percentile(values, _INNER)
    step = _round_step(max(high - low, abs(float(high)) / 20, 1e-3) / (_MOST_BAR - 2))
    first = math.floor(low / step)
    last = math.floor(high / step) + 1
    return np.arange(first, last + 1) * step


def _round_step(least: float) -> float:
    """Return 1, 2 or 5 times a power of ten, not below a number."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= least)


@dataclass(frozen=True)
class Stages:
    """Mean shares of the scored epochs by cohort and site, in per cent; ``persons`` of each, or a sign."""

    place: str
    persons: str
    percent: Mapping[str, float]


def stages(recordings: pl.DataFrame, channels: pl.DataFrame, *, small: bool) -> list[Stages]:
    """Return the stages of every site with enough persons whose nights tell stages of sleep apart."""
    rows = recordings.select("cohort", "site", "subject").hstack(numbers(recordings, channels))
    columns = [f"{stage}_percent" for stage in _STAGES]
    staged = rows.filter(pl.all_horizontal(pl.col(name).is_not_null() for name in columns))
    sites = [
        (f"{cohort}: {site or 'unknown'}", own)
        for (cohort, site), own in staged.group_by("cohort", "site", maintain_order=True)
    ]
    counts = {place: own["subject"].n_unique() for place, own in sites}
    n_other = rows["subject"].n_unique() - staged["subject"].n_unique()
    shown = show_cells(counts | {_NO_STAGES: n_other}, small=small)
    found = []
    for place, own in sites:
        if counts[place] >= LEAST or small:
            mean = {stage: float(np.mean(own[f"{stage}_percent"].to_numpy())) for stage in _STAGES}
            found.append(Stages(place, shown[place], mean))
    return sorted(found, key=lambda row: row.place)

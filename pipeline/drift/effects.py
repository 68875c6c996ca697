"""Groups and recordings that differ, from one number a recording: how far, and how certain that is.

A group is as far off as its median is from the usual one, which is the median of all groups' medians: each counts
once, so that one site that is wrong does not move what it is compared with, however many nights it has. Two groups
alone can only be said to differ from each other. Certain is what the spread within groups does not explain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from pipeline.drift.measures import MEASURES

__all__ = ["CERTAIN", "Effect", "Effects", "RecordingEffect", "compare_groups"]

Floats = NDArray[np.float64]

LEAST_GROUP = 3  # recordings with a number; of fewer the median is one night
LEAST_OWN = 5  # recordings of its own site that a recording is compared with; else with all
LEAST_ALL = 10  # recordings for a spread to be known
CERTAIN = 0.01  # chance of one such difference or more in the whole table if all groups were alike
FAR_Z = 5.0  # robust standard deviations of a recording from its site
_MAD_TO_SD = 1.4826  # of a normal distribution
_ONE_SD = (15.87, 84.13)  # per cent of a normal distribution below -1 and 1 standard deviations
_MEDIAN_VARIANCE = np.pi / 2  # of a median over that of a mean, normal distribution


@dataclass(frozen=True)
class Effect:
    """A group that differs in one number.

    Parameters
    ----------
    n : int
        Recordings of the group that have it.
    center, others : float
        The group's median, and the usual one; as `Measure.scaled` gives them.
    spread : float
        Standard deviation within groups, robust, not below the measure's least.
    p : float
        Chance of such a difference if the groups were alike, times the number of comparisons.
    """

    measure: str
    group: str
    n: int
    center: float
    others: float
    spread: float
    p: float

    @property
    def weight(self) -> float:
        """How many times what is worth a remark; what is worst is first by it."""
        return abs(self.center - self.others) / MEASURES[self.measure].far

    @property
    def counts(self) -> bool:
        """Whether the difference is certain and worth a remark."""
        return self.p <= CERTAIN and self.weight >= 1


@dataclass(frozen=True)
class RecordingEffect:
    """A recording that differs from its site in one number, ``z`` robust standard deviations."""

    measure: str
    row: int
    value: float
    center: float
    z: float


@dataclass(frozen=True)
class Effects:
    """What was found: groups, and single recordings; both worst first."""

    groups: tuple[Effect, ...]
    recordings: tuple[RecordingEffect, ...]


def compare_groups(
    values: Mapping[str, Floats], labels: Sequence[str], persons: Sequence[str] = (), *, least_person: int = 1
) -> Effects:
    """Compare groups of recordings in every number, and recordings with their group.

    Parameters
    ----------
    values : mapping of measure to ndarray, shape (n,), float64
        As `Measure.scaled` gives them; NaN where a recording has none.
    labels : sequence of str, length n
        The group of every recording.
    persons : sequence of str, length n, optional
        Whose it is; without, everybody has one recording.
    least_person : int
        A group in which fewer have the number is not compared, and the usual one does not come from it: of two
        groups, the other would tell its median.

    Returns
    -------
    Effects
        Every group and number that could be compared, certain or not; of recordings those that are far off.

    Source
    ------
    Holm 1979, Scandinavian Journal of Statistics 6:65, many comparisons; Rousseeuw & Croux 1993
    (doi:10.1080/01621459.1993.10476408), spread from medians.
    """
    names = np.asarray(labels, object)
    person = np.unique(np.asarray(persons, str), return_inverse=True)[1] if persons else np.arange(names.size)
    groups, recordings = list[Effect](), list[RecordingEffect]()
    for measure, value in values.items():
        numbers = _Numbers.of(measure, value, names, person, least_person)
        if numbers is None:
            continue
        groups += numbers.groups()
        recordings += numbers.recordings()
    adjusted = _holm(np.array([effect.p for effect in groups]))
    found = [replace(effect, p=float(p)) for effect, p in zip(groups, adjusted, strict=True)]
    return Effects(
        tuple(sorted(found, key=lambda effect: (not effect.counts, -effect.weight))),
        tuple(sorted(recordings, key=lambda effect: -abs(effect.z))),
    )


@dataclass(frozen=True)
class _Numbers:
    """One number of all recordings, with the centers of groups and the spread within them."""

    measure: str
    value: Floats
    label: NDArray[np.object_]
    center: Mapping[str, float]
    n: Mapping[str, int]
    large: Sequence[str]
    spread: float

    @classmethod
    def of(
        cls, measure: str, value: Floats, label: NDArray[np.object_], person: NDArray[np.int64], least_person: int
    ) -> _Numbers | None:
        """Return None where too few recordings have the number."""
        known = np.isfinite(value)
        if known.sum() < LEAST_ALL:
            return None
        names, place, n = np.unique(label[known].astype(str), return_inverse=True, return_counts=True)
        n_person = np.bincount(np.unique(np.stack([place, person[known]]), axis=1)[0], minlength=names.size)
        by_group = np.split(value[known][np.argsort(place, kind="stable")], np.cumsum(n)[:-1])
        center = np.array([np.median(own) for own in by_group])
        rest = value[known] - center[place]
        free = max(1, int(known.sum()) - names.size)
        spread = _spread(rest) * float(np.sqrt(known.sum() / free))
        return cls(
            measure,
            value,
            label,
            dict(zip(names.tolist(), center.tolist(), strict=True)),
            dict(zip(names.tolist(), n.tolist(), strict=True)),
            names[(n >= LEAST_GROUP) & (n_person >= least_person)].tolist(),
            max(spread, MEASURES[measure].least),
        )

    @property
    def usual(self) -> float:
        """The median of the groups' medians; of all recordings where there are no groups."""
        return float(np.median([self.center[group] for group in self.large] or self.value[np.isfinite(self.value)]))

    def groups(self) -> list[Effect]:
        if len(self.large) < 2:
            return []
        sizes = np.array([self.n[group] for group in self.large])
        of_usual = _MEDIAN_VARIANCE * float(np.mean(1 / sizes)) / sizes.size
        free = max(1, sum(self.n.values()) - len(self.n))
        found = []
        for group in self.large:
            error = self.spread * np.sqrt(_MEDIAN_VARIANCE / self.n[group] + of_usual)
            t = abs(self.center[group] - self.usual) / error
            p = float(2 * stdtr(free, -t))
            found.append(Effect(self.measure, group, self.n[group], self.center[group], self.usual, self.spread, p))
        return found

    def recordings(self) -> list[RecordingEffect]:
        center = {group: self.center[group] if n >= LEAST_OWN else self.usual for group, n in self.n.items()}
        at = np.array([center.get(str(group), np.nan) for group in self.label])
        z = (self.value - at) / self.spread
        far = (np.abs(z) >= FAR_Z) & (np.abs(self.value - at) >= MEASURES[self.measure].far)
        return [
            RecordingEffect(self.measure, int(row), float(self.value[row]), float(at[row]), float(z[row]))
            for row in np.flatnonzero(far)
        ]


def _spread(rest: Floats) -> float:
    """Return the standard deviation of numbers around 0, not moved by a few that are far off.

    The larger of two ways: the first is 0 where most nights have one value, as an index that is mostly 0.
    """
    low, high = np.percentile(rest, _ONE_SD)
    return max(_MAD_TO_SD * float(np.median(np.abs(rest))), float(high - low) / 2)


def _holm(p: Floats) -> Floats:
    """Return chances after the number of comparisons, by Holm's rule."""
    order = np.argsort(p)
    scaled = np.minimum(1.0, p[order] * np.arange(p.size, 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(scaled) if p.size else scaled
    return adjusted

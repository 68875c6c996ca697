"""Drift of a cohort: sites, visits and months that are unlike the others, and single recordings; worst first.

Months are those of conversion: when a night was recorded is never kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipeline.drift.effects import Effect, Effects, compare_groups
from pipeline.drift.measures import in_words
from pipeline.drift.per_night import numbers, scaled

__all__ = ["CohortDrift", "GroupDrift", "RecordingDrift", "cohort_drift"]

_MOST_WORDS = 4  # numbers that are told of one group


@dataclass(frozen=True)
class GroupDrift:
    """A group of recordings that differs.

    Parameters
    ----------
    what : str
        ``site``, ``visit`` or ``month``.
    name : str
        Which of them.
    effects : tuple of Effect
        The numbers in which it does, worst first.
    """

    cohort: str
    what: str
    name: str
    n_recording: int
    effects: tuple[Effect, ...]

    @property
    def weight(self) -> float:
        """Of its worst number; what is worst comes first by it."""
        return self.effects[0].weight

    @property
    def words(self) -> tuple[str, ...]:
        """What differs and by how much, to two digits: no number of a single person."""
        return tuple(in_words(effect.measure, effect.center, effect.others) for effect in self.effects)

    @property
    def told(self) -> str:
        """The worst of it in a line."""
        more = len(self.words) - _MOST_WORDS
        return "; ".join(self.words[:_MOST_WORDS]) + (f"; and {more} more" if more > 0 else "")


@dataclass(frozen=True)
class RecordingDrift:
    """A recording that differs from its site; ``z`` is of its worst number, in robust standard deviations."""

    recording: str
    z: float
    words: tuple[str, ...]


@dataclass(frozen=True)
class CohortDrift:
    """What was found.

    Parameters
    ----------
    groups, recordings : tuple
        Worst first.
    table : mapping of str to Effects
        All comparisons of sites, certain or not, by cohort.
    """

    groups: tuple[GroupDrift, ...]
    recordings: tuple[RecordingDrift, ...]
    table: Mapping[str, Effects]


def cohort_drift(
    recordings: pl.DataFrame,
    channels: pl.DataFrame,
    months: Mapping[str, str] | None = None,
    *,
    least_person: int = 1,
) -> CohortDrift:
    """Look for what differs, in every cohort by itself.

    Parameters
    ----------
    recordings, channels : DataFrame
        The catalog's tables.
    months : mapping of str to str, optional
        By recording, when it was converted, e.g. ``2026-11``.
    least_person : int
        As `pipeline.drift.effects.compare_groups`.
    """
    values = scaled(numbers(recordings, channels))
    groups, single, table = list[GroupDrift](), list[RecordingDrift](), dict[str, Effects]()
    for cohort in recordings["cohort"].unique().sort().to_list():
        at = np.flatnonzero((recordings["cohort"] == cohort).to_numpy())
        rows = recordings[at]
        own = {name: value[at] for name, value in values.items()}
        month = [(months or {}).get(name, "unknown") for name in rows["recording"]]
        labels = {"site": _words(rows["site"]), "visit": _words(rows["visit"]), "month": month}
        persons = rows["subject"].to_list()
        for what, label in labels.items():
            found = compare_groups(own, label, persons, least_person=least_person)
            groups += _groups(found, cohort, what, label)
            if what == "site":
                table[cohort] = found
                single += _recordings(found, rows["recording"].to_list())
    groups.sort(key=lambda group: -group.weight)
    single.sort(key=lambda recording: -abs(recording.z))
    return CohortDrift(tuple(groups), tuple(single), table)


def _words(column: pl.Series) -> list[str]:
    return [str(value) for value in column.fill_null("unknown").to_list()]


def _groups(found: Effects, cohort: str, what: str, labels: list[str]) -> list[GroupDrift]:
    """Return the groups that certainly differ, each with all in which it does."""
    by_group: dict[str, list[Effect]] = {}
    for effect in found.groups:
        if effect.counts:
            by_group.setdefault(effect.group, []).append(effect)
    return [
        GroupDrift(cohort, what, name, n_recording=labels.count(name), effects=tuple(effects))
        for name, effects in by_group.items()
    ]


def _recordings(found: Effects, names: Sequence[str]) -> list[RecordingDrift]:
    worst: dict[int, float] = {}
    words: dict[int, list[str]] = {}
    for effect in found.recordings:  # worst first
        worst.setdefault(effect.row, effect.z)
        words.setdefault(effect.row, []).append(in_words(effect.measure, effect.value, effect.center))
    return [RecordingDrift(names[row], z, tuple(words[row])) for row, z in worst.items()]

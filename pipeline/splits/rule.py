"""The rule by which persons are drawn into splits.

Families stay whole, and so does a person who is in two cohorts, where somebody found that out. Within a cohort,
groups are put in an order: by site, then age band, then sex, each level and at last the groups themselves in an
order drawn from the seed. Going along it, each group joins the split that is furthest behind its share. So a split
is never off its share by more than about one group (times its size), neither in the cohort nor in a site, nor in an
age band or a sex of one. Cohorts do not know of each other but for those persons.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.vocabulary import Sex, Split

__all__ = ["RULE", "Person", "age_band", "draw"]

RULE = "whole families, else persons; a cohort's shares are kept in each site, age band and sex; version 1"
_SALT = "sleep2vec splits 1"  # hashed with the seed; another rule gets another one
AGE_BANDS = (18, 40, 60, 80)  # years, lower edges; fewer than decades, so that small cohorts fill them


@dataclass(frozen=True)
class Person:
    """What the rule looks at.

    Parameters
    ----------
    subject : str
        ``cohort/subject``: persons of two cohorts are two.
    family : str or None
        As the cohort names it.
    same_as : tuple of str
        ``cohort/subject`` of the same person elsewhere, as far as anybody knows.
    """

    subject: str
    family: str | None = None
    site: str | None = None
    age_years: float | None = None
    sex: str = Sex.UNKNOWN.value
    same_as: tuple[str, ...] = ()

    @property
    def cohort(self) -> str:
        """The cohort."""
        return self.subject.partition("/")[0]


@dataclass(frozen=True)
class _Group:
    """Persons that go together, and the stratum of the first of them."""

    cohort: str
    subjects: tuple[str, ...]
    stratum: tuple[str, str, str]


def age_band(age_years: float | None) -> str:
    """Return the lower edge of the age band as text; ``unknown`` where nobody knows the age."""
    if age_years is None:
        return "unknown"
    return str(max((edge for edge in AGE_BANDS if edge <= age_years), default=0))


def draw(
    people: Sequence[Person],
    *,
    seed: int,
    shares: Mapping[Split, float],
    apart: Mapping[str, Split],
    kept: Mapping[str, Split],
) -> dict[str, Split]:
    """Return the split of everyone in ``people``; those in ``kept``, and their families, stay where they are.

    Cohorts in ``apart`` go where it says as a whole, with those of other cohorts who are the same persons.
    """
    drawn: dict[str, Split] = {}
    cohorts: dict[str, list[_Group]] = {}
    for group in _groups(people):
        cohorts.setdefault(group.cohort, []).append(group)
    for groups in cohorts.values():
        of = dict.fromkeys(shares, 0.0)
        for group in sorted(groups, key=lambda group: _place(group, seed)):
            for split, share in shares.items():
                of[split] += share * len(group.subjects)
            known = _apart(group, apart) or _known(group, kept)
            split = known or max(of, key=lambda split: of[split])
            of[split] = of.get(split, 0.0) - len(group.subjects)
            drawn |= dict.fromkeys(group.subjects, split)
    return drawn


def _apart(group: _Group, apart: Mapping[str, Split]) -> Split | None:
    cohorts = (subject.partition("/")[0] for subject in group.subjects)
    return next((apart[cohort] for cohort in cohorts if cohort in apart), None)


def _known(group: _Group, kept: Mapping[str, Split]) -> Split | None:
    return next((kept[subject] for subject in group.subjects if subject in kept), None)


def _place(group: _Group, seed: int) -> tuple[bytes, ...]:
    """Return where a group stands in its cohort's order: strata stay together, and all else is the seed's."""
    words = (group.cohort, *group.stratum)
    levels = [_hash(seed, *words[:n]) for n in range(2, len(words) + 1)]
    return (*levels, _hash(seed, *words, group.subjects[0]))


def _hash(seed: int, *words: str) -> bytes:
    return hashlib.sha256("\0".join([_SALT, str(seed), *words]).encode()).digest()


# --- groups ------------------------------------------------------------------------------------------------


def _groups(people: Sequence[Person]) -> list[_Group]:
    """Join persons that share a family, or are one, over any number of nights and families."""
    nights: dict[str, list[Person]] = {}
    for person in people:
        nights.setdefault(person.subject, []).append(person)
    heads: dict[str, str] = {}
    for person in people:
        if person.family:
            _join(heads, person.subject, f"{person.cohort}\0{person.family}")
        for other in person.same_as:
            if other in nights:
                _join(heads, person.subject, other)
    members: dict[str, list[str]] = {}
    for subject in sorted(nights):
        members.setdefault(_head(heads, subject), []).append(subject)
    return [_group(tuple(subjects), nights[subjects[0]]) for subjects in members.values()]


def _head(heads: dict[str, str], name: str) -> str:
    while name in heads:
        name = heads[name]
    return name


def _join(heads: dict[str, str], one: str, other: str) -> None:
    one, other = _head(heads, one), _head(heads, other)
    if one != other:
        heads[max(one, other)] = min(one, other)


def _group(subjects: tuple[str, ...], nights: Sequence[Person]) -> _Group:
    """Of several nights, the youngest age and the first of each word count, whatever the order."""
    first = nights[0]
    ages = [night.age_years for night in nights if night.age_years is not None]
    sites = sorted(night.site for night in nights if night.site)
    sexes = sorted({night.sex for night in nights} - {Sex.UNKNOWN.value})
    stratum = (
        sites[0] if sites else "",
        age_band(min(ages, default=None)),
        sexes[0] if sexes else Sex.UNKNOWN.value,
    )
    return _Group(first.cohort, subjects, stratum)

"""Who is for training and who is not: whole persons and families, drawn from a seed, kept as text.

A split file is lines of ``split<TAB>cohort/subject`` below a header of ``# name: value`` lines, the same bytes on
every machine. It holds the cohort's identifiers: it goes where the data may go and nowhere else.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pipeline.files.places import storage_errors
from pipeline.splits.rule import RULE, Person, draw
from schemas.errors import SplitInvalid, SplitLeak
from schemas.vocabulary import Split

__all__ = [
    "Person",
    "Splits",
    "check_no_leak",
    "check_splits",
    "make_splits",
    "read_splits",
    "shared_between",
    "write_splits",
]

TITLE = "sleep2vec splits, version 1"


@dataclass(frozen=True)
class Splits:
    """The split of every person.

    Parameters
    ----------
    of : mapping of str to Split
        By ``cohort/subject``.
    header : mapping of str to str
        How it came about: seed, shares, rule, versions; the lines above the persons in the file.
    """

    of: Mapping[str, Split]
    header: Mapping[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Persons a split, empty ones left out."""
        found = Counter(self.of.values())
        return {split.value: found[split] for split in Split if found[split]}

    def text(self) -> str:
        """Return the file's content: persons in order of their names, so that two files compare line by line."""
        lines = [f"# {TITLE}", *(f"# {name}: {value}" for name, value in self.header.items())]
        lines += [f"# persons in {split}: {n}" for split, n in self.counts.items()]
        return "\n".join([*lines, *(f"{split}\t{subject}" for subject, split in sorted(self.of.items())), ""])


def make_splits(
    people: Iterable[Person],
    *,
    seed: int = 0,
    val: float = 0.1,
    test: float = 0.1,
    external: Iterable[str] = (),
    leave_out: str | None = None,
    extend: Splits | None = None,
    overlaps: Iterable[tuple[str, str]] = (),
    allow_overlap: bool = False,
) -> Splits:
    """Draw a split for every person.

    Parameters
    ----------
    people : iterable of Person
        In any order; one person may be given once a night.
    seed : int
        Same seed, same people: same splits, wherever it runs.
    val, test : float
        Shares of each cohort's persons; the others are for training.
    external : iterable of str
        Cohorts that are kept apart as a whole.
    leave_out : str, optional
        Cohort that is the whole of ``test``; the others are for training and validation.
    extend : Splits, optional
        Nobody in it moves; the others are added so that the shares come out. Its external cohorts stay external.
    overlaps : iterable of (str, str)
        Cohorts that share people.
    allow_overlap : bool
        Keep one of such two cohorts apart from the other all the same; the file says so.

    Raises
    ------
    SplitInvalid
        When a share is impossible or an external cohort is not there.
    SplitLeak
        When ``extend`` has a family in two splits, or persons of an external cohort in another one; when a cohort
        is kept apart from one with which it shares people.
    """
    everyone = list(people)
    kept = dict(extend.of) if extend is not None else {}
    test = 0.0 if leave_out else test
    asked = set(external) | ({leave_out} if leave_out else set())
    cohorts = {person.cohort for person in everyone}
    _check_request(cohorts, val, test, asked)
    apart = _apart(kept, external, leave_out)
    _check_apart(kept, apart)
    shared = shared_between(apart, cohorts, overlaps)
    if shared and not allow_overlap:
        raise _overlap(shared)
    shares = {Split.TRAIN: 1.0 - val - test, Split.VAL: val, Split.TEST: test}
    drawn = draw(everyone, seed=seed, shares=shares, apart=apart, kept=kept)
    header = _header(seed, val, test, apart, extend)
    header |= {"shared people allowed": ", ".join(f"{one} and {other}" for one, other in shared)} if shared else {}
    splits = Splits(MappingProxyType(drawn | kept), header)
    check_splits(splits, everyone)
    return splits


def _cohort(subject: str) -> str:
    return subject.partition("/")[0]


def _check_request(cohorts: set[str], val: float, test: float, external: set[str]) -> None:
    if min(val, test) < 0 or val + test >= 1:
        raise SplitInvalid(
            "the shares leave nobody to train on",
            saw=f"val {val:g}, test {test:g}",
            expected="shares from 0 that add up to less than 1",
        )
    if absent := external - cohorts:
        raise SplitInvalid(
            "no such cohort here",
            saw=", ".join(sorted(absent)),
            expected=" or ".join(sorted(cohorts)) or "any recording at all",
        )


def _apart(kept: Mapping[str, Split], external: Iterable[str], leave_out: str | None) -> dict[str, Split]:
    """Return the cohorts that are kept apart as a whole, and where."""
    were = {_cohort(subject) for subject, split in kept.items() if split is Split.EXTERNAL}
    apart = dict.fromkeys(sorted({*external, *were}), Split.EXTERNAL)
    return apart | {leave_out: Split.TEST} if leave_out else apart


def shared_between(
    apart: Mapping[str, Split], cohorts: Iterable[str], overlaps: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Return pairs of cohorts that share people and would stand on two sides, the one kept apart first.

    Parameters
    ----------
    apart : mapping of str to Split
        Cohorts that are kept apart.
    cohorts : iterable of str
        Those that are there at all.
    """
    there = set(cohorts)
    both = {pair for one, other in overlaps for pair in ((one, other), (other, one)) if {one, other} <= there}
    return sorted((a, b) for a, b in both if a in apart and apart.get(b) is not apart[a])


def _overlap(shared: Sequence[tuple[str, str]]) -> SplitLeak:
    one, other = shared[0]
    return SplitLeak(
        "a cohort shares people with one that it is kept apart from",
        saw=f"{one} and {other}" + (f", and {len(shared) - 1} more pairs" if len(shared) > 1 else ""),
        why="Whoever is in both would be learnt from and tested on.",
        do=f"Keep both apart (--external {other}), leave one of them out of the stores, or --allow-overlap.",
    )


def _check_apart(kept: Mapping[str, Split], apart: Mapping[str, Split]) -> None:
    used = [s for s, split in kept.items() if split is not apart.get(_cohort(s), split)]
    if used:
        raise SplitLeak(
            "a cohort cannot become external any more",
            saw=f"{len(used)} of its persons in other splits",
            why="What was trained on or chosen by is not external.",
            do="Draw all splits anew, or leave the cohort where it is.",
        )


def _header(
    seed: int, val: float, test: float, apart: Mapping[str, Split], extend: Splits | None
) -> dict[str, str]:
    from importlib.metadata import version

    external = [cohort for cohort, split in apart.items() if split is Split.EXTERNAL]
    left_out = [cohort for cohort, split in apart.items() if split is Split.TEST]
    return {
        "seed": str(seed),
        "val": f"{val:g}",
        "test": f"{test:g}",
        "external": " ".join(external) or "none",
        **({"left out": " ".join(left_out)} if left_out else {}),
        "extends": "nothing" if extend is None else f"splits with seed {extend.header.get('seed', 'unknown')}",
        "rule": RULE,
        "made by": f"sleep2vec {version('sleep2vec')}",
    }


# --- checks that every consumer makes ----------------------------------------------------------------------


def check_no_leak(rows: Iterable[tuple[str, str | None, str]]) -> None:
    """Refuse a person or a family that is in two splits.

    Parameters
    ----------
    rows : iterable of (subject, family, split)
        One a recording or a person; ``cohort/subject``, and the family as the cohort names it, None or empty
        where there is none.

    Raises
    ------
    SplitLeak
        With the first of them, in order of names, and how many there are.
    """
    seen: dict[str, set[str]] = {}
    for subject, family, split in rows:
        seen.setdefault(f"person {subject}", set()).add(str(split))
        if family:
            seen.setdefault(f"family {_cohort(subject)}/{family}", set()).add(str(split))
    torn = sorted(name for name, splits in seen.items() if len(splits) > 1)
    if torn:
        raise SplitLeak(
            f"{len(torn)} persons or families are in two splits",
            saw=f"{torn[0]} in {' and '.join(sorted(seen[torn[0]]))}",
            expected="each in one",
            why="What was learnt from the one would be tested on the other.",
            do="Draw the splits anew with 'sleep2vec splits make', or correct the file.",
        )


def check_splits(splits: Splits, people: Iterable[Person]) -> None:
    """Refuse splits that leave one of these persons out, or tear a person or a family apart.

    Raises
    ------
    SplitInvalid, SplitLeak
    """
    everyone = list(people)
    absent = sorted({person.subject for person in everyone} - set(splits.of))
    if absent:
        raise SplitInvalid(
            f"{len(absent)} persons are in no split",
            saw=f"no line for {absent[0]}",
            do="Add them with 'sleep2vec splits make --extend'.",
        )
    check_no_leak((person.subject, person.family, splits.of[person.subject]) for person in everyone)
    pairs = {(p.subject, other) for p in everyone for other in p.same_as if other in splits.of}
    if torn := sorted(pair for pair in pairs if splits.of[pair[0]] is not splits.of[pair[1]]):
        raise SplitLeak(
            f"{len(torn)} persons of two cohorts are in two splits",
            saw=" and ".join(f"{subject} in {splits.of[subject]}" for subject in torn[0]),
            expected="each in one",
            do="Draw the splits anew with 'sleep2vec splits make --same-people'.",
        )


# --- the file ----------------------------------------------------------------------------------------------


def write_splits(splits: Splits, path: Path) -> None:
    """Write a split file, whole or not at all; one that is there is replaced.

    Raises
    ------
    StorageError
        When the disk refuses.
    """
    temporary = path.with_name(f"{path.name}.part-{secrets.token_hex(6)}")
    with storage_errors("the split file cannot be written", where=path.name):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(splits.text(), "utf-8")
        os.replace(temporary, path)


def read_splits(path: Path) -> Splits:
    """Read a split file.

    Raises
    ------
    SplitInvalid
        When it is not there or a line is none; with the line's number.
    SplitLeak
        When a person is in two splits.
    StorageError
        When the disk refuses.
    """
    try:
        with storage_errors("the split file cannot be read", where=path.name):
            text = path.read_text("utf-8") if path.is_file() else None
    except UnicodeDecodeError:
        text = None
    if text is None:
        raise SplitInvalid("no split file here", where=path.name, do="Make one with 'sleep2vec splits make'.")
    lines = list(enumerate(text.splitlines(), 1))
    header = dict(line[1:].strip().split(": ", 1) for _, line in lines if line.startswith("#") and ": " in line)
    rows = [_row(line, number, path.name) for number, line in lines if line.strip() and not line.startswith("#")]
    check_no_leak((subject, None, split) for subject, split in rows)
    own = {name: value for name, value in header.items() if not name.startswith("persons in ")}
    return Splits(MappingProxyType(dict(rows)), MappingProxyType(own))


def _row(line: str, number: int, file: str) -> tuple[str, Split]:
    split, tab, subject = line.partition("\t")
    if split not in set(Split) or not tab or not all(subject.partition("/")):
        raise SplitInvalid(
            "a line is no row of a split file",
            where=f"{file}, line {number}",
            expected=f"one of {', '.join(Split)}, a tab, cohort/subject",
        )
    return subject, Split(split)

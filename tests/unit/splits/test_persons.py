"""Splits: whole, complete, in proportion, the same everywhere, and never torn."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.splits import (
    Person,
    Splits,
    check_no_leak,
    check_splits,
    make_splits,
    read_splits,
    write_splits,
)
from schemas.errors import SplitInvalid, SplitLeak
from schemas.vocabulary import Split

SHARES = {Split.TRAIN: 0.7, Split.VAL: 0.1, Split.TEST: 0.2}


@st.composite
def cohorts(draw: st.DrawFn, names: str = "ab", max_size: int = 40) -> list[Person]:
    """Persons of two cohorts; some share a family, some come for two nights, much is unknown."""
    n = draw(st.integers(0, max_size))
    random = draw(st.randoms(use_true_random=False))
    people = []
    for number in range(n):
        person = Person(
            subject=f"{random.choice(names)}/{number:03d}",
            family=random.choice([None, None, None, f"f{random.randrange(n)}"]),
            site=random.choice([None, "s", "t"]),
            age_years=random.choice([None, random.uniform(0, 90)]),
            sex=random.choice(["male", "female", "unknown"]),
        )
        people.append(person)
        if random.random() < 0.2:
            people.append(Person(person.subject, None, person.site, 91.0))
    return people


def _families(people: list[Person]) -> list[set[str]]:
    """Return groups of persons that are joined by families, found by merging sets until nothing changes."""
    sets: dict[tuple[str, str], set[str]] = {}
    for person in people:
        own = (person.cohort, person.family or f"alone {person.subject}")
        sets.setdefault(own, set()).add(person.subject)
    groups: list[set[str]] = []
    for group in sets.values():
        near = [other for other in groups if other & group]
        groups = [other for other in groups if not other & group] + [group.union(*near)]
    return groups


def _make(people: list[Person], seed: int = 0, **options: object) -> Splits:
    return make_splits(people, seed=seed, val=SHARES[Split.VAL], test=SHARES[Split.TEST], **options)  # type: ignore[arg-type]


# --- properties --------------------------------------------------------------------------------------------


@given(cohorts(), st.integers(0, 9))
def test_everybody_is_in_one_split_with_the_family(people: list[Person], seed: int) -> None:
    """All persons and no others have a split, and families found independently are whole."""
    splits = _make(people, seed)
    assert set(splits.of) == {person.subject for person in people}
    assert [group for group in _families(people) if len({splits.of[subject] for subject in group}) > 1] == []


@given(cohorts(), st.integers(0, 9), st.randoms(use_true_random=False))
def test_order_does_not_matter(people: list[Person], seed: int, random: object) -> None:
    """The same persons in another order give the same file."""
    mixed = random.sample(people, len(people))  # type: ignore[attr-defined]
    assert _make(mixed, seed).text() == _make(people, seed).text()


@given(cohorts(), st.integers(0, 9))
def test_shares_come_out_in_each_cohort(people: list[Person], seed: int) -> None:
    """No split is off its share of a cohort by more than the largest family."""
    splits = _make(people, seed)
    for cohort in {person.cohort for person in people}:
        of = [split for subject, split in splits.of.items() if subject.startswith(f"{cohort}/")]
        largest = max(len(group) for group in _families(people) if next(iter(group)).startswith(f"{cohort}/"))
        off = {split: abs(of.count(split) - share * len(of)) for split, share in SHARES.items()}
        assert max(off.values()) <= largest + 1e-9


@given(st.integers(0, 50), st.integers(1, 200))
def test_shares_come_out_in_each_stratum(seed: int, n: int) -> None:
    """Without families, a split is off its share by less than two in each site, age band of it and sex of that."""
    ages, sexes = (None, 10.0, 30.0, 50.0, 70.0, 85.0), ("male", "female", "unknown")
    people = [Person(f"a/{k}", None, "stu"[k % 3], ages[k * k % 6], sexes[(k * k * k // 7) % 3]) for k in range(n)]
    of = _make(people, seed).of
    levels = (
        lambda p: p.site,
        lambda p: (p.site, p.age_years),
        lambda p: (p.site, p.age_years, p.sex),
    )
    for level in levels:
        strata: dict[object, list[Split]] = {}
        for person in people:
            strata.setdefault(level(person), []).append(of[person.subject])
        for found in strata.values():
            off = [abs(found.count(split) - share * len(found)) for split, share in SHARES.items()]
            assert max(off) < 2


@settings(max_examples=40)
@given(cohorts(), cohorts(), st.integers(0, 9))
def test_nobody_moves_when_persons_are_added(people: list[Person], more: list[Person], seed: int) -> None:
    """Extended splits keep everybody where they were, and new members of known families join them."""
    first = _make(people, seed)
    groups = _families(people + more)
    if any(len({first.of[subject] for subject in group if subject in first.of}) > 1 for group in groups):
        with pytest.raises(SplitLeak):
            _make(people + more, seed + 1, extend=first)
        return
    later = _make(people + more, seed + 1, extend=first)
    assert first.of.items() <= later.of.items()
    assert set(later.of) == {person.subject for person in people + more}
    check_splits(later, people + more)


@settings(max_examples=40)
@given(cohorts(), cohorts("c"), st.integers(0, 9))
def test_cohorts_do_not_know_of_each_other(people: list[Person], others: list[Person], seed: int) -> None:
    """Another cohort moves nobody, with or without it being external."""
    alone = _make(people, seed)
    assert alone.of.items() <= _make(people + others, seed).of.items()
    if others:
        apart = _make(people + others, seed, external=["c"])
        assert alone.of.items() <= apart.of.items()
        assert {split for subject, split in apart.of.items() if subject.startswith("c/")} == {Split.EXTERNAL}


@settings(max_examples=20)
@given(cohorts(), st.integers(0, 9))
def test_a_file_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, people: list[Person], seed: int
) -> None:
    """Text and back is the same, header included."""
    path = tmp_path_factory.mktemp("splits") / "splits.tsv"
    splits = _make(people, seed)
    write_splits(splits, path)
    assert read_splits(path) == splits
    assert read_splits(path).text() == path.read_text("utf-8")


# --- examples ----------------------------------------------------------------------------------------------


def test_a_seed_is_the_same_on_every_machine() -> None:
    """The draw hangs on SHA-256 alone: another process with another hash seed draws the same."""
    code = (
        "from pipeline.splits import *\n"
        "print(make_splits([Person(f'a/{k}', None, 'st'[k % 2], k, 'male') for k in range(99)], seed=5).text())"
    )
    here = make_splits([Person(f"a/{k}", None, "st"[k % 2], k, "male") for k in range(99)], seed=5).text()
    root = Path(__file__).parents[3]
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env={"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
        )
        assert done.stdout == f"{here}\n"


def test_seeds_draw_differently() -> None:
    """Over many seeds everybody is in every split about as often as the shares say."""
    people = [Person(f"a/{k}", None, "stu"[k % 3], 10.0 * k) for k in range(9)]
    n = 200
    drawn = Counter((subject, split) for seed in range(n) for subject, split in _make(people, seed).of.items())
    for person in people:
        share = drawn[person.subject, Split.TEST] / n
        assert 0.05 < share < 0.4  # 0.2 ± 5 standard errors, and small cohorts round


def test_two_nights_are_one_person() -> None:
    """The second visit, older and elsewhere, changes nothing."""
    people = [Person(f"a/{k}", None, "s", 17.0) for k in range(20)]
    again = [Person(f"a/{k}", None, "t", 19.0) for k in range(20)]
    assert _make(people + again).of == _make(people).of


def test_impossible_shares_are_refused() -> None:
    """Somebody must be left to train on."""
    for val, test in ((0.5, 0.5), (-0.1, 0.1), (1.0, 0.0)):
        with pytest.raises(SplitInvalid, match="nobody to train on"):
            make_splits([Person("a/1")], val=val, test=test)


def test_external_cohorts_must_be_there() -> None:
    """A misspelt cohort would be trained on."""
    with pytest.raises(SplitInvalid, match="saw b, expected a"):
        make_splits([Person("a/1")], external=["b"])


def test_a_used_cohort_cannot_become_external() -> None:
    """What was trained on is not external any more."""
    people = [Person("a/1"), Person("b/1")]
    with pytest.raises(SplitLeak, match="cannot become external"):
        make_splits(people, external=["b"], extend=make_splits(people))


def test_an_external_cohort_stays_external() -> None:
    """Its new persons are external, too, without being asked for again."""
    first = make_splits([Person("a/1"), Person("b/1")], external=["b"])
    later = make_splits([Person("a/1"), Person("b/1"), Person("b/2")], extend=first)
    assert later.of == {"a/1": Split.TRAIN, "b/1": Split.EXTERNAL, "b/2": Split.EXTERNAL}
    assert later.header["external"] == "b"


# --- leaks -------------------------------------------------------------------------------------------------


def test_a_person_in_two_splits_is_refused() -> None:
    """The error names the first and the splits."""
    with pytest.raises(SplitLeak, match=r"person a/1 in test and train"):
        check_no_leak([("a/1", None, "train"), ("a/2", None, "test"), ("a/1", "", "test")])


def test_a_family_in_two_splits_is_refused() -> None:
    """Persons of a family go together; families of two cohorts are two."""
    check_no_leak([("a/1", "7", "train"), ("b/2", "7", "test")])
    with pytest.raises(SplitLeak, match=r"family a/7 in test and train"):
        check_no_leak([("a/1", "7", "train"), ("a/2", "7", "test")])


def test_a_person_without_a_split_is_refused() -> None:
    """Nobody is left out silently."""
    splits = make_splits([Person("a/1")])
    with pytest.raises(SplitInvalid, match=r"1 persons are in no split.*a/2"):
        check_splits(splits, [Person("a/1"), Person("a/2")])


def test_a_family_torn_by_a_file_is_refused() -> None:
    """A file made by hand is checked against the families."""
    splits = Splits(MappingProxyType({"a/1": Split.TRAIN, "a/2": Split.TEST}))
    with pytest.raises(SplitLeak, match="family a/f"):
        check_splits(splits, [Person("a/1", "f"), Person("a/2", "f")])


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("train a/1", SplitInvalid),
        ("trains\ta/1", SplitInvalid),
        ("train\t1", SplitInvalid),
        ("train\ta/", SplitInvalid),
        ("test\ta/0", SplitLeak),
    ],
)
def test_bad_lines_are_refused(tmp_path: Path, line: str, error: type[Exception]) -> None:
    """A line that is none is named by its number; a person that is listed twice differently is a leak."""
    path = tmp_path / "splits.tsv"
    path.write_text(f"# a comment\ntrain\ta/0\n\n{line}\n")
    with pytest.raises(error, match="line 4" if error is SplitInvalid else "a/0"):
        read_splits(path)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """So is one that is no text."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("absent", "binary"):
        with pytest.raises(SplitInvalid, match="splits make"):
            read_splits(tmp_path / name)


# --- cohorts that share people, and persons with two names ---------------------------------------------------

SHARED = [Person(f"{cohort}/{n}") for cohort in ("mgh", "hsp", "far") for n in range(10)]


def test_a_cohort_is_not_kept_apart_from_one_that_it_shares_people_with() -> None:
    """Either of the two as external or left out is refused, whichever manifest says so; both apart are fine."""
    for request in ({"external": ["mgh"]}, {"external": ["hsp"]}, {"leave_out": "mgh"}):
        for overlaps in ([("mgh", "hsp")], [("hsp", "mgh")]):
            with pytest.raises(SplitLeak, match=r"shares people.*saw (mgh and hsp|hsp and mgh)"):
                make_splits(SHARED, overlaps=overlaps, **request)  # type: ignore[arg-type]
    both = make_splits(SHARED, external=["mgh", "hsp"], overlaps=[("mgh", "hsp")])
    assert both.counts["external"] == 20
    assert make_splits(SHARED, external=["far"], overlaps=[("mgh", "hsp")]).counts["external"] == 10
    assert make_splits(SHARED, external=["mgh"], overlaps=[("mgh", "elsewhere")]).counts["external"] == 10


def test_an_overlap_that_is_allowed_is_in_the_header() -> None:
    """Forced, the pair is split; whoever reads the file sees it."""
    splits = make_splits(SHARED, external=["mgh"], overlaps=[("mgh", "hsp")], allow_overlap=True)
    assert splits.header["shared people allowed"] == "mgh and hsp"
    assert "shared people allowed" not in make_splits(SHARED, external=["far"]).header


def test_one_cohort_left_out() -> None:
    """All of it is the test split and nothing else is; the others train and validate in their shares."""
    splits = make_splits(SHARED, leave_out="far", val=0.2, test=0.3)
    of = {subject: split for subject, split in splits.of.items() if split is Split.TEST}
    assert set(of) == {f"far/{n}" for n in range(10)}
    assert splits.counts == {"train": 16, "val": 4, "test": 10}
    assert splits.header["left out"] == "far"
    with pytest.raises(SplitInvalid, match="no such cohort"):
        make_splits(SHARED, leave_out="nowhere")


@given(st.integers(0, 20))
def test_a_person_of_two_cohorts_is_in_one_split(seed: int) -> None:
    """Two names of one person never part; with an external cohort both are external."""
    same = {f"mgh/{n}": (f"hsp/{9 - n}",) for n in range(5)}
    people = [Person(p.subject, same_as=same.get(p.subject, ())) for p in SHARED]
    splits = _make(people, seed)
    assert all(splits.of[one] is splits.of[other] for one, others in same.items() for other in others)
    apart = make_splits(people, seed=seed, external=["mgh"])
    assert {apart.of[f"hsp/{9 - n}"] for n in range(5)} == {Split.EXTERNAL}
    assert Counter(apart.of.values())[Split.EXTERNAL] == 15


def test_a_person_of_two_cohorts_in_two_splits_is_refused() -> None:
    """Splits that were drawn before the two names were known are named with both."""
    splits = Splits(MappingProxyType({"a/1": Split.TRAIN, "b/2": Split.TEST}))
    with pytest.raises(SplitLeak, match="saw a/1 in train and b/2 in test"):
        check_splits(splits, [Person("a/1", same_as=("b/2",)), Person("b/2")])

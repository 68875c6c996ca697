"""One night under two names is found, and two nights are not taken for one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.catalog.build import collect
from pipeline.catalog.same_people import read_same, write_same
from pipeline.catalog.twins import NightMarks, find_twins, night_marks
from pipeline.splits import read_splits
from schemas.errors import SplitInvalid
from tests.command_line import in_process

NO_BEATS = np.empty(0)
N = 600  # epochs


def stages(seed: int, n_epoch: int = N) -> NDArray[np.int8]:
    """A night whose stage changes about every third minute."""
    rng = np.random.default_rng(seed)
    length = rng.integers(2, 11, n_epoch)
    return np.repeat(rng.integers(0, 5, n_epoch), length)[:n_epoch].astype(np.int8)


def beats(seed: int, n_epoch: int = N) -> NDArray[np.float64]:
    """Beats whose rate wanders from epoch to epoch."""
    rng = np.random.default_rng(seed)
    interval = np.repeat(1.0 + 0.05 * rng.standard_normal(n_epoch), 30)
    return np.cumsum(interval + 0.02 * rng.standard_normal(interval.size))


def exported(time_s: NDArray[np.float64], cut_epoch: int = 0) -> NDArray[np.float64]:
    """The same beats found again in another file: 3 ms off, some lost, on a grid of 1/128 s, the beginning cut."""
    rng = np.random.default_rng(99)
    moved = time_s - cut_epoch * 30 + 0.003 * rng.standard_normal(time_s.size)
    kept = moved[(moved >= 0) & (rng.random(time_s.size) > 0.002)]
    return np.unique(np.round(kept * 128) / 128)


@pytest.mark.parametrize("cut", [0, 17])
def test_a_second_export_is_found(cut: int) -> None:
    """By its stages, by its heart, or by both; the shift between the two nights is told."""
    stage, heart = stages(1), beats(1)
    one = night_marks(stage, heart)
    for other, by in (
        (night_marks(stage[cut:], NO_BEATS), ("stages",)),
        (night_marks(np.full(N - cut, -1, np.int8), exported(heart, cut)), ("heart",)),
        (night_marks(stage[cut:], exported(heart, cut)), ("stages", "heart")),
    ):
        (found,) = find_twins({"a/1": one, "b/9": other, "c/5": night_marks(stages(2), beats(2))})
        assert (found.one, found.other, found.by, found.shift_epoch) == ("a/1", "b/9", by, cut)


def test_different_nights_share_nothing() -> None:
    """Sixty nights of other people, and none of them another's."""
    assert find_twins({f"a/{seed}": night_marks(stages(seed), beats(seed)) for seed in range(60)}) == ()


def test_what_everybody_has_is_no_mark() -> None:
    """A quiet hour, a short night, unscored epochs and an even heart are nobody's in particular."""
    quiet, even = np.full(N, 2, np.int8), np.arange(0, N * 30, 1.0)
    for marks in (
        night_marks(quiet, even),
        night_marks(stages(1)[:60], beats(1)[:1500]),
        night_marks(np.full(N, -1, np.int8), NO_BEATS),
        night_marks(stages(1)[:0], NO_BEATS),
    ):
        assert isinstance(marks, NightMarks)
        assert (len(marks.stage), len(marks.heart)) == (0, 0)


def test_a_copy_under_another_cohort_is_one_person_for_splits(converted: Path, tmp_path: Path) -> None:
    """Nights are named, persons are written, and splits keep the two names together."""
    out = tmp_path / "out"
    shutil.copytree(converted, out)
    told = in_process("splits", "twins", out, "--json", cwd=tmp_path)
    assert json.loads(told.stdout)["nights"] == []  # six minutes are too short to tell anything
    people = sorted(set(collect(out).recordings["subject"]))
    write_same([(people[0], people[1])], tmp_path / "same.tsv")
    options = ("--seed", 3, "--val", 0.5, "--same-people", "same.tsv", "--out", "s.tsv")
    assert in_process("splits", "make", out, *options, cwd=tmp_path).returncode == 0
    assert len(read_splits(tmp_path / "s.tsv").counts) == 1


def test_the_file_of_same_people(tmp_path: Path) -> None:
    """It is read as it was written; another file is refused with the line."""
    write_same([("a/1", "b/2"), ("a/1", "c/3")], tmp_path / "same.tsv")
    assert read_same(tmp_path / "same.tsv") == {"a/1": ("b/2", "c/3")}
    for text, line in (("train\ta/1\n", 1), ("# sleep2vec same people, version 1\na/1 b/2\n", 2)):
        (tmp_path / "other.tsv").write_text(text, "utf-8")
        with pytest.raises(SplitInvalid, match=f"other.tsv, line {line}"):
            read_same(tmp_path / "other.tsv")

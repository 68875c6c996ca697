"""``sleep2vec splits make``: from stores to a file that says how it came about."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.splits import read_splits
from tests.command_line import in_process


def test_a_file_is_made_from_the_stores(converted: Path, tmp_path: Path) -> None:
    """Both persons are in it once, over their visits; the header has seed, shares and terms."""
    done = in_process("splits", "make", converted, "--seed", 3, "--val", 0.5, "--out", "new/s.tsv", cwd=tmp_path)
    splits = read_splits(tmp_path / "new" / "s.tsv")
    assert done.returncode == 0, done.stderr
    assert (splits.header["seed"], splits.header["val"], splits.counts) == ("3", "0.5", {"train": 1, "val": 1})
    assert splits.header["terms"].startswith("none, the data are made up; may be passed on")


def test_other_splits_are_not_overwritten(converted: Path, tmp_path: Path) -> None:
    """The same command again does nothing; another seed is refused; an extension moves nobody."""

    def make(*options: object) -> int:
        return in_process("splits", "make", converted, "--out", "s.tsv", *options, cwd=tmp_path).returncode

    assert make("--seed", 1) == 0
    first = (tmp_path / "s.tsv").read_text("utf-8")
    assert make("--seed", 1) == 0
    assert make("--seed", 2) == 2
    assert (tmp_path / "s.tsv").read_text("utf-8") == first
    assert make("--seed", 2, "--extend", "s.tsv") == 0
    assert read_splits(tmp_path / "s.tsv").header["extends"] == "splits with seed 1"
    assert (tmp_path / "s.tsv").read_text("utf-8").splitlines()[-2:] == first.splitlines()[-2:]


def test_a_cohort_can_be_kept_apart(converted: Path, tmp_path: Path) -> None:
    """All persons of an external cohort are external; the counts are told as JSON."""
    options = ("--seed", 0, "--external", "synthetic", "--out", "s.tsv", "--json")
    done = in_process("splits", "make", converted, *options, cwd=tmp_path)
    assert json.loads(done.stdout)["persons"] == {"external": 2}


def test_an_unknown_cohort_is_wrong_use(converted: Path, tmp_path: Path) -> None:
    """Nothing is written then."""
    options = ("--seed", 0, "--external", "nobody", "--out", "s.tsv")
    assert in_process("splits", "make", converted, *options, cwd=tmp_path).returncode == 2
    assert list(tmp_path.iterdir()) == []

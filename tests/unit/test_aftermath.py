"""The judge of the campaigns sees what it is to see: each damage is told, and a sound output is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.batch.run import run
from tests.aftermath import Aftermath, unsettled, unsound, written
from tests.stub_cohort import convert, make_plan, write_nights


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output with two stores; not to be changed."""
    tmp = tmp_path_factory.mktemp("made")
    run(make_plan(write_nights(tmp / "in", {"a": "", "b": ""}), tmp / "out"), convert)
    return tmp / "out"


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    """A copy of the output, with its times, to be damaged."""
    return Path(shutil.copytree(made, tmp_path / "out"))


def test_a_sound_output_is_right(out: Path) -> None:
    """Two recordings, two outcomes, two stores."""
    assert (unsound(out), unsettled(out, 2)) == ((), ())


def test_a_torn_store_is_seen(out: Path) -> None:
    """A file that is gone is told with its store."""
    shutil.rmtree(out / "stub" / "a.zarr" / "spo2" / "c")
    assert [problem.split(":")[0] for problem in unsound(out)] == ["a"]


def test_what_is_missing_or_left_over_is_seen(out: Path) -> None:
    """A store without its row, a row without its store, a recording with neither, an unfinished store."""
    assert unsettled(out, 3) == ("3 recordings, 2 stores, 2 rows",)
    (out / "stub" / "b.zarr").rename(out / "stub" / "c.zarr")
    assert unsettled(out, 2) == ("2 recordings, 2 stores, 2 rows",)
    shutil.copytree(out / "stub" / "c.zarr", out / "stub" / "b.zarr")
    (out / "stub" / "c.zarr").rename(out / "stub" / "c.zarr.part-0123456789ab")
    assert unsettled(out, 2) == ("1 unfinished stores are left over",)


def test_a_store_that_is_written_again_is_another(out: Path) -> None:
    """Equal bytes with other times are what tells that work was done twice."""
    before = written(out)
    shutil.copytree(out / "stub" / "a.zarr", out / "stub" / "again", copy_function=shutil.copyfile)
    shutil.rmtree(out / "stub" / "a.zarr")
    (out / "stub" / "again").rename(out / "stub" / "a.zarr")
    assert [key for key, files in before.items() if written(out)[key] != files] == ["stub/a"]


@pytest.mark.parametrize("amiss", ["redone", "unsound", "faults"])
def test_anything_amiss_is_not_right(amiss: str) -> None:
    """One word in any of the three is enough."""
    fine = {"redone": (), "unsound": (), "faults": ()}
    assert Aftermath("now", 2, 1, **fine).is_right
    assert not Aftermath("now", 2, 1, **{**fine, amiss: ("a",)}).is_right

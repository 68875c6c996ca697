"""``verify --beats``: stored beats against the files of a download, and what is said where that cannot be done."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.read.rpoints import read_rpoints
from tests.command_line import in_process


def published(root: Path) -> list[Path]:
    return sorted(root.rglob("*-rpoint.csv"))


def verify(out: Path, root: Path, code: int = 0) -> Any:
    done = in_process("verify", out, "--beats", "--root", root, "--json", cwd=out.parent)
    assert (done.returncode, done.stderr) == (code, "")
    return json.loads(done.stdout)["beats"]


def test_every_night_is_scored(converted: Path, download: Path) -> None:
    """Each with all its published beats; the stored ones are where the generator put them."""
    beats = verify(converted, download)
    assert (len(beats["scored"]), beats["n_without_truth"], beats["refused"]) == (4, 0, [])
    n_published = [int(read_rpoints(path).is_beat.sum()) for path in published(download)]
    n_scored = [row["found"] + row["missed"] for row in beats["scored"]]
    assert all(0 <= n - m <= 2 for n, m in zip(n_published, n_scored, strict=True))  # those behind the last epoch
    assert beats["total"]["f1"] >= 0.99
    assert min(row["f1"] for row in beats["scored"]) >= 0.99
    assert max(abs(row["offset_s"]) for row in beats["scored"]) <= 0.004
    assert min(row["covered"] for row in beats["scored"]) >= 0.95


@pytest.fixture(scope="module")
def changed(download: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the download whose published beats are 50 ms early, 0.3 s early, gone, and wrong."""
    root = Path(shutil.copytree(download, tmp_path_factory.mktemp("changed") / "download"))
    *shifted, gone, wrong = published(root)
    for shift_s, path in zip((0.05, 0.3), shifted, strict=True):
        points = read_rpoints(path)
        rows = [f"{time - shift_s},1" for time in points.time_s[points.time_s > 1]]
        path.write_text("\n".join(["seconds,Type", *rows]))
    gone.unlink()
    wrong.write_text("seconds,Type\n1.0,1\nJane Doe,1\n")
    return root


@pytest.fixture(scope="module")
def beats(converted: Path, changed: Path) -> Any:
    """What is said of the changed download, where the code is 3."""
    return verify(converted, changed, code=3)


def test_a_shifted_truth_is_seen(beats: Any) -> None:
    """Published beats that come 50 ms early give an offset; 0.3 s early, hardly any agreement."""
    early, apart = beats["scored"]
    assert early["offset_s"] == pytest.approx(0.05, abs=0.005)
    assert early["f1"] >= 0.98
    assert apart["f1"] < 0.5


def test_nights_that_cannot_be_scored(beats: Any, converted: Path, changed: Path) -> None:
    """Without a file a night is counted; a file that is wrong is named with its line."""
    assert (len(beats["scored"]), beats["n_without_truth"]) == (2, 1)
    [refused] = beats["refused"]
    assert refused["recording"] == f"shhs/{published(changed)[-1].name.removesuffix('-rpoint.csv')}"
    assert "line 3: seconds is no number: saw text" in refused["why"]
    assert "Jane" not in refused["why"]
    done = in_process("verify", converted, "--beats", "--root", changed, cwd=changed)
    assert f"not scored: {refused['recording']}: {refused['why']}" in done.stdout.splitlines()
    assert "1 recordings have no published beats where" in done.stdout


@pytest.mark.parametrize("options", [("--beats",), ("--root", ".")], ids=" ".join)
def test_half_a_question_is_wrong_use(converted: Path, options: tuple[str, ...]) -> None:
    """--beats needs a download, and --root is for nothing else."""
    done = in_process("verify", converted, *options, cwd=converted.parent)
    assert done.returncode == 2
    assert "--root" in done.stderr

"""What an operator types when nights fail: progress, log, report, quarantine, clearing up."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from pipeline.synth import synthesise
from tests.command_line import in_process


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One sound and one truncated recording, converted with a log."""
    place = tmp_path_factory.mktemp("place")
    synthesise(
        place / "in", recipe="synthetic", nights=0, hours=0.05, seed=3, faults=["missing_subject_row", "truncated"]
    )
    options = ("--root", "in", "--out", "out", "--verbose", "--log-file", "log", "--dask", "local")
    done = in_process("convert", "synthetic", *options, cwd=place)
    assert done.returncode == 3, done.stderr
    assert re.search(r"^\d\d:\d\d:\d\d recording ended recording=synthetic/\S+ outcome=failed", done.stderr, re.M)
    assert done.stdout.splitlines()[-1] == "next: sleep2vec quarantine list out"
    return place


@pytest.fixture
def copy(place: Path, tmp_path: Path) -> Path:
    """A copy to be changed."""
    return Path(shutil.copytree(place, tmp_path / "place"))


def failed(place: Path) -> str:
    """Return the recording that failed."""
    done = in_process("quarantine", "list", "out", "--json", cwd=place)
    [group] = [group for group in json.loads(done.stdout) if group["reason"] == "edf_truncated"]
    [name] = group["recordings"]
    return str(name)


def test_the_log_has_a_line_of_json_for_every_recording(place: Path) -> None:
    """Time, level, event and facts; neither a path nor anything of the machine."""
    lines = [json.loads(line) for line in (place / "log").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["run begins", "recording ended", "recording ended", "run ended"]
    assert {line["level"] for line in lines} == {"info", "warning"}
    assert str(place) not in (place / "log").read_text()


def test_status_shows_the_report(place: Path) -> None:
    """The newest report as a page and as JSON."""
    page = in_process("status", "out", "--report", cwd=place).stdout
    assert page.startswith("# synthetic, 20")
    facts = json.loads(in_process("status", "out", "--report", "--json", cwd=place).stdout)
    assert facts["failures"] == {"edf_truncated": 1}


def test_a_failed_recording_is_listed_left_out_and_taken_in(copy: Path) -> None:
    """List, retry, exclude and include, each of them ending in the next command."""
    name = failed(copy)
    listed = in_process("quarantine", "list", "out", cwd=copy).stdout.splitlines()
    assert listed[0].startswith("1 x edf_truncated; next: copy the files again")
    assert listed[1].startswith(f"  {name}: ")
    retry = ("quarantine", "retry", "out", "synthetic", "--root", "in")
    again = in_process(*retry, "--json", cwd=copy)
    assert (again.returncode, json.loads(again.stdout)["outcomes"]) == (3, {"failed": 1})
    done = in_process("quarantine", "exclude", "out", name, "--reason", "cut off", cwd=copy)
    assert done.stdout.startswith("1 left out; next: sleep2vec quarantine include out RECORDING")
    assert in_process("convert", "synthetic", "--root", "in", "--out", "out", cwd=copy).returncode == 0
    assert "1 x excluded_by_operator" in in_process("quarantine", "list", "out", cwd=copy).stdout
    assert in_process("quarantine", "include", "out", name, cwd=copy).stdout.startswith("1 taken in; next: ")
    assert in_process(*retry, cwd=copy).returncode == 3


def test_what_nobody_needs_is_shown_before_it_is_removed(copy: Path) -> None:
    """Without --yes nothing changes; a root without recordings is refused rather than believed."""
    (copy / "out" / "synthetic" / "x.zarr.part-00ff00ff00ff").mkdir()
    name = failed(copy)
    key = name.partition("/")[2]
    [source] = [path for path in (copy / "in").rglob("*.edf") if key in path.name]
    source.unlink()
    sources = ("--manifest", "synthetic", "--root", "in")
    shown = in_process("gc", "out", *sources, cwd=copy).stdout.splitlines()
    assert shown == [
        "1 unfinished stores could be removed",
        f"{name}: its source is gone; store could be removed",
        "next: the same command with --yes",
    ]
    before = sorted(os.listdir(copy / "out" / "synthetic"))
    removed = json.loads(in_process("gc", "out", *sources, "--yes", "--json", cwd=copy).stdout)
    assert removed == {"n_unfinished": 1, "gone": [name], "removed": True}
    assert sorted(os.listdir(copy / "out" / "synthetic")) == before[:-1]
    (copy / "empty").mkdir()
    wrong = in_process("gc", "out", "--manifest", "synthetic", "--root", "empty", "--yes", cwd=copy)
    assert (wrong.returncode, "no file fits the layout" in wrong.stderr) == (2, True)
    assert in_process("gc", "out", "--root", "in", cwd=copy).returncode == 2

"""A small cohort and its stores, made once a run; tests that change the stores work on a copy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.synth import synthesise
from tests.command_line import in_process
from tests.page_checks import Browser, browser
from tests.prefect_server import Server, prefect_server


@pytest.fixture(scope="session")
def download(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with four sound nights of six minutes, every sensor connected, as SHHS would publish them."""
    root = tmp_path_factory.mktemp("download") / "shhs"
    synthesise(root, recipe="shhs", nights=0, hours=0.1, seed=8, faults=["missing_subject_row"] * 4)
    return root


@pytest.fixture(scope="session")
def converted(download: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of ``convert``; not to be changed."""
    out = tmp_path_factory.mktemp("converted") / "out"
    done = in_process("convert", "shhs", "--root", download, "--out", out, cwd=out.parent)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def out(converted: Path, tmp_path: Path) -> Path:
    """A copy of the output, with its times, to be damaged."""
    return Path(shutil.copytree(converted, tmp_path / "out"))


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser without a network."""
    with browser(tmp_path_factory.mktemp("chromium")) as program:
        yield program


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Prefect server with its own SQLite, for all who leave it running and look only at their own runs."""
    with prefect_server(tmp_path_factory.mktemp("prefect") / "home") as found:
        yield found

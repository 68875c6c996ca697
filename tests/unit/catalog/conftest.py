"""Converted nights for the catalog, made once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.synth import synthesise
from tests.command_line import in_process


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stores of two persons with two visits of six minutes each; not to be changed."""
    place = tmp_path_factory.mktemp("catalog")
    synthesise(place / "download", recipe="synthetic", nights=4, hours=0.1, seed=5, visits=2)
    done = in_process("convert", "synthetic", "--root", place / "download", "--out", place / "out", cwd=place)
    assert done.returncode == 0, done.stderr
    return place / "out"


@pytest.fixture
def out(converted: Path, tmp_path: Path) -> Path:
    """A copy of the stores, to be changed."""
    return Path(shutil.copytree(converted, tmp_path / "out"))

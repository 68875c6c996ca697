"""One cohort by processes, by Dask and by Prefect: the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.synth import synthesise
from tests.command_line import sleep2vec

pytestmark = pytest.mark.system


def _arrays(out: Path) -> dict[str, bytes]:
    """Return every file of every store but the roots, which say when and by what they were made."""
    files = (path for path in out.rglob("*") if path.is_file() and ".zarr" in path.relative_to(out).as_posix())
    found = {path.relative_to(out).as_posix(): path.read_bytes() for path in files}
    return {name: content for name, content in found.items() if not name.endswith(".zarr/zarr.json")}


def test_the_same_bytes_whoever_did_the_work(tmp_path: Path) -> None:
    """Arrays and their documents do not depend on where the work ran, nor on how many did it."""
    download = tmp_path / "download"
    synthesise(download, recipe="synthetic", nights=3, hours=0.2, seed=4)
    ways = {
        "processes": ("convert", "synthetic", "--workers", 2),
        "dask": ("convert", "synthetic", "--workers", 2, "--dask", "local"),
        "prefect": ("nightly", "synthetic"),
    }
    found = {}
    for name, arguments in ways.items():
        out = tmp_path / name
        done = sleep2vec(
            *arguments, "--root", download, "--out", out, cwd=tmp_path, PREFECT_HOME=str(tmp_path / "home")
        )
        assert done.returncode == 0, done.stderr[-2000:]
        found[name] = _arrays(out)
    assert len(found["processes"]) > 100
    assert found["dask"] == found["processes"]
    assert found["prefect"] == found["processes"]

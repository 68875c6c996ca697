"""Convert, verify, resume and read where source and output lie in an object store, by the command line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pipeline.api import open_recording
from pipeline.places import copy_out, entries, place, remove_files
from pipeline.write.ledger import read_ledger
from tests.command_line import in_process
from tests.object_store import BUCKET, served
from tests.storage_campaign import client_of

IN, OUT = f"s3://{BUCKET}/in", f"s3://{BUCKET}/out"


@pytest.fixture(scope="module")
def uploaded(download: Path) -> Iterator[None]:
    """The small cohort in the server's bucket; this process is a client."""
    files = {path.relative_to(download).as_posix(): path for path in download.rglob("*") if path.is_file()}
    with served() as endpoint, client_of(endpoint):
        copy_out(files, place(IN))
        yield


def _run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return in_process(*arguments, cwd=cwd)


def _convert(cwd: Path, only: str) -> dict[str, object]:
    options = ("--root", IN, "--out", OUT, "--only", only, "--workers", 1, "--json")
    done = _run("convert", "shhs", *options, cwd=cwd)
    assert done.returncode == 0, done.stderr
    report: dict[str, object] = json.loads(done.stdout)
    return report


def test_a_cohort_lives_in_an_object_store(
    uploaded: None, converted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From URL to URL as from folder to folder: the same bytes, found unchanged, verified, repaired, read."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("SLEEP2VEC_SCRATCH", str(scratch))
    first, second, *_ = sorted(path.stem for path in converted.glob("shhs/*.zarr"))
    pair = f"*[{first[-1]}{second[-1]}]"
    assert _convert(tmp_path, pair)["n_converted"] == 2
    again = _convert(tmp_path, pair)
    assert (again["n_converted"], again["n_unchanged"]) == (0, 2)
    assert (list(scratch.iterdir()), list(tmp_path.iterdir())) == ([], [scratch])

    rows = read_ledger(place(OUT)).rows
    remove_files(place(f"{OUT}/shhs/{first}.zarr"), ["zarr.json"])  # as a kill while it is replaced leaves it
    verified = json.loads(_run("verify", OUT, "--against-source", IN, "--json", cwd=tmp_path).stdout)
    assert (len(verified["problems"]), verified["n_compared"]) == (1, 1)
    assert _convert(tmp_path, pair)["n_converted"] == 1
    assert [name for name, row in read_ledger(place(OUT)).rows.items() if row != rows[name]] == [("shhs", first)]

    for name in (first, second):
        _same_arrays(converted, name)
    status = json.loads(_run("status", OUT, "--json", cwd=tmp_path).stdout)
    assert status["n_recordings"] == 2
    shown = json.loads(_run("inspect", f"{OUT}/shhs/{first}.zarr", "--json", cwd=tmp_path).stdout)
    assert shown["recording"] == f"shhs/{first}"


def _same_arrays(converted: Path, name: str) -> None:
    """Every file but the root document is that of the local output; plain xarray and our door read it."""
    local, url = converted / "shhs" / f"{name}.zarr", f"{OUT}/shhs/{name}.zarr"
    for array, _ in entries(local):
        if array != "zarr.json":
            for file in (path for path in (local / array).rglob("*") if path.is_file()):
                assert (place(url) / file.relative_to(local).as_posix()).read_bytes() == file.read_bytes()
    with xr.open_zarr(url, chunks=None) as plain, open_recording(url) as ours, open_recording(local) as there:
        assert ours.identical(there)
        np.testing.assert_allclose(plain["spo2"], there["spo2"], rtol=1e-6)


def test_an_output_that_cannot_be_reached_is_told_and_named(uploaded: None, tmp_path: Path) -> None:
    """Each command ends with one line that says what to look at."""
    for arguments in (("status", "s3://nobucket/out"), ("verify", "s3://nobucket/out")):
        done = _run(*arguments, cwd=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert "no such bucket" in done.stderr
    done = _run("status", "s3://me:secret@bucket/out", cwd=tmp_path)
    assert (done.returncode, "secret" in done.stdout + done.stderr) == (2, False)

"""Convert, verify, resume and read where source and output lie in an object store, by the command line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import wfdb
import xarray as xr

from pipeline.api import open_recording
from pipeline.cohort import find_recordings
from pipeline.files.fetch import fetched
from pipeline.files.places import copy_out, entries, place, remove_files
from pipeline.harmonise import harmonise
from pipeline.write.ledger import read_ledger
from schemas.manifest import CohortManifest
from tests.command_line import in_process
from tests.object_store import BUCKET, denied, served
from tests.storage_campaign import client_of
from tests.stub_cohort import MANIFEST

IN, OUT = f"s3://{BUCKET}/in", f"s3://{BUCKET}/out"


@pytest.fixture(scope="module")
def uploaded(download: Path) -> Iterator[str]:
    """The small cohort in a bucket of the server whose address it gives; this process is a client."""
    with served() as endpoint, client_of(endpoint):
        _upload(download, IN)
        yield endpoint


def _upload(folder: Path, url: str) -> None:
    copy_out({p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}, place(url))


def _run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return in_process(*arguments, cwd=cwd)


def _convert(cwd: Path, only: str) -> dict[str, object]:
    options = ("--root", IN, "--out", OUT, "--only", only, "--workers", 1, "--json")
    done = _run("convert", "shhs", *options, cwd=cwd)
    assert done.returncode == 0, done.stderr
    report: dict[str, object] = json.loads(done.stdout)
    return report


@pytest.mark.system
def test_a_cohort_lives_in_an_object_store(
    uploaded: str, converted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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


@pytest.mark.system
def test_an_operator_finds_the_same_in_a_bucket(
    uploaded: str, download: Path, converted: Path, tmp_path: Path
) -> None:
    """Census, status, report, catalog, splits and shards are those of the folder that was uploaded."""
    url = f"s3://{BUCKET}/copy"
    _upload(converted, url)
    for arguments in (
        ("scan", "shhs", "--root", (IN, download), "--json"),
        ("scan", "--root", (IN, download), "--json"),
        ("manifest", "check", "shhs", "--root", (IN, download), "--json"),
        ("status", (url, converted), "--json"),
        ("status", (url, converted), "--report", "--json"),
        ("splits", "make", (url, converted), "--seed", 1, "--out", ("s.tsv", "t.tsv"), "--json"),
        ("shards", "build", (url, converted), "--out", ("remote", "local"), "--json"),
    ):
        ours, theirs = (
            _run(*(word[i] if isinstance(word, tuple) else word for word in arguments), cwd=tmp_path)
            for i in range(2)
        )
        assert (ours.returncode, theirs.returncode) == (0, 0), ours.stderr + theirs.stderr
        assert ours.stdout.replace("s.tsv", "t.tsv") == theirs.stdout
    assert (tmp_path / "s.tsv").read_bytes() == (tmp_path / "t.tsv").read_bytes()
    built = {p.relative_to(tmp_path / "local"): p for p in (tmp_path / "local").rglob("*") if p.is_file()}
    assert len(built) > 5
    for name, path in built.items():
        assert (tmp_path / "remote" / name).read_bytes() == path.read_bytes(), name


def test_files_that_name_each_other_come_together(uploaded: str, tmp_path: Path) -> None:
    """A record's header and samples are fetched into one folder, where the header finds them."""
    local = tmp_path / "local"
    local.mkdir()
    sine = np.sin(np.arange(128 * 90) / 10)
    wfdb.wrsamp("n1", 128, ["uV"], ["C4-M1"], p_signal=50 * sine[:, None], fmt=["16"], write_dir=str(local))
    (local / "n1.txt").write_text("W\nN1\nN3\n")
    _upload(local, f"s3://{BUCKET}/records")
    manifest = CohortManifest.model_validate(
        MANIFEST
        | {
            "layout": {"signals": "{subject}.hea", "companions": "{subject}.dat", "annotations": "{subject}.txt"},
            "annotations": {"format": "epoch_list", "scheme": "aasm"},
            "montage": [{"channel": "eeg_c4_m1", "labels": ["C4-M1"]}],
        }
    )
    [source] = find_recordings(manifest, place(f"s3://{BUCKET}/records"))
    with fetched(source, tmp_path / "fetched") as night:
        assert {path.parent for path in night.paths} == {night.signals[0].parent}
        ds = harmonise(night, manifest)
    assert ds["stage"].values.tolist() == [0, 1, 3]
    assert ds["eeg_c4_m1"].attrs["source_rate_hz"] == 128


def test_an_operator_decides_in_a_bucket(uploaded: str, converted: Path, tmp_path: Path) -> None:
    """Leave out, take in again, clear what a dead run left: rows and stores follow."""
    url = f"s3://{BUCKET}/decided"
    _upload(converted, url)
    first, second, *_ = sorted(path.stem for path in converted.glob("shhs/*.zarr"))
    remove_files(place(f"{url}/shhs/{second}.zarr"), ["zarr.json"])
    for arguments, said in (
        (("quarantine", "exclude", url, f"shhs/{first}", "--reason", "a trial"), "1 left out"),
        (("quarantine", "list", url), "1 x excluded_by_operator"),
        (("quarantine", "include", url, f"shhs/{first}"), "1 taken in"),
        (("gc", url), "1 unfinished stores could be removed"),
        (("gc", url, "--yes"), "1 unfinished stores removed"),
        (("gc", url), "0 unfinished stores could be removed"),
    ):
        done = _run(*arguments, cwd=tmp_path)
        assert (done.returncode, said in done.stdout) == (0, True), done
    assert {name for name, _ in entries(place(f"{url}/shhs"))}.isdisjoint({f"{first}.zarr", f"{second}.zarr"})


def test_a_path_that_must_be_local_is_no_url(tmp_path: Path) -> None:
    """Nothing is written into a folder that is called like a URL."""
    away = "s3://bucket/folder"
    for arguments in (
        ("synth", away),
        ("manifest", "new", "cohort", "--root", away),
        ("shards", "build", ".", "--out", away),
        ("shards", "verify", away),
        ("splits", "make", ".", "--seed", 1, "--out", away),
        ("scan", "shhs", "--root", away, "--show-text"),
        ("nightly", "shhs", "--root", away, "--out", away, "--shards", away),
    ):
        done = _run(*arguments, cwd=tmp_path)
        assert (done.returncode, "this machine" in done.stderr) == (2, True), done
    assert list(tmp_path.iterdir()) == []


def test_who_may_not_is_told(uploaded: str, tmp_path: Path) -> None:
    """Whatever is begun ends at once, with one line that says why and what to look at."""
    with denied(uploaded):
        for arguments in (
            ("convert", "shhs", "--root", IN, "--out", OUT),
            ("status", OUT),
            ("verify", OUT),
            ("gc", OUT),
            ("quarantine", "list", OUT),
        ):
            done = _run(*arguments, cwd=tmp_path)
            assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
            assert "permission denied by the object store (" in done.stderr
            assert "credentials" in done.stderr


def test_an_output_that_cannot_be_reached_is_told_and_named(uploaded: str, tmp_path: Path) -> None:
    """Each command ends with one line that says what to look at."""
    for arguments in (("status", "s3://nobucket/out"), ("verify", "s3://nobucket/out")):
        done = _run(*arguments, cwd=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert "no such bucket" in done.stderr
    done = _run("status", "s3://me:secret@bucket/out", cwd=tmp_path)
    assert (done.returncode, "secret" in done.stdout + done.stderr) == (2, False)

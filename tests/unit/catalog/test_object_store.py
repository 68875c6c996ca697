"""The catalog of stores in an object store is that of stores on a disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from pipeline.catalog.build import build_catalog
from pipeline.catalog.table import open_table
from pipeline.files.places import copy_out, place, remove_files
from tests.command_line import in_process
from tests.object_store import BUCKET, served
from tests.storage_campaign import client_of

OUT = f"s3://{BUCKET}/out"


@pytest.fixture
def uploaded(converted: Path) -> Iterator[None]:
    """The converted nights in a server's bucket; this process is a client."""
    files = {path.relative_to(converted).as_posix(): path for path in converted.rglob("*") if path.is_file()}
    with served() as endpoint, client_of(endpoint):
        copy_out(files, place(OUT))
        yield


def test_a_catalog_is_built_and_asked_by_url(uploaded: None, out: Path) -> None:
    """The same tables come out as on a disk; a second build keeps them; a lost object is named."""
    build_catalog(out)
    first = in_process("catalog", "build", OUT, "--json", cwd=out)
    assert (first.returncode, json.loads(first.stdout)["n_read"]) == (0, 4), first.stderr
    for table in ("catalog", "channels"):
        assert_frame_equal(open_table(place(OUT), table), open_table(out, table))
    assert build_catalog(place(OUT)).n_kept == 4
    assert in_process("catalog", "card", OUT, cwd=out).stdout == (out / "card.md").read_text("utf-8")

    path = min(out.glob("*/*.zarr")).relative_to(out).as_posix()
    remove_files(place(OUT), ["catalog.parquet", f"{path}/spo2/c/0/0"])
    (problem,) = build_catalog(place(OUT)).problems
    assert (f"{problem.recording}.zarr", problem.reason) == (path, "store_incomplete")
    assert in_process("splits", "make", OUT, "--seed", 0, "--out", "s.tsv", cwd=out).returncode == 0

"""A set in an object store is pulled and read in place like one that is near."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.files.places import copy_out, place, remove_files
from pipeline.shards import transfer
from pipeline.shards.pull import Wanted, pull_set
from pipeline.shards.read import open_shards
from pipeline.shards.verify import verify_set
from schemas.errors import StoreCorrupt, StoreIncomplete
from schemas.vocabulary import Modality
from tests.object_store import BUCKET, served
from tests.storage_campaign import client_of

URL = f"s3://{BUCKET}/set"


@pytest.fixture
def uploaded(shards: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The set in a server's bucket, and its folder; this process is a client, and tries again at once."""
    monkeypatch.setattr(transfer, "_PAUSE_S", 0.0)
    with served() as endpoint, client_of(endpoint):
        copy_out({f.relative_to(shards).as_posix(): f for f in shards.rglob("*") if f.is_file()}, place(URL))
        yield shards


def test_a_set_is_pulled_and_read_in_place(uploaded: Path, tmp_path: Path) -> None:
    """A subset and a whole split verify; in place the values are the same; damage over there is told."""
    pull_set(URL, tmp_path / "part", Wanted(("train",), (Modality.SPO2,), 3))
    pull_set(URL, tmp_path / "whole", Wanted(("val",)))
    assert [verify_set(tmp_path / name).problems for name in ("part", "whole")] == [(), ()]
    assert not (tmp_path / "part/train.zarr/eeg").exists()
    assert not pull_set(URL, tmp_path / "whole", Wanted(("val",))).pulled

    here, there = open_shards(uploaded, "train"), open_shards(URL, "train")
    assert not there.is_direct
    assert there.nights.recording == here.nights.recording
    for name in ("eeg", "spo2", "stage", "event_respiratory"):
        np.testing.assert_array_equal(there.read(name, 70, 100), here.read(name, 70, 100))

    file = uploaded / "train.zarr/eeg/c/0/0"
    content = bytearray(file.read_bytes())
    content[500] ^= 1
    file.write_bytes(content)
    copy_out({"train.zarr/eeg/c/0/0": file}, place(URL))
    with pytest.raises(StoreCorrupt, match=rf"train\.zarr/eeg.*{here.nights.recording[0]}"):
        open_shards(URL, "train").read("eeg", 0, 1)
    with pytest.raises(StoreCorrupt, match=r"train\.zarr/eeg/c/0/0.*bytes 0 to"):
        pull_set(URL, tmp_path / "damaged", Wanted(("train",), (Modality.EEG,)))
    remove_files(place(URL), ["set.json"])
    with pytest.raises(StoreIncomplete):
        open_shards(URL, "train")

"""With xarray and Zarr alone a set opens, has the values of its recordings, and keeps persons apart."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import sys
for name in ("schemas", "pipeline", "polars", "duckdb"):
    sys.modules[name] = None  # as if it were not installed
import numpy as np
import xarray as xr

out, built = sys.argv[1:]
primary = {"eeg": "eeg_c4_m1", "belt": "thor", "spo2": "spo2"}
people, n_compared = [], 0
for split in ("train", "val", "test"):
    shards = xr.open_zarr(f"{built}/{split}.zarr", chunks=None)
    people.append(set(map(str, shards.subject.values)))
    for i in range(shards.sizes["recording"]):
        night = shards.isel(recording=i)
        epochs = slice(int(night.start), int(night.start + night.length))
        store = xr.open_zarr(f"{out}/{str(night.recording.values)}.zarr", chunks=None)
        for modality, channel in primary.items():
            values = shards[modality].isel(epoch=epochs)
            if night.present.sel(modality=modality) == 1:
                np.testing.assert_array_equal(values, store[channel])
                assert values.units == store[channel].units
                n_compared += 1
            else:
                assert channel not in store and values.isnull().all()
        np.testing.assert_array_equal(shards.stage.isel(epoch=epochs), store.stage)
print(len(set.union(*people)) == sum(map(len, people)), n_compared)
"""


def test_nothing_of_ours_is_needed(converted: Path, built: Path, tmp_path: Path) -> None:
    """A process that cannot import this project reads everything, and finds no person in two splits."""
    command = [sys.executable, "-W", "error", "-W", "ignore:Consolidated metadata", "-c", CODE]
    done = subprocess.run(
        [*command, str(converted), str(built)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stderr, done.stdout) == ("", "True 32\n")

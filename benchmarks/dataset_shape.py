"""The figures of docs/adr/0001-one-flat-dataset.md: one flat Dataset a night against a tree with a group a rate.

Usage: ``OMP_NUM_THREADS=1 python -W ignore -m benchmarks.dataset_shape``
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

N_EPOCH = 960  # a night of 8 h
N_CHANNEL = {"fast": 7, "mid": 2, "slow": 6, "step": 2}
N_PER_EPOCH = {"fast": 3840, "mid": 960, "slow": 120, "step": 30}


def night() -> xr.Dataset:
    """Return a night of noise with as many channels of every rate as a rich one has, and its stages."""
    rng = np.random.default_rng(0)
    ds = xr.Dataset({"stage": ("epoch", rng.integers(0, 5, N_EPOCH, np.int8))})
    for name, n in N_CHANNEL.items():
        for k in range(n):
            counts = rng.normal(0, 500, (N_EPOCH, N_PER_EPOCH[name])).astype(np.int16)
            ds[f"{name}_{k}"] = (("epoch", f"{name}_sample"), counts)
    return ds


def tree(ds: xr.Dataset) -> xr.DataTree:
    """Return the same night with one group a rate; stages stay at the root."""
    groups = {name: ds[[c for c in ds if str(c).startswith(name)]] for name in N_CHANNEL}
    return xr.DataTree.from_dict({"/": ds[["stage"]], **{f"/{name}": group for name, group in groups.items()}})


def encoding(ds: xr.Dataset) -> dict[str, Any]:
    """Return what both are written with: half an hour a chunk, one shard an array."""
    waves = {str(c): ds[c].shape[1] for c in ds if ds[c].ndim == 2}
    return {c: {"chunks": (60, n), "shards": (N_EPOCH, n), "compressors": None} for c, n in waves.items()}


def cpu_ms(do: Callable[[], object], repeats: int = 30) -> float:
    """Return the median CPU time of ``do`` in milliseconds."""
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        do()
        spent.append(time.process_time() - start)
    return 1000 * statistics.median(spent)


def n_file(path: Path) -> int:
    """Return the number of files below a folder."""
    return sum(file.is_file() for file in path.rglob("*"))


def main() -> None:
    """Print files of each form of the night, and the time to open it, with and without dask."""
    ds = night()
    with tempfile.TemporaryDirectory() as folder:
        flat, grouped, old = (Path(folder) / name for name in ("flat.zarr", "tree.zarr", "flat-v2.zarr"))
        ds.to_zarr(flat, encoding=encoding(ds), zarr_format=3, consolidated=True)
        by_group = {f"/{name}": encoding(group.to_dataset()) for name, group in tree(ds).children.items()}
        tree(ds).to_zarr(grouped, encoding=by_group, zarr_format=3, consolidated=True)
        chunks = {name: {"chunks": made["chunks"]} for name, made in encoding(ds).items()}
        ds.to_zarr(old, encoding=chunks, zarr_format=2, consolidated=True)
        for path in (flat, grouped, old):
            print(f"{path.name}: {n_file(path)} files")
        for lazy in (None, {}):
            one = cpu_ms(lambda lazy=lazy: xr.open_zarr(flat, chunks=lazy))
            many = cpu_ms(lambda lazy=lazy: xr.open_datatree(grouped, engine="zarr", chunks=lazy))
            print(f"chunks={lazy}: flat {one:.1f} ms, tree {many:.1f} ms")
    n_native = sum(N_CHANNEL[name] * N_PER_EPOCH[name] for name in N_CHANNEL)
    print(f"all at 128 Hz: {sum(N_CHANNEL.values()) * N_PER_EPOCH['fast'] / n_native:.1f} times the samples")


if __name__ == "__main__":
    main()

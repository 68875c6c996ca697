"""Compare what the programs made of one night, channel by channel: ``python -m benchmarks.agreement OURS PEER``.

Prints JSON: for each channel the correlation and the gain (ours over the peer's) over the samples that both have.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import xarray as xr


def compare(ours: xr.Dataset, peer: xr.Dataset) -> dict[str, dict[str, float]]:
    return {str(name): _one(ours[name].values, peer[name].values) for name in sorted(set(peer) - {"stage"})}


def _one(ours: np.ndarray, peer: np.ndarray) -> dict[str, float]:
    n_epoch = min(len(ours), len(peer))
    a, b = ours[:n_epoch].reshape(-1).astype(float), peer[:n_epoch].reshape(-1).astype(float)
    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both] - a[both].mean(), b[both] - b[both].mean()
    if not a.any() and not b.any():  # one code all night
        return {"correlation": 1.0, "gain": 1.0}
    return {"correlation": float(a @ b / np.sqrt((a @ a) * (b @ b))), "gain": float(np.sqrt((a @ a) / (b @ b)))}


if __name__ == "__main__":
    with xr.open_zarr(sys.argv[1]) as ours, xr.open_zarr(sys.argv[2], consolidated=False) as peer:
        print(json.dumps(compare(ours, peer)))

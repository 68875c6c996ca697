"""Pack physical values into int16 counts of a fixed power-of-two step; saturate, never wrap.

A missing sample (NaN) becomes `schemas.store.MISSING`. The step is the kind's scale, the same in every
recording; only kinds in arbitrary units are first divided by a factor of the night, which is stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.store import CHUNK_EPOCH, LIMIT, MISSING

__all__ = ["Packed", "night_factor", "pack"]


@dataclass(frozen=True)
class Packed:
    """Counts of one channel and how many of them hit the limit.

    Parameters
    ----------
    count : ndarray, shape (n_epoch, n_per_epoch), int16
        ``value / step``, rounded to the nearest; -32768 where missing.
    n_saturated : ndarray, shape (n_epoch,), int64
        Samples of each epoch that were beyond the packing range.
    """

    count: NDArray[np.int16]
    n_saturated: NDArray[np.int64]


def night_factor(value: NDArray[np.float32]) -> float:
    """Return the night's typical amplitude: half the 5th to 95th percentile range of the finite samples.

    Parameters
    ----------
    value : ndarray, any shape, float32, in the source's arbitrary unit
        NaN where missing.

    Returns
    -------
    float
        In the source's unit; 1.0 where nothing is finite or nothing varies.
    """
    finite = value[np.isfinite(value)]
    if finite.size == 0:
        return 1.0
    low, high = np.percentile(finite, [5.0, 95.0])
    half = (float(high) - float(low)) / 2
    return half if 0.0 < half < np.inf else 1.0


def pack(value: NDArray[np.float32], step: float) -> Packed:
    """Turn values into counts of ``step``, half an hour at a time.

    Parameters
    ----------
    value : ndarray, shape (n_epoch, n_per_epoch), float32, in the unit of ``step``
        NaN where missing; an infinite value saturates.
    step : float
        Value of one count; exact for a power of two.
    """
    count = np.empty(value.shape, np.int16)
    n_saturated = np.zeros(value.shape[0], np.int64)
    for start in range(0, value.shape[0], CHUNK_EPOCH):
        block = slice(start, start + CHUNK_EPOCH)
        n_saturated[block] = _pack_block(value[block], np.float32(1.0 / step), count[block])
    return Packed(count, n_saturated)


def _pack_block(
    value: NDArray[np.float32], per_step: np.float32, out: NDArray[np.int16]
) -> NDArray[np.int64] | int:
    with np.errstate(over="ignore"):  # a value beyond float32 is infinite, and saturates
        scaled = np.multiply(value, per_step, dtype=np.float32)
    np.rint(scaled, out=scaled)
    n_saturated: NDArray[np.int64] | int = 0
    if not (scaled.min() >= -LIMIT and scaled.max() <= LIMIT):  # also taken where a sample is NaN
        n_saturated = np.count_nonzero(np.abs(scaled) > LIMIT, axis=1)
        missing = np.isnan(scaled)
        np.clip(scaled, -LIMIT, LIMIT, out=scaled)
        scaled[missing] = MISSING
    out[...] = scaled
    return n_saturated

"""Moments and quantiles of packed counts, exact and mergeable: a histogram with a bin for every count.

Waves at 128 Hz are seen at every eighth sample (`schemas.shard.THINNING`): half a million samples a night settle a
median far below its rounding, and all of them would take several times as long.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.shard import THINNING, modality_kind
from schemas.vocabulary import Modality

__all__ = ["QUANTILES", "Histogram"]

QUANTILES = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)
_N_BIN = 1 << 16  # values of int16; the lowest means missing and is never counted


class Histogram:
    """How often every count occurs; missing samples are left out.

    Parameters
    ----------
    counts : ndarray, int16, C-contiguous, optional
        Samples to begin with, all of them counted.
    """

    def __init__(self, counts: NDArray[np.int16] | None = None) -> None:
        self._n: NDArray[np.int64] = np.zeros(_N_BIN, np.int64)
        if counts is not None:
            of_bits = np.bincount(counts.reshape(-1).view(np.uint16), minlength=_N_BIN)
            self._n = np.roll(of_bits, _N_BIN // 2)
            self._n[0] = 0

    @classmethod
    def of_night(cls, counts: NDArray[np.int16], modality: Modality) -> Histogram:
        """Count the samples of a night that statistics look at."""
        step = THINNING[modality_kind(modality).rate_class.dimension]
        return cls(np.ascontiguousarray(counts.reshape(-1)[::step]))

    def add(self, other: Histogram) -> None:
        """Take over the samples of another one."""
        self._n += other._n

    @property
    def n_sample(self) -> int:
        """Samples counted."""
        return int(self._n.sum())

    def quantiles(self, shares: tuple[float, ...]) -> list[int]:
        """Return for each share the smallest count that so many of the samples do not exceed.

        Raises
        ------
        ValueError
            When nothing was counted.
        """
        total = np.cumsum(self._n)
        if not total[-1]:
            raise ValueError("a quantile of nothing")
        ranks = np.maximum(1, np.ceil(np.asarray(shares) * total[-1]))
        return [int(at) - _N_BIN // 2 for at in np.searchsorted(total, ranks)]

    def center_and_scale(self) -> tuple[float, float]:
        """Return median and half the range from the 5th to the 95th percentile, in counts; a range of 0 gives 0."""
        low, middle, high = self.quantiles((0.05, 0.5, 0.95))
        return float(middle), (high - low) / 2

    def _dot(self, value: NDArray[np.int64]) -> int:
        """Return the exact sum of values below 2**16 over up to 2**47 samples."""
        return int(np.dot(value, self._n))

    def _dot_large(self, value: NDArray[np.int64]) -> int:
        """Return the exact sum of values below 2**31, in two halves that int64 can hold."""
        return (self._dot(value >> 15) << 15) + self._dot(value & 0x7FFF)

    def to_json(self, unit: float) -> dict[str, Any]:
        """Return the moments; exact sums of counts, and everything else times ``unit``."""
        value = np.arange(_N_BIN) - _N_BIN // 2
        n, total, squares = self.n_sample, self._dot(value), self._dot_large(value**2)
        sums = {"n_sample": n, "sum_of_counts": total, "sum_of_squared_counts": squares, "scale_factor": unit}
        if not n:
            return sums | {"mean": None, "sd": None, "quantiles": {}}
        return sums | {
            "mean": unit * total / n,
            "sd": unit * (max(0, n * squares - total * total)) ** 0.5 / n,
            "quantiles": {f"{q:g}": unit * at for q, at in zip(QUANTILES, self.quantiles(QUANTILES), strict=True)},
        }

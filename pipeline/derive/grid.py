"""The output grid: equally spaced times, and which of them a run of native samples covers.

Times of day in files are decimals and become binary fractions here, so a time within a nanosecond of a sample's
boundary is taken to be on it. Everything else is exact: rates are fractions, positions never accumulate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from schemas.quality import QualityFlag

__all__ = ["TOLERANCE_S", "Grid", "Resampled"]

TOLERANCE_S = Fraction(1, 10**9)


@dataclass(frozen=True)
class Resampled:
    """One channel on the output grid.

    Parameters
    ----------
    value : ndarray, shape (n_sample,), float32
        NaN where missing.
    flag : ndarray, shape (n_sample,), uint8
        Bits of `QualityFlag`: why a sample is missing or doubtful.
    """

    value: NDArray[np.float32]
    flag: NDArray[np.uint8]


@dataclass(frozen=True)
class Grid:
    """Output sample ``k`` lies at ``start_s + k / rate_hz``, for ``k`` from 0 to ``n_sample - 1``."""

    rate_hz: int
    start_s: float
    n_sample: int

    def covered(self, begin_s: float, duration_s: Fraction) -> tuple[int, int]:
        """Return the half-open range of output samples within ``[begin_s, begin_s + duration_s)``."""
        lead_s = Fraction(begin_s) - Fraction(self.start_s) - TOLERANCE_S
        first, stop = (math.ceil(t * self.rate_hz) for t in (lead_s, lead_s + duration_s))
        return min(max(first, 0), self.n_sample), min(max(stop, 0), self.n_sample)

    def position(self, k: int, begin_s: float, native_rate_hz: Fraction) -> Fraction:
        """Return where output sample ``k`` lies, in native samples after ``begin_s``; exact."""
        return (Fraction(self.start_s) - Fraction(begin_s) + Fraction(k, self.rate_hz)) * native_rate_hz

    def missing(self) -> Resampled:
        """Return a channel of which nothing is known."""
        value = np.full(self.n_sample, np.nan, np.float32)
        return Resampled(value, np.full(self.n_sample, QualityFlag.NO_SIGNAL, np.uint8))

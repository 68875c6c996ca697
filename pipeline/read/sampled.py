"""Samples of one signal as segments: what was not taken becomes a gap, not a number."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.recording import Segment

__all__ = ["segments_of"]

_ROW = 4096  # samples of the longest row; rows are what the checks of counts look at first


def segments_of(
    value: NDArray[Any], missing: NDArray[np.bool_] | None, rate_hz: Fraction, start_s: float = 0.0
) -> tuple[Segment, ...]:
    """Cut samples where some were not taken.

    Parameters
    ----------
    value : ndarray, shape (n_sample,), integer or float
        May be a strided view; it is not copied.
    missing : ndarray, shape (n_sample,), bool, or None
        None where all were taken. Where none was, the signal stays one constant segment, for others to see.
    start_s : float
        Time of the first sample, in seconds.
    """
    if missing is None or not missing.any() or missing.all():
        return (_segment(np.zeros_like(value) if missing is not None and missing.all() else value, start_s),)
    edges = np.flatnonzero(np.diff(~missing, prepend=False, append=False)).reshape(-1, 2)
    return tuple(_segment(value[a:b], start_s + float(Fraction(int(a)) / rate_hz)) for a, b in edges)


def _segment(value: NDArray[Any], start_s: float) -> Segment:
    """Give rows of equal length, which costs nothing where the number of samples has a handy divisor."""
    n = value.size
    row = max((d for d in range(1, min(_ROW, math.isqrt(n) + 1) + 1) if n % d == 0), default=1)
    return Segment(start_s, value.reshape(n // row, row))

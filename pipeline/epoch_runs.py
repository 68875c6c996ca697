"""Runs of True in a mask: how findings name their epochs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["runs"]


def runs(mask: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    """Return the half-open runs of True, e.g. ``[0, 1, 1, 0, 1]`` → ``((1, 3), (4, 5))``."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return tuple((int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True))

"""Stretches of a segment as floating point, continued a little beyond its two ends.

Where the band has no lower edge a segment is continued by odd reflection in its end sample, which keeps value and
slope. With a lower edge that would lift the baseline beyond the end by twice whatever the end sample happens to be
above it, so the reflection settles, within one cycle of the upper edge, to a reflection in the local level.
(Compared with plain odd and even reflection in docs/adr/0003.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.derive.band import Band
from schemas.recording import Segment

__all__ = ["Source"]

_LEVEL_PERIODS = 0.7  # of the lower edge: shorter follows breaths, longer misses drifts (docs/adr/0003)


@dataclass(frozen=True)
class Source:
    """A segment's samples minus one common integer, so that a constant is exactly zero.

    Parameters
    ----------
    n_reach : int
        How many samples beyond either end are continued; zeros beyond that.
    """

    segment: Segment
    rate_hz: float
    band: Band
    n_reach: int

    @cached_property
    def reference(self) -> int:
        """The common integer: about the mean, from one sample a record."""
        return round(float(self.segment.digital[:, 0].mean()))

    def take(self, begin: int, count: int) -> NDArray[np.float32]:
        """Return samples ``begin`` to ``begin + count - 1``, float32; either end may lie outside the segment."""
        n_per = self.segment.digital.shape[1]
        n = self.segment.n_sample
        low, high = min(max(begin, 0), n), min(max(begin + count, 0), n)
        row, row_stop = low // n_per, -(-high // n_per)
        base = min(begin, row * n_per)
        flat = np.zeros(max(begin + count, row_stop * n_per) - base, np.float32)
        inner = flat[row * n_per - base : row_stop * n_per - base].reshape(row_stop - row, n_per)
        np.subtract(self.segment.digital[row:row_stop], np.float32(self.reference), out=inner)
        taken = flat[begin - base : begin - base + count]
        left = taken[max(0, -begin - self.n_reach) : max(0, -begin)]
        left[:] = self._before[: left.size][::-1]
        right = taken[max(0, n - begin) :][: self.n_reach]
        right[:] = self._after[: right.size]
        return taken

    @cached_property
    def _before(self) -> NDArray[np.float32]:
        return self._beyond(np.arange(self.n_reach + 1))

    @cached_property
    def _after(self) -> NDArray[np.float32]:
        return self._beyond(self.segment.n_sample - 1 - np.arange(self.n_reach + 1))

    def _beyond(self, inwards: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the continuation, nearest first, from the indices that lead inwards from an end."""
        n_per = self.segment.digital.shape[1]
        index = np.clip(inwards, 0, self.segment.n_sample - 1)
        edge = self.segment.digital[index // n_per, index % n_per].astype(np.float64) - self.reference
        mirrored = 2 * edge[0] - edge[1:]
        if self.band.low_hz:
            mirrored += 2 * (self._level(edge) - edge[0]) * self._settling(mirrored.size)
        return np.asarray(mirrored, np.float32)

    def _level(self, edge: NDArray[np.float64]) -> float:
        """Return the level near an end: a mean over most of a period of the lower edge, tapered inwards."""
        n = min(edge.size, math.ceil(_LEVEL_PERIODS * self.rate_hz / (self.band.low_hz or math.inf)))
        weight = np.cos(np.arange(n) / n * np.pi / 2) ** 2
        return float(np.average(edge[:n], weights=weight))

    def _settling(self, n: int) -> NDArray[np.float64]:
        """Return a ramp from 0 to 1 over one cycle of the upper edge."""
        cycle = np.arange(1, n + 1) * (self.band.high_hz / self.rate_hz)
        return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.minimum(cycle, 1.0)))

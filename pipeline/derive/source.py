"""Stretches of a segment as floating point, continued a little beyond its two ends.

Where the band has no lower edge a segment is continued by odd reflection in its end sample, which keeps value and
slope. With a lower edge that would lift the baseline beyond the end by twice whatever the end sample happens to be
above it, so there the segment is continued by linear prediction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.derive.band import Band
from pipeline.derive.continuation import continued, n_told
from schemas.recording import Segment

__all__ = ["Source"]


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
        return self._beyond(0, 1)

    @cached_property
    def _after(self) -> NDArray[np.float32]:
        return self._beyond(self.segment.n_sample - 1, -1)

    def _beyond(self, end: int, inwards: int) -> NDArray[np.float32]:
        """Return the continuation, nearest first, beyond the sample ``end``, from where ``inwards`` leads back."""
        if not self.band.low_hz:
            edge = self._at(end + inwards * np.arange(self.n_reach + 1))
            return np.asarray(2 * edge[0] - edge[1:], np.float32)
        n = min(self.segment.n_sample, n_told(self.band, self.rate_hz))
        told = self._at(end + inwards * np.arange(n))[::-1]
        return np.asarray(continued(told, self.n_reach, self.band, self.rate_hz), np.float32)

    def _at(self, index: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return samples by their numbers; beyond the segment its farthest sample is held."""
        n_per = self.segment.digital.shape[1]
        index = np.clip(index, 0, self.segment.n_sample - 1)
        return np.asarray(self.segment.digital[index // n_per, index % n_per], np.float64) - self.reference

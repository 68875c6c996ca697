"""Desaturations of a night: falls of saturation by 3 or 4 %, one row each, for an oxygen desaturation index.

The rule, on readings as masked by `pipeline.derive.oximetry`:

1. **Baseline** is the highest reading of the two minutes before, not before the previous nadir; the last instant
   at which it was read is the onset. A slow drift is no desaturation.
2. A desaturation is a reading lower than its baseline by ``drop_percent`` or more.
3. **Nadir** is the first instant of the lowest reading within two minutes of the onset and before saturation rises
   again by 2 %: 1 % is a rounding.
4. **End** is the first instant within 1 % of the baseline, at the latest two minutes after the nadir or at the
   onset of the next desaturation.
5. From onset to end it lasts 10 s or more.
6. Nothing is judged across a missing reading: each stretch is a night of its own.

Source
------
AASM Manual v3: desaturations of 3 or 4 % from the baseline before the event, taken over two minutes. Chung et al.
2012 (doi:10.1213/ANE.0b013e318248f4f8): 120 s and a least duration of 10 s where no events are scored. Jung et al.
2018 (doi:10.1109/TBME.2017.2715405): recovery to within 1 %.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.epoch_runs import runs
from schemas.kinds import RateClass

__all__ = ["Desaturations", "desaturations"]

_RATE_HZ = RateClass.SLOW.rate_hz
_WINDOW = 120 * _RATE_HZ  # samples; two minutes
_RISE_PERCENT = 2.0
_RECOVERED_PERCENT = 1.0
_LEAST_S = 10.0
_ROUNDING_PERCENT = 0.02  # gains of 16-bit files do not give whole numbers back exactly


@dataclass(frozen=True)
class Desaturations:
    """One element a desaturation, in order of onset.

    Parameters
    ----------
    onset_s, nadir_s, end_s : ndarray, shape (n,), float64, seconds
        From the first sample; ``onset_s < nadir_s <= end_s``, and no onset lies before the previous nadir.
    baseline_percent, nadir_percent : ndarray, shape (n,), float32, %
    """

    onset_s: NDArray[np.float64]
    nadir_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    baseline_percent: NDArray[np.float32]
    nadir_percent: NDArray[np.float32]


@dataclass
class _Fall:
    """A desaturation while it happens; times in samples of its stretch."""

    onset: int
    baseline: float
    nadir_at: int
    nadir: float
    highest: float  # since the nadir
    end: int | None = None

    def deepen(self, begin: int, value: float) -> bool:
        """Take a new nadir, unless saturation had risen already."""
        deeper = value < self.nadir and not self.has_risen and begin - self.onset <= _WINDOW
        if deeper:
            self.nadir_at = begin
            self.nadir = self.highest = value
        return deeper

    def recover(self, begin: int, value: float) -> None:
        """Take a reading since the nadir."""
        self.highest = max(self.highest, value)
        if begin - self.nadir_at > _WINDOW:
            self.end = self.nadir_at + _WINDOW
        elif self.highest >= self.baseline - _RECOVERED_PERCENT:
            self.end = begin

    @property
    def has_risen(self) -> bool:
        """Whether what falls from here on is another desaturation."""
        return self.highest >= self.nadir + _RISE_PERCENT


def desaturations(spo2: NDArray[np.float32], *, drop_percent: float) -> Desaturations:
    """Return the desaturations of a night.

    Parameters
    ----------
    spo2 : ndarray, shape (n,), float32, %
        At 4 Hz, sample and hold; NaN where masked.
    drop_percent : float
        3 or 4 by the AASM's two rules.

    Returns
    -------
    Desaturations
        For an index divide their number, in sleep, by the hours of sleep with known saturation.
    """
    drop = drop_percent - _ROUNDING_PERCENT
    rows = []
    for first, stop in runs(np.isfinite(spo2)):
        for fall in _falls(spo2[first:stop], drop):
            end = fall.end if fall.end is not None else min(fall.nadir_at + _WINDOW, stop - first - 1)
            if end - fall.onset >= _LEAST_S * _RATE_HZ:
                rows.append([first + fall.onset, first + fall.nadir_at, first + end, fall.baseline, fall.nadir])
    table = np.array(rows, np.float64).reshape(-1, 5).T
    table[:3] /= _RATE_HZ
    return Desaturations(*table[:3], *table[3:].astype(np.float32))


def _falls(known: NDArray[np.float32], drop: float) -> list[_Fall]:
    """Walk over the readings of one stretch; a reading is a run of one value."""
    begins = np.concatenate([[0], np.flatnonzero(np.diff(known)) + 1])
    ends = np.append(begins[1:], known.size) - 1
    found: list[_Fall] = []
    fall: _Fall | None = None  # the last one, until it has ended
    highs: deque[tuple[int, float]] = deque()  # last instants of falling maxima; the first is the baseline
    for begin, end, value in zip(begins.tolist(), ends.tolist(), known[begins].tolist(), strict=True):
        if fall and fall.deepen(begin, value):
            highs.clear()
        while highs and highs[-1][1] <= value:
            highs.pop()
        highs.append((end, value))
        while begin - highs[0][0] > _WINDOW:
            highs.popleft()
        if fall:
            fall.recover(begin, value)
            fall = fall if fall.end is None else None
        onset, baseline = highs[0]
        if baseline - value >= drop and (fall is None or fall.has_risen):
            if fall:
                fall.end = onset
            fall = _Fall(onset, baseline, begin, value, value)
            found.append(fall)
            highs = deque([(end, value)])
    return found

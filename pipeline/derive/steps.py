"""Steps and codes onto the output grid: native sample ``k`` stands for ``[k / f, (k + 1) / f)`` and is held.

Nothing is averaged or filtered, so a saturation never overshoots and a code never becomes a fraction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from pipeline.derive.grid import TOLERANCE_S, Grid, Resampled
from schemas.quality import QualityFlag
from schemas.recording import Signal

__all__ = ["MISSING_CODE", "Coded", "hold", "hold_codes", "hold_signal"]

MISSING_CODE = -1  # of every coded channel
_LARGEST = 127  # code that fits
_WHOLE = 0.25  # a physical value farther than this from a whole number is no code


@dataclass(frozen=True)
class Coded:
    """A coded channel on the output grid.

    Parameters
    ----------
    value : ndarray, shape (n_sample,), int8
        `MISSING_CODE` where missing.
    flag : ndarray, shape (n_sample,), uint8
        Bits of `QualityFlag`.
    """

    value: NDArray[np.int8]
    flag: NDArray[np.uint8]


def hold(
    value: NDArray[np.float32],
    flag: NDArray[np.uint8],
    native_rate_hz: Fraction,
    segment_start_s: float,
    *,
    rate_hz: int,
    start_s: float,
    n_sample: int,
) -> Resampled:
    """Hold the samples of one segment, with their flags, on the output grid.

    Parameters
    ----------
    value : ndarray, shape (n_native,), float32
        NaN where missing.
    flag : ndarray, shape (n_native,), uint8
        Bits of `QualityFlag` of the native samples.
    native_rate_hz : Fraction
        Exact native rate.
    segment_start_s : float
        Time of the first native sample, seconds from recording start.
    rate_hz, start_s, n_sample
        The output grid: sample ``k`` at ``start_s + k / rate_hz``.

    Returns
    -------
    Resampled
        NaN and ``NO_SIGNAL`` outside the segment.
    """
    grid = Grid(rate_hz, start_s, n_sample)
    out = grid.missing()
    first, index = _held_index(grid, native_rate_hz, segment_start_s, value.size)
    out.value[first : first + index.size] = value[index]
    out.flag[first : first + index.size] = flag[index]
    return out


def hold_signal(
    signal: Signal,
    value: NDArray[np.float32],
    flag: NDArray[np.uint8],
    *,
    rate_hz: int,
    start_s: float,
    n_sample: int,
) -> Resampled:
    """Hold a signal of several segments whose samples, cleaned, are given one segment after another.

    Parameters
    ----------
    signal : Signal
        Gives rate, and place and length of the segments.
    value, flag : ndarray, shape (n_native,), float32 and uint8
        All segments' samples in order.
    rate_hz, start_s, n_sample
        As in `hold`.
    """
    grid = Grid(rate_hz, start_s, n_sample)
    out = grid.missing()
    done = 0
    for segment in signal.segments:
        first, index = _held_index(grid, signal.rate_hz, segment.start_s, segment.n_sample)
        out.value[first : first + index.size] = value[done + index]
        out.flag[first : first + index.size] = flag[done + index]
        done += segment.n_sample
    return out


def hold_codes(
    signal: Signal, value_map: Mapping[int, int] | None, *, rate_hz: int, start_s: float, n_sample: int
) -> Coded:
    """Hold a coded signal on the output grid, its codes mapped all at once.

    Parameters
    ----------
    signal : Signal
        Physical values are the source's codes, up to rounding.
    value_map : mapping of int to int, or None
        Source's code to ours, 0 to 127; a code without an entry is missing and ``UNKNOWN_CODE``. None keeps the
        codes 0 to 127 as they are.
    rate_hz, start_s, n_sample
        As in `hold`.

    Notes
    -----
    The map is applied to the source's codes alone, so {1: 4, 4: 5} never turns a 1 into a 5.
    """
    physical = np.concatenate([signal.physical(i) for i in range(len(signal.segments))]).astype(np.float32)
    flag = np.zeros(physical.size, np.uint8)
    held = hold_signal(signal, physical, flag, rate_hz=rate_hz, start_s=start_s, n_sample=n_sample)
    whole = np.rint(held.value)
    is_code = np.abs(held.value - whole) <= _WHOLE  # False where missing
    value = np.full(n_sample, MISSING_CODE, np.int8)
    if value_map is None:
        is_code &= (whole >= 0) & (whole <= _LARGEST)
        value[is_code] = whole[is_code]
    else:
        for source, ours in value_map.items():
            value[is_code & (whole == source)] = ours
    held.flag[(value == MISSING_CODE) & (held.flag == 0)] = QualityFlag.UNKNOWN_CODE
    return Coded(value, held.flag)


def _held_index(
    grid: Grid, native_rate_hz: Fraction, segment_start_s: float, n_native: int
) -> tuple[int, NDArray[np.int64]]:
    """Return the first covered output sample, and for each covered one the native sample that stands there.

    Integer arithmetic throughout: a boundary is never missed for a rounding error of a time.
    """
    first, stop = grid.covered(segment_start_s, n_native / native_rate_hz)
    step = native_rate_hz / grid.rate_hz
    begin = grid.position(first, segment_start_s, native_rate_hz) + TOLERANCE_S * native_rate_hz
    ahead = int(begin * step.denominator // 1)
    index = (ahead + np.arange(max(stop - first, 0), dtype=np.int64) * step.numerator) // step.denominator
    return first, index

"""Oximeter readings with what cannot be true taken out; nothing is filled in and nothing is smoothed.

The rules, in this order, each with its bit of `QualityFlag`:

1. A night in fractions (0.97) is turned into per cent when 99 of 100 readings that are no code for "no value" lie
   from 0.4 to 1.05 and are not all the same. In per cent such readings would be a dead patient; a sensor that is
   off is more spread, or constant. Source: units in NSRR files are often blank.
2. 0, 127 and everything above 105 is the device's code for "no value": ``MISSING_CODE``. Source: Nonin's serial
   formats send 127 for saturation and 511 for pulse rate; 0 is what many exporters write.
3. Above 100 up to 105 is an offset of analogue outputs: set to 100, ``CLIPPED``. Source: documented by cohorts of
   the NSRR (up to 101 in healthy, awake subjects).
4. Below 40, and negative: masked, ``OUT_OF_RANGE``. Source: oximeters are not calibrated below 70 %, and readings
   below 40 % come with lost contact.
5. Steps faster than 4 % a second: masked, ``TOO_FAST``. Source: Taha et al. 1997 (Sleep 20:991); Magalang et al.
   2003 (doi:10.1378/chest.124.5.1694). After a fall that fast nothing is believed until the reading is back to
   within 4 % of where it fell from, if that takes no longer than three minutes; beyond that it is taken for a new
   level and only the step is masked. A fast rise by itself masks only the step, so the desaturation before it
   stays. Two seconds on either side go with it, because devices average over seconds.

Pulse rate: 0, 255 and 511 are codes (127 is a pulse that people have); below 20 and above 250 beats a minute is
masked, ``OUT_OF_RANGE``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from schemas.quality import QualityFlag

__all__ = ["Cleaned", "clean_pulse_rate", "clean_spo2"]

_FRACTION_RANGE = (0.4, 1.05)  # 1
_FRACTION_SHARE = 0.99  # of the readings
_CODES_PERCENT = (0.0, 127.0)
_CODES_BPM = (0.0, 255.0, 511.0)
_CODE_WIDTH = 0.5  # %, bpm; gains of 16-bit files do not give whole numbers back exactly
_CODE_ABOVE_PERCENT = 105.0
_ROUNDING_PERCENT = 0.05  # above 100 by so little is arithmetic, not a finding
_LEAST_PERCENT = 40.0
_RANGE_BPM = (20.0, 250.0)
_STEP_PERCENT_PER_S = 4.0
_STEP_ROUNDING_PERCENT = 0.02
_EXCURSION_S = 180.0
_MARGIN_S = 2.0


@dataclass(frozen=True)
class Cleaned:
    """Readings after cleaning, at the native rate.

    Parameters
    ----------
    value : ndarray, shape (n_native,), float32, % or bpm
        NaN where masked.
    flag : ndarray, shape (n_native,), uint8
        Bits of `QualityFlag`.
    counts : dict of str to int
        Native samples by lower-case name of the flag; zero counts left out.
    was_fraction : bool
        Whether fractions were turned into per cent.
    """

    value: NDArray[np.float32]
    flag: NDArray[np.uint8]
    counts: dict[str, int]
    was_fraction: bool = False


def clean_spo2(
    value_percent: NDArray[np.float32], rate_hz: Fraction | float, *, breaks: Sequence[int] = ()
) -> Cleaned:
    """Mask and clip a night of oxygen saturation by the rules of this module.

    Parameters
    ----------
    value_percent : ndarray, shape (n_native,), float32, %
        Or fractions of 1 all night. NaN is missing already, without a flag of ours.
    rate_hz : Fraction or float
        Native rate.
    breaks : sequence of int
        Indices at which a new segment begins: no step is judged across them.
    """
    value = np.array(value_percent, np.float32)
    was_fraction = _is_fraction(value)
    if was_fraction:
        value *= 100
    flag = np.zeros(value.size, np.uint8)
    _mask(value, flag, _is_code(value, _CODES_PERCENT) | (value > _CODE_ABOVE_PERCENT), QualityFlag.MISSING_CODE)
    flag[value > 100 + _ROUNDING_PERCENT] = QualityFlag.CLIPPED
    np.minimum(value, 100, out=value)
    _mask(value, flag, value < _LEAST_PERCENT, QualityFlag.OUT_OF_RANGE)
    too_fast = np.zeros(value.size, bool)
    edges = [0, *breaks, value.size]
    for begin, end in pairwise(edges):
        too_fast[begin:end] = _too_fast(value[begin:end], float(rate_hz))
    _mask(value, flag, too_fast & ~np.isnan(value), QualityFlag.TOO_FAST)
    return Cleaned(value, flag, _counts(flag), was_fraction)


def clean_pulse_rate(value_bpm: NDArray[np.float32]) -> Cleaned:
    """Mask codes and impossible values of an oximeter's pulse rate.

    Parameters
    ----------
    value_bpm : ndarray, shape (n_native,), float32, beats a minute
    """
    value = np.array(value_bpm, np.float32)
    flag = np.zeros(value.size, np.uint8)
    _mask(value, flag, _is_code(value, _CODES_BPM), QualityFlag.MISSING_CODE)
    _mask(value, flag, (value < _RANGE_BPM[0]) | (value > _RANGE_BPM[1]), QualityFlag.OUT_OF_RANGE)
    return Cleaned(value, flag, _counts(flag))


def _is_code(value: NDArray[np.float32], codes: Sequence[float]) -> NDArray[np.bool_]:
    return np.asarray(np.any([np.abs(value - code) < _CODE_WIDTH for code in codes], axis=0))


def _is_fraction(value: NDArray[np.float32]) -> bool:
    known = value[~np.isnan(value) & (value <= 100)]
    reading = known[~_is_code(known * 100, _CODES_PERCENT)]
    inside = (reading >= _FRACTION_RANGE[0]) & (reading <= _FRACTION_RANGE[1])
    return bool(reading.size and inside.mean() >= _FRACTION_SHARE and np.ptp(reading) > 0)


def _mask(value: NDArray[np.float32], flag: NDArray[np.uint8], bad: NDArray[np.bool_], why: QualityFlag) -> None:
    value[bad] = np.nan
    flag[bad] = why


def _counts(flag: NDArray[np.uint8]) -> dict[str, int]:
    named = {bit.name.lower(): int(np.count_nonzero(flag & bit)) for bit in QualityFlag if bit.name}
    return {name: n for name, n in named.items() if n}


def _too_fast(value: NDArray[np.float32], rate_hz: float) -> NDArray[np.bool_]:
    """Return which samples of one segment belong to steps faster than physiology, margins included."""
    change, level = _change_in_a_second(value, rate_hz)
    doubtful = np.zeros(value.size, bool)
    margin, longest = math.ceil(_MARGIN_S * rate_hz), math.ceil(_EXCURSION_S * rate_hz)
    trusted_from = 0
    for i in np.flatnonzero(np.abs(change) > 1):
        if i < trusted_from:
            continue
        stop = int(i) + 1
        if change[i] < 0:
            back = np.flatnonzero(value[i : i + longest] >= level[i] - _STEP_PERCENT_PER_S)
            stop = int(i + back[0]) if back.size else stop
            trusted_from = stop
        doubtful[max(0, i - margin) : stop + margin] = True
    return doubtful


def _change_in_a_second(
    value: NDArray[np.float32], rate_hz: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the change against the last reading a second old or more, over what is allowed, and that reading.

    A device that renews its reading once a second steps by whole per cents however fast it is sampled, so changes
    are judged over a second, and over longer where readings are missing between.
    """
    lag = max(1, math.ceil(rate_hz))
    known = np.where(np.isnan(value), -1, np.arange(value.size))
    last = np.maximum.accumulate(known)[: max(value.size - lag, 0)]
    before = np.full(value.size, -1)
    before[lag:] = last
    elapsed_s = (np.arange(value.size) - before) / rate_hz
    level = np.where(before >= 0, value[before], np.nan).astype(np.float64)
    allowed = _STEP_PERCENT_PER_S * np.maximum(elapsed_s, 1.0) + _STEP_ROUNDING_PERCENT
    return np.nan_to_num((value - level) / allowed), level

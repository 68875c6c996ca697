"""Pacemaker pulses that a recorder's anti-alias filter has spread over several samples, taken out of an ECG.

A pulse lasts 0.4 to 2 ms, so its spectrum is flat as far as the recorder reaches; that of a heart's wave falls. In
one sample nothing is as sharp, but spread over several it looks like a narrow R wave. Four things tell it:

- it is flat: as much of it at the upper end of the spectrum as at 24 Hz;
- it stands out of the second around, as mains, muscle and noise do not;
- it is no complex: within 200 ms something has more at 8 Hz, the complex that it sets off;
- it recurs: others in the same half a minute are as far from their complexes.

The impulse is subtracted from the spectrum, so that nothing beside it is changed, not even a complex that begins
before the filter has died away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

__all__ = ["Pulses", "find_pulses", "sharp_response", "subtract"]

Envelope = NDArray[np.float32]
_SHARP_HZ = (
    40.0  # centre of the band that pulses have and complexes next to nothing of; its images stay below 64 Hz
)
_SHARP_OF_RATE = 0.34  # at low rates: recorders pass as much, and a band around it fits below their edge
_SHARP_WIDTH_HZ = 5.0  # standard deviation
_FLAT = 0.7  # of what is at 24 Hz: pulses from 0.75 at 100 Hz and 0.95 at 256 Hz, complexes 0.2 to 0.7
_LEAST_SHARE = 0.15  # of the usual complex at 8 Hz, where pulses are half as high: smaller ones disturb nothing
_SPARSE = 3  # every third working sample tells how high an envelope of 3 Hz is
_PARTS = 16  # of a block, a second each: most hold a complex
_COMPLEX_S = 0.2  # from a pulse to its complex at most, 160 ms from the atrium's
_OUTDONE = 1.3  # times the pulse at 8 Hz
_AROUND_S = 0.5  # on either side; a pulse and a complex take less than half of it
_STANDS_OUT = 6.0  # times the median around; maxima of noise are twice theirs
_SAME_PLACE_S = 0.02  # a working sample, 16 ms: the maximum at 8 Hz is wide
_LEAST_COMPANIONS = 3  # in two blocks that follow each other, half a minute; one may be the same in the overlap
_FINE = 8  # points a working sample: 2 ms; between two the impulse is shared, 3 % too little at 40 Hz


@dataclass(frozen=True)
class Pulses:
    """Impulses in blocks of an ECG.

    Parameters
    ----------
    block : ndarray, shape (n_pulse,), int
    at : ndarray, shape (n_pulse,), float64, working samples
        From the block's first.
    height : ndarray, shape (n_pulse,), float64
        In the band; negative where it points down.
    """

    block: NDArray[np.intp]
    at: NDArray[np.float64]
    height: NDArray[np.float64]


def sharp_response(frequency_hz: NDArray[np.floating], rate_hz: float) -> NDArray[np.floating]:
    """Return the band in which pulses are looked for; shape (n_bin,)."""
    centre_hz = _sharp_hz(rate_hz)
    return np.asarray(np.exp(-0.5 * ((frequency_hz - centre_hz) / _SHARP_WIDTH_HZ) ** 2))


def _sharp_hz(rate_hz: float) -> float:
    return min(_SHARP_HZ, _SHARP_OF_RATE * rate_hz)


def find_pulses(
    sharp: NDArray[np.complex64], high: Envelope, low: Envelope, *, rate_hz: float, working_hz: float
) -> Pulses:
    """Return the pulses of each block.

    Parameters
    ----------
    sharp : ndarray, shape (n_block, n_sample), complex64
        Analytic signal in the band of `sharp_response`.
    high, low : ndarray, shape (n_block, n_sample), float32
        Envelopes at 24 and at 8 Hz. An impulse is as high at 24 Hz as in ``sharp``.
    rate_hz, working_hz : float
        Native rate, and that of the samples here.
    """
    envelope = np.abs(sharp)
    block, at = _maxima(envelope, _LEAST_SHARE * _usual_height(low))
    flat = envelope[block, at] > _FLAT * high[block, at]
    block, at = block[flat], at[flat]
    around = _around(low, block, at, _COMPLEX_S * working_hz)
    strongest = around.max(axis=1)
    good = strongest > _OUTDONE * low[block, at]
    block, at, around = block[good], at[good], around[good]
    level = np.median(_around(envelope, block, at, _AROUND_S * working_hz), axis=1)
    good = envelope[block, at] > _STANDS_OUT * level
    place, reach = around[good].argmax(axis=1), _SAME_PLACE_S * working_hz
    good[good] = _recur(block[good] // 2, place, reach) | _recur((block[good] + 1) // 2, place, reach)
    block, at = block[good], at[good]
    before, peak, after = (envelope[block, at + k].astype(np.float64) for k in (-1, 0, 1))
    shift = 0.5 * (before - after) / (before - 2 * peak + after)
    turn = 2 * np.pi * _sharp_hz(rate_hz) / working_hz  # of the phase, a working sample
    phase = np.angle(sharp[block, at]) + turn * shift
    sign = np.where(np.cos(phase) >= 0, 1.0, -1.0)
    shift -= (np.mod(phase + 0.5 * np.pi, np.pi) - 0.5 * np.pi) / turn  # an impulse has phase 0, or half a turn
    return Pulses(block, at + shift, sign * peak)


def _usual_height(low: Envelope) -> Envelope:
    """Return the usual height of complexes at 8 Hz in each block; shape (n_block,)."""
    smooth = low[:, ::_SPARSE]
    n_part = smooth.shape[1] // _PARTS
    return np.asarray(np.median(smooth[:, : _PARTS * n_part].reshape(-1, _PARTS, n_part).max(axis=2), axis=1))


def _maxima(x: Envelope, least: Envelope) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return block and sample of all maxima that are higher than their block's ``least``."""
    block, at = np.divmod(np.flatnonzero(x > least[:, None]), x.shape[1])
    before, after = x[block, np.maximum(at - 1, 0)], x[block, np.minimum(at + 1, x.shape[1] - 1)]
    top = (x[block, at] > before) & (x[block, at] >= after)
    top &= (at > 0) & (at < x.shape[1] - 1)
    return block[top], at[top]


def _around(x: Envelope, block: NDArray[np.intp], at: NDArray[np.intp], reach: float) -> Envelope:
    """Return what is around samples; shape (n, 2 * reach + 1)."""
    index = at[:, None] + np.arange(-round(reach), round(reach) + 1)
    return np.asarray(x[block[:, None], np.clip(index, 0, x.shape[1] - 1)])


def _recur(stretch: NDArray[np.intp], place: NDArray[np.intp], reach: float) -> NDArray[np.bool_]:
    """Return which have companions in their stretch whose complexes are at the same place."""
    order = np.lexsort((place, stretch))
    stretch, place = stretch[order], place[order]
    recurs = np.zeros(stretch.size, np.bool_)
    first = np.arange(max(0, stretch.size - _LEAST_COMPANIONS))
    last = first + _LEAST_COMPANIONS
    near = (stretch[first] == stretch[last]) & (place[last] - place[first] <= reach)
    for k in range(_LEAST_COMPANIONS + 1):
        recurs[first[near] + k] = True
    found = np.zeros_like(recurs)
    found[order] = recurs
    return found


def subtract(spectrum: NDArray[np.complex64], pulses: Pulses, impulse: float, n_sample: int) -> NDArray[np.intp]:
    """Take pulses out of the spectra of blocks, in place, and return which blocks had any.

    Parameters
    ----------
    spectrum : ndarray, shape (n_block, n_bin), complex64
        Bin ``k`` is at ``k`` cycles a block.
    impulse : float
        Height in the band of an impulse that adds 1 to every bin.
    n_sample : int
        Working samples of a block.
    """
    had, row = np.unique(pulses.block, return_inverse=True)
    if not had.size:
        return had
    train = np.zeros((had.size, n_sample * _FINE), np.float32)
    point = np.clip(pulses.at * _FINE, 0, train.shape[1] - 2)
    whole = point.astype(np.intp)
    weight = pulses.height / impulse
    np.add.at(train, (row, whole), weight * (whole + 1 - point))
    np.add.at(train, (row, whole + 1), weight * (point - whole))
    spectrum[had] -= scipy.fft.rfft(train, axis=1)[:, : spectrum.shape[1]]
    return had

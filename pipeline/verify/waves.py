"""How well a stored wave agrees with its source, inside the band that the store declares.

Shares nothing with the conversion: the whole night is one Fourier transform here, of the values that a second
reader decoded. Both sides are brought to a band a little narrower than the declared one, so that neither's
transition counts, and only samples away from gaps, losses and saturation are judged.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d

from pipeline.read.independent import Piece, SourceSignal
from schemas.vocabulary import EPOCH_S

__all__ = ["Agreement", "JudgedBand", "agree", "place"]

Floats = NDArray[np.float32]

_LOWER_RAMP = (1.8, 2.7)  # times the lower edge: nothing below the first, all above the second
_UPPER_RAMP = (0.86, 0.94)  # times the upper edge
_MARGIN = 2.0  # periods of the lower edge
_NOISE = 0.02  # of an epoch's power: a correlation of 0.99


@dataclass(frozen=True)
class JudgedBand:
    """The declared edges, and the narrower band in which they are judged."""

    low_hz: float | None
    high_hz: float

    @property
    def margin_s(self) -> float:
        """Time that is not judged on either side of what is not known."""
        return _MARGIN / (self.low_hz or 1.0)

    def weight(self, n_bin: int, duration_s: float) -> Floats:
        """Return the response at ``n_bin`` multiples of ``1 / duration_s``; shape (n_bin,)."""
        f = np.arange(n_bin, dtype=np.float32) / np.float32(duration_s)
        weight = 1 - _ramp(f, self.high_hz, _UPPER_RAMP)
        return weight * _ramp(f, self.low_hz, _LOWER_RAMP) if self.low_hz else weight


def _ramp(f: Floats, edge_hz: float, ends: tuple[float, float]) -> Floats:
    low, high = (edge_hz * end for end in ends)
    return np.asarray(np.sin(np.pi / 2 * np.clip((f - low) / (high - low), 0, 1)) ** 2, np.float32)


def place(source: SourceSignal, band: JudgedBand, *, rate_hz: int, start_s: float, n_sample: int) -> Floats:
    """Return the band-limited source at times ``start_s + k / rate_hz``; NaN where it has no samples.

    Returns
    -------
    ndarray, shape (n_sample,), float32, in the header's unit
    """
    out = np.full(n_sample, np.nan, np.float32)
    for piece in source.pieces:
        first = math.ceil((piece.start_s - start_s) * rate_hz - 1e-6)
        skipped = max(-first, 0)
        shift_s = start_s + (first + skipped) / rate_hz - piece.start_s - skipped / rate_hz
        placed = _placed(piece, source.rate_hz, band, rate_hz, shift_s)[skipped:]
        stop = max(first, 0) + placed.size
        out[max(first, 0) : stop] = placed[: max(n_sample - max(first, 0), 0)]
    return out


def _placed(piece: Piece, native_hz: Fraction, band: JudgedBand, rate_hz: int, shift_s: float) -> Floats:
    """Resample one piece from ``shift_s`` after its first sample by zero-padding to a whole common period."""
    value = piece.value
    if band.low_hz and value.size:
        value = value - np.linspace(value[0], value[-1], value.size)  # no step at the ends; nothing in the band
    n_period = scipy.fft.next_fast_len(math.ceil(value.size / native_hz.numerator) + 1, real=True)
    n_in, n_out = n_period * native_hz.numerator, n_period * native_hz.denominator * rate_hz
    spectrum = scipy.fft.rfft(value.astype(np.float32), n_in)[: n_out // 2 + 1]
    duration_s = n_period * native_hz.denominator
    turn = 2j * np.pi * (shift_s / duration_s)
    spectrum *= band.weight(spectrum.size, duration_s) * np.float32(n_out / n_in)
    spectrum *= np.exp(turn * np.arange(spectrum.size)).astype(np.complex64)
    n_known = math.ceil((value.size / float(native_hz) - shift_s) * rate_hz - 1e-6)
    return np.asarray(scipy.fft.irfft(spectrum, n_out)[: max(n_known, 0)])


@dataclass(frozen=True)
class Agreement:
    """What remains between a stored wave and its source.

    Parameters
    ----------
    correlation, slope : float
        Of the stored on the source's values, over everything judged; NaN where nothing could be judged.
    lag_s : float
        By how much the stored wave is late.
    loudness, difference : float
        Root mean square of the source, and of the two's difference, in the stored unit.
    apart : tuple of int
        Epochs whose difference has more than 2 % of the source's power.
    """

    correlation: float
    slope: float
    lag_s: float
    loudness: float
    difference: float
    apart: tuple[int, ...]


def agree(stored: Floats, truth: Floats, band: JudgedBand, *, rate_hz: int, step: float) -> Agreement:
    """Compare two waves on one grid.

    Parameters
    ----------
    stored : ndarray, shape (n_sample,), float32
        Whole epochs; NaN where missing or saturated.
    truth : ndarray, shape (n_sample,), float32, same unit
        From `place`, sign and unit as they should be stored.
    step : float
        Value of one packed count: differences of its size are rounding.
    """
    known = np.isfinite(stored) & np.isfinite(truth)
    truth = np.nan_to_num(truth)
    reach = round(min(band.margin_s, stored.size / rate_hz / 8) * rate_hz)
    judged = minimum_filter1d(known.view(np.uint8), 2 * reach + 1, mode="constant", cval=0).astype(bool)
    weight = band.weight(stored.size // 2 + 1, stored.size / rate_hz)
    s = _filtered(np.where(known, stored, truth), weight**2) * judged
    r = _filtered(truth, weight) * judged
    by_epoch = _by_epoch(rate_hz)
    power, error = by_epoch(r * r), by_epoch((s - r) ** 2)
    allowed = _NOISE * power + step**2 * by_epoch(judged.astype(np.float32))
    ss, sr, rr = (float(np.dot(a, b)) for a, b in ((s, s), (s, r), (r, r)))
    n_judged = max(int(judged.sum()), 1)
    return Agreement(
        correlation=sr / math.sqrt(ss * rr) if ss * rr else math.nan,
        slope=sr / rr if rr else math.nan,
        lag_s=_lag_s(s, r, rate_hz),
        loudness=math.sqrt(rr / n_judged),
        difference=math.sqrt(float(error.sum()) / n_judged),
        apart=tuple(int(k) for k in np.flatnonzero(error > allowed)),
    )


def _filtered(value: Floats, weight: Floats) -> Floats:
    return np.asarray(scipy.fft.irfft(scipy.fft.rfft(value) * weight, value.size))


def _by_epoch(rate_hz: int) -> Callable[[Floats], NDArray[np.float64]]:
    return lambda value: value.reshape(-1, rate_hz * EPOCH_S).sum(axis=1, dtype=np.float64)


def _lag_s(s: Floats, r: Floats, rate_hz: int) -> float:
    """Return the delay that the slope of the cross-spectrum's phase shows; meant for small ones."""
    cross = scipy.fft.rfft(s) * np.conj(scipy.fft.rfft(r))
    omega = 2 * np.pi * rate_hz / s.size * np.arange(cross.size)
    weight = float(np.sum(omega**2 * np.abs(cross)))
    return -float(np.sum(omega * cross.imag)) / weight if weight else 0.0

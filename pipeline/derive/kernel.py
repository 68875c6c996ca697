"""The zero-phase filter of a band: a windowed-sinc low-pass and a windowed-sinc high-pass, of finite support.

Source: Kaiser's window formulae, Oppenheim & Schafer, Discrete-Time Signal Processing, section 7.6.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from pipeline.derive.band import Band

__all__ = ["reach_s", "zero_phase_response"]

_UPPER_DB = 100.0  # stop band of the anti-alias low-pass, 20 dB better than the worst that is promised
_LOWER_DB = 66.0  # of the high-pass: its pass-band ripple is then 0.004 dB
_LOWER_TRANSITION = 1.6  # width over edge: from 0.2 to 1.8 times the edge


def _length_s(attenuation_db: float, transition_hz: float) -> float:
    """Return how long a Kaiser-windowed kernel must be, tip to tip."""
    return (attenuation_db - 7.95) / (14.36 * transition_hz)


def _half_lengths_s(band: Band) -> tuple[float, float]:
    upper = _length_s(_UPPER_DB, band.stop_hz - band.pass_hz) / 2
    lower = _length_s(_LOWER_DB, _LOWER_TRANSITION * band.low_hz) / 2 if band.low_hz else 0.0
    return upper, lower


def reach_s(band: Band) -> float:
    """Return how far from an output sample, to either side, input samples still matter, in seconds."""
    return sum(_half_lengths_s(band))


def _low_pass(edge_hz: float, attenuation_db: float, half_s: float, rate_hz: float) -> NDArray[np.float64]:
    """Return a symmetric kernel, odd length, float64, of gain exactly 1 at 0 Hz."""
    n = math.floor(half_s * rate_hz)
    time_s = np.arange(-n, n + 1) / rate_hz
    beta = 0.1102 * (attenuation_db - 8.7)  # valid above 50 dB
    inside = np.sqrt(np.maximum(0.0, 1.0 - (time_s / half_s) ** 2))
    kernel = np.sinc(2 * edge_hz * time_s) * np.i0(beta * inside)
    return np.asarray(kernel / kernel.sum())


def _response(kernel: NDArray[np.float64], n_block: int) -> NDArray[np.float64]:
    """Return the real response of a symmetric kernel at the bins of a real transform of ``n_block`` samples."""
    around_zero = np.zeros(n_block)
    half = kernel.size // 2
    around_zero[: half + 1] = kernel[half:]
    around_zero[n_block - half :] = kernel[:half]
    return np.asarray(scipy.fft.rfft(around_zero).real)


def zero_phase_response(band: Band, rate_hz: float, n_block: int) -> NDArray[np.float64]:
    """Return the filter's response at frequencies ``m * rate_hz / n_block``.

    Parameters
    ----------
    band : Band
        The band to keep.
    rate_hz : float
        Native rate.
    n_block : int
        Block length in native samples, longer than twice `reach_s`.

    Returns
    -------
    ndarray, shape (n_block // 2 + 1,), float64
        Real. Exactly 1 at 0 Hz, or exactly 0 where the band has a lower edge.
    """
    upper_s, lower_s = _half_lengths_s(band)
    response = _response(_low_pass(band.high_hz, _UPPER_DB, upper_s, rate_hz), n_block)
    response[0] = 1.0
    if band.low_hz:
        baseline = _response(_low_pass(band.low_hz, _LOWER_DB, lower_s, rate_hz), n_block)
        response *= 1.0 - baseline
        response[0] = 0.0
    return response

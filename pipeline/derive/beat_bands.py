"""ECG into what beats are found in: the strength of its QRS band, and its complexes at a low complex rate.

A QRS complex has energy at 8, at 16 and at 24 Hz at the same instant. T and P waves have it at the lowest only,
muscle at the highest only, mains and drift at none. The strength is therefore the geometric mean of three
envelopes: what lacks one of them is weak. Envelopes ignore the sign, so a lead reversed changes nothing.

Every band is taken from one Fourier transform of overlapping blocks, and comes back as analytic (complex) samples
at about 64 Hz whatever the native rate: that holds all below 64 Hz, and later steps cost the same at any rate.

Source: spectra of QRS, P, T, muscle and motion: Thakor, Webster & Tompkins 1984 (doi:10.1109/TBME.1984.325393).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.derive.beat_pulses import find_pulses, sharp_response, subtract

__all__ = ["WORKING_HZ", "Bands", "split_bands"]

WORKING_HZ = 64.0  # nominal; exact in Bands.rate_hz
_QRS_HZ = ((8.0, 3.0), (16.0, 4.0), (24.0, 6.0))  # centre and width (standard deviation) of the three bands
_LEAST_SHARE = 0.15  # of the lowest band: so much the others count at least, for smooth, wide ventricular beats
_WAVE_HZ = (4.0, 36.0)  # half-amplitude edges of the complexes kept for the fiducial
_WAVE_EDGE_HZ = (1.0, 3.0)  # standard deviations of these edges
_BLOCK_S = 16.0  # at least; every kernel above has died away within a sixteenth of it
_PARTS = 16  # a block is so many parts, of which the first and the last are overlap
_BATCH = 2**17  # native samples transformed together, 0.5 MB: stays in the processor's cache
_SPIKE_S = 0.008  # what leaves and returns within so long is no heart: half a QRS takes 30 ms or more
_SPIKE_SHARE = 0.7  # of the range of a usual beat
_RANGE_S = 2.0  # windows that hold at least one beat
_SPIKE_QUANTILE, _SPIKE_FACTOR = 0.8, 4.0  # and stands out of the window so much; mains and muscle never do


@dataclass(frozen=True)
class Bands:
    """An ECG at the working rate.

    Parameters
    ----------
    strength : ndarray, shape (n_sample,), float32, unit of the ECG
        Geometric mean of the envelopes at 8, 16 and 24 Hz.
    wave : ndarray, shape (n_sample,), complex64, unit of the ECG
        Analytic signal from 4 to 36 Hz; its real part is the filtered ECG.
    rate_hz : float
        Sample ``k`` of both is at ``k / rate_hz`` seconds from the first sample of the ECG.
    """

    strength: NDArray[np.float32]
    wave: NDArray[np.complex64]
    rate_hz: float


def split_bands(ecg: NDArray[Any], rate_hz: float) -> Bands:
    """Return strength and complexes of an ECG.

    Parameters
    ----------
    ecg : ndarray, shape (n_native,), any real type and unit
        Not finite where missing; bridged by straight lines.
    rate_hz : float
        Native rate.
    """
    n_in = 2 ** math.ceil(math.log2(_BLOCK_S * rate_hz))
    n_out = _PARTS * round(n_in * WORKING_HZ / rate_hz / _PARTS)
    working_hz = rate_hz * n_out / n_in
    n_sample = math.ceil(ecg.size * n_out / n_in)
    strength = np.empty(n_sample, np.float32)
    wave = np.empty(n_sample, np.complex64)
    responses = _Responses.of(n_in, n_out, rate_hz)
    hop_in, margin_in = n_in // _PARTS * (_PARTS - 2), n_in // _PARTS
    hop_out = n_out // _PARTS * (_PARTS - 2)
    kept = slice(n_out // _PARTS, n_out // _PARTS + hop_out)
    per_batch = max(1, _BATCH // hop_in)
    for first in range(0, math.ceil(ecg.size / hop_in), per_batch):
        stop = min(first + per_batch, math.ceil(ecg.size / hop_in))
        stretch = _stretch(ecg, first * hop_in - margin_in, stop * hop_in + margin_in, rate_hz)
        spectrum = scipy.fft.rfft(sliding_window_view(stretch, n_in)[::hop_in], axis=1)[:, : responses.wave.size]
        target = slice(first * hop_out, min(stop * hop_out, n_sample))
        n = target.stop - target.start
        lowest, *upper = _envelopes(spectrum, responses, rate_hz, working_hz)
        product = lowest[:, kept].copy()
        for envelope in upper:
            product *= np.maximum(envelope, _LEAST_SHARE * lowest)[:, kept]
        strength[target] = (product ** (1 / 3)).reshape(-1)[:n]  # a third of the time of cbrt
        wave[target] = _analytic(spectrum, responses.wave, n_out)[:, kept].reshape(-1)[:n]
    return Bands(strength, wave, working_hz)


@dataclass(frozen=True)
class _Responses:
    """Responses of all bands, shape (n_bin,), float32, scaled for the change of length.

    Parameters
    ----------
    bands : list of ndarray
        Of `_QRS_HZ`.
    wave : ndarray
    sharp : ndarray
        For pulses; an impulse is as high in it as in the highest of ``bands``.
    impulse : float
        That height, for an impulse that adds 1 to every bin.
    n_out : int
        Working samples of a block.
    """

    bands: list[NDArray[np.float32]]
    wave: NDArray[np.float32]
    sharp: NDArray[np.float32]
    impulse: float
    n_out: int

    @classmethod
    def of(cls, n_in: int, n_out: int, rate_hz: float) -> _Responses:
        frequency_hz = np.arange(min(n_out, n_in // 2)) * (rate_hz / n_in)
        scale = 2 * n_out / n_in
        bands = [scale * np.exp(-0.5 * ((frequency_hz - centre) / width) ** 2) for centre, width in _QRS_HZ]
        low = 1 / (1 + np.exp(-1.702 * (frequency_hz - _WAVE_HZ[0]) / _WAVE_EDGE_HZ[0]))
        high = 1 / (1 + np.exp(1.702 * (frequency_hz - _WAVE_HZ[1]) / _WAVE_EDGE_HZ[1]))
        for response in (*bands, low):
            response[0] = 0.0
        sharp = sharp_response(frequency_hz, rate_hz)
        sharp *= bands[-1].sum() / sharp.sum()
        return cls(
            [band.astype(np.float32) for band in bands],
            (scale * low * high).astype(np.float32),
            sharp.astype(np.float32),
            float(bands[-1].sum() / n_out),
            n_out,
        )


def _envelopes(
    spectrum: NDArray[np.complex64], responses: _Responses, rate_hz: float, working_hz: float
) -> list[NDArray[np.float32]]:
    """Return the envelopes of all bands, lowest first, after taking pulses out of ``spectrum``, in place."""
    n_out = responses.n_out
    found = [np.abs(_analytic(spectrum, band, n_out)) for band in responses.bands]
    sharp = _analytic(spectrum, responses.sharp, n_out)
    pulses = find_pulses(sharp, found[-1], found[0], rate_hz=rate_hz, working_hz=working_hz)
    changed = subtract(spectrum, pulses, responses.impulse, n_out)
    for envelope, band in zip(found, responses.bands, strict=True):
        envelope[changed] = np.abs(_analytic(spectrum[changed], band, n_out))
    return found


def _analytic(spectrum: NDArray[np.complex64], response: NDArray[np.float32], n_out: int) -> NDArray[np.complex64]:
    """Return the band's positive frequencies in time; shape (n_block, n_out)."""
    return np.asarray(scipy.fft.ifft(spectrum * response, n_out, axis=1, overwrite_x=True))


def _stretch(ecg: NDArray[Any], begin: int, stop: int, rate_hz: float) -> NDArray[np.float32]:
    """Return samples ``begin`` to ``stop`` without gaps, spikes or a constant; held beyond both ends."""
    inside = ecg[max(begin, 0) : stop].astype(np.float32)
    finite = np.isfinite(inside)
    if not finite.all():
        known = np.flatnonzero(finite)
        if not known.size:
            return np.zeros(stop - begin, np.float32)
        inside[~finite] = np.interp(np.flatnonzero(~finite), known, inside[known])
    inside -= np.float32(inside.mean(dtype=np.float64))
    _flatten_spikes(inside, rate_hz)
    return np.pad(inside, (max(-begin, 0), max(stop - ecg.size, 0)), mode="edge")


def _flatten_spikes(x: NDArray[np.float32], rate_hz: float) -> None:
    """Draw straight lines, in place, through what leaves and returns within 8 ms by most of a beat's range.

    A pacemaker's pulse lasts 0.4 to 2 ms and can be many times a beat high.
    """
    reach = max(1, int(_SPIKE_S * rate_hz))
    n_window = int(_RANGE_S * rate_hz)
    n = x.size // n_window
    if not n:
        return
    windows = x[: n * n_window].reshape(n, n_window)
    usual = float(np.median(windows.max(axis=1) - windows.min(axis=1)))
    bulge = x[: -2 * reach] + x[2 * reach :]
    bulge *= -0.5
    bulge += x[reach:-reach]
    np.abs(bulge, out=bulge)
    at = np.flatnonzero(bulge > _SPIKE_SHARE * usual) if usual > 0 else np.zeros(0, np.intp)
    beside = np.maximum(bulge[np.maximum(at - reach, 0)], bulge[np.minimum(at + reach, bulge.size - 1)])
    at = at[bulge[at] > beside]
    for window in np.unique(at // n_window):
        around = bulge[window * n_window : (window + 1) * n_window]
        rank = int(_SPIKE_QUANTILE * around.size)
        least = _SPIKE_FACTOR * np.partition(around, rank)[rank]
        for k in at[(at // n_window == window) & (bulge[at] > least)]:
            x[k : k + 2 * reach + 1] = np.linspace(x[k], x[k + 2 * reach], 2 * reach + 1, dtype=np.float32)

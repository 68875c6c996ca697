"""One respiratory sensor over a night: where it was lost, which epochs breathe, how large its breaths are.

Amplitudes are arbitrary, so everything is judged against the night's own. A sensor counts as one of respiration
only where its epochs have a rhythm: noise, drift and a line that nobody wears have none, whatever their size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from schemas.kinds import RateClass
from schemas.vocabulary import EPOCH_S

__all__ = [
    "BELTS",
    "FLOWS",
    "FREQUENCY_HZ",
    "LEAST_QUIET",
    "RATE_HZ",
    "REGULAR",
    "Effort",
    "EffortInput",
    "correlation",
    "judge",
    "rms",
]

BELTS = ("thor", "abdo")
FLOWS = ("nasal_pressure", "airflow")  # in order: the cannula follows flow, the thermistor lags behind

RATE_HZ = RateClass.SLOW.rate_hz
_N = RateClass.SLOW.n_per_epoch
FREQUENCY_HZ = np.asarray(np.arange(_N // 2 + 1) / EPOCH_S, np.float64)  # of an epoch's spectrum
_BAND_HZ = (0.1, 0.7)  # 6 to 42 breaths a minute, what sleeping adults and children do
_BAND = np.arange(round(_BAND_HZ[0] * EPOCH_S), round(_BAND_HZ[1] * EPOCH_S) + 1)
_SHAPE = slice(1, int(np.searchsorted(FREQUENCY_HZ, 1.5)))  # the band and its harmonics
_WINDOW = np.hanning(_N + 1)[:_N].astype(np.float32)
_TO_RMS = float(np.sqrt(2.0 / (_N * np.square(_WINDOW).sum())))
REGULAR = 0.35  # share of power at the breathing rate; quiet breathing has 0.4 to 0.95, noise 0.1, drift 0.25
_LEAST_REGULAR = 0.3  # of the epochs that are there: apnea, REM and wake are irregular; of drift a fifth is not
LEAST_QUIET = 6  # epochs: less than three minutes of quiet breathing decide nothing
_MARGIN = (EPOCH_S + 10) * RATE_HZ  # samples; the rest of an epoch, and half a period of the high-pass at 0.05 Hz
_DEAD_S = 180.0  # nobody stops breathing for so long
_DEAD_SHARE = 0.05  # of the night's amplitude


@dataclass(frozen=True)
class EffortInput:
    """A respiratory channel as harmonised.

    Parameters
    ----------
    channel : str
        ``thor``, ``abdo``, ``nasal_pressure`` or ``airflow``.
    value : ndarray, shape (n,), float32, arbitrary unit
        At 4 Hz from the grid's origin, whole epochs, high-passed; NaN where missing.
    flat : ndarray, shape (n,), bool
        The sensor rested on one count.
    """

    channel: str
    value: NDArray[np.float32]
    flat: NDArray[np.bool_]


@dataclass(frozen=True)
class Effort:
    """What a channel tells of breathing.

    Parameters
    ----------
    value : ndarray, shape (n,), float32
        As given, NaN also where the sensor was lost.
    spectrum : ndarray, shape (n_epoch, n_bin), complex64
        Of every epoch at `FREQUENCY_HZ`, 0 outside the breathing band, scaled for `rms`.
    rms : ndarray, shape (n_epoch,), float32
        Root mean square in the breathing band; NaN where samples are missing.
    regular : ndarray, shape (n_epoch,), float32
        Share of the epoch's power at its breathing rate; 0 where samples are missing or no rate stands out.
    amplitude : float
        The night's: median ``rms`` of the regular epochs; 0 where the channel does not breathe.
    """

    channel: str
    value: NDArray[np.float32]
    spectrum: NDArray[np.complex64]
    rms: NDArray[np.float32]
    regular: NDArray[np.float32]
    amplitude: float

    @property
    def breathes(self) -> bool:
        """Whether this is a channel of respiration at all."""
        return self.amplitude > 0

    @property
    def present(self) -> NDArray[np.bool_]:
        """Where the sensor was working; shape (n,)."""
        return np.isfinite(self.value)


def judge(given: EffortInput) -> Effort:
    """Mask where a sensor was lost and measure its epochs.

    Lost is: missing, resting on one count, or below five hundredths of the night's amplitude for three minutes; and
    forty seconds on either side of the last two: an epoch that is lost in part bears no sign of it, and a line that
    falls off leaves a step that the filters remember.
    """
    value = given.value.copy()
    flat = np.any(given.flat.reshape(-1, _N), axis=1)
    if flat.any():
        value[_widen(flat)] = np.nan
    effort = _measure(given.channel, value)
    dead = _long_runs(effort.rms < _DEAD_SHARE * effort.amplitude, int(_DEAD_S / EPOCH_S))
    if not dead.any():
        return effort
    value[_widen(dead)] = np.nan
    return _measure(given.channel, value)


def correlation(a: NDArray[np.complex64], b: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Return the correlation of the waves behind two spectra, epoch by epoch; 0 where one of them is."""
    size = rms(a) * rms(b)
    return np.asarray(np.sum(a * b.conj(), axis=1).real / np.where(size > 0, size, np.float32(1)))


def rms(spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Return the root mean square of the wave behind a spectrum, epoch by epoch; shape (n_epoch,)."""
    return np.asarray(np.sqrt(np.sum(np.square(spectrum.real) + np.square(spectrum.imag), axis=1)))


def _long_runs(mask: NDArray[np.bool_], n_least: int) -> NDArray[np.bool_]:
    """Keep the runs of True that have at least ``n_least`` elements."""
    kept = np.zeros_like(mask)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    for first, stop in zip(edges[::2], edges[1::2], strict=True):
        kept[first:stop] = stop - first >= n_least
    return kept


def _widen(epoch: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the samples of some epochs and of the margins around them."""
    return np.asarray(maximum_filter1d(np.repeat(epoch, _N), 2 * _MARGIN + 1))


def _measure(channel: str, value: NDArray[np.float32]) -> Effort:
    rows = value.reshape(-1, _N)
    whole = np.asarray(np.isfinite(rows).all(axis=1), bool)
    rows = np.where(whole.reshape(-1, 1), rows, np.float32(0))
    spectrum = scipy.fft.rfft((rows - rows.mean(axis=1, keepdims=True)) * _WINDOW, axis=1) * np.float32(_TO_RMS)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    regular = _regularity(power * FREQUENCY_HZ.astype(np.float32))  # the power of drift falls with its square
    spectrum[:, : _BAND[0]] = 0
    spectrum[:, _BAND[-1] + 1 :] = 0
    size = np.where(whole, rms(spectrum), np.float32(np.nan))
    rhythm: NDArray[np.bool_] = np.asarray(regular >= REGULAR, bool)
    breathes = bool(rhythm.any()) and rhythm.sum() >= _LEAST_REGULAR * whole.sum()
    amplitude = float(np.median(size[rhythm])) if breathes else 0.0
    return Effort(channel, value, spectrum, size, regular, amplitude)


def _regularity(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the share of power around the largest maximum of the band that is higher than its neighbours."""
    inner = power[:, _BAND]
    is_peak = (inner >= power[:, _BAND - 1]) & (inner >= power[:, _BAND + 1])
    peak = _BAND[0] + np.argmax(np.where(is_peak, inner, -1), axis=1)
    row = np.arange(power.shape[0])
    around = power[row, peak - 1] + power[row, peak] + power[row, peak + 1]
    total = power[:, _SHAPE].sum(axis=1)
    share = np.where(np.any(is_peak, axis=1) & (total > 0), around / np.where(total > 0, total, 1), 0)
    return np.asarray(share, np.float32)

"""The spectrogram of a night's EEG: power by epoch and frequency."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from pipeline.report.plotting import Row, rows
from pipeline.report.view import Night
from schemas.kinds import RateClass
from schemas.vocabulary import EPOCH_S

__all__ = ["colours_of", "spectrogram", "spectrogram_db", "spectrogram_row"]

_RATE_HZ = RateClass.FAST.rate_hz
_WINDOW_S = 4  # seconds; a quarter of a hertz apart, as sleep EEG is usually looked at
_TOGETHER = 2  # frequencies in a row of the picture: half a hertz
_LOW_HZ, _HIGH_HZ = 0.5, 30.0
_N_COLUMN = 1440


def spectrogram_db(eeg: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the power of an EEG by epoch.

    Windows of 4 s, Hann, half overlapping within the epoch; those with missing samples are left out.

    Parameters
    ----------
    eeg : ndarray, shape (n_epoch, 3840), µV

    Returns
    -------
    power_db : ndarray, shape (n_frequency, n_epoch), float32, dB of 1 µV²/Hz
        NaN where an epoch has no whole window, or no power at all.
    frequency_hz : ndarray, shape (n_frequency,)
        Centres.
    """
    n = _WINDOW_S * _RATE_HZ
    window = np.hanning(n + 1)[:-1].astype(np.float32)
    frequency_hz = np.fft.rfftfreq(n, 1 / _RATE_HZ)
    kept = np.flatnonzero((frequency_hz >= _LOW_HZ) & (frequency_hz < _HIGH_HZ))
    total = np.zeros((eeg.shape[0], kept.size))
    count = np.zeros((eeg.shape[0], 1))
    for begin in range(0, eeg.shape[1] - n + 1, n // 2):
        piece = eeg[:, begin : begin + n]
        is_whole = np.isfinite(piece).all(axis=1, keepdims=True)
        centred = np.where(is_whole, piece, 0)
        centred = (centred - centred.mean(axis=1, keepdims=True)) * window
        power = np.abs(np.fft.rfft(centred, axis=1)[:, kept]) ** 2
        total += np.where(is_whole, power, 0)
        count += is_whole
    density = 2 * total / np.maximum(count, 1) / (_RATE_HZ * float((window.astype(float) ** 2).sum()))
    density = density.reshape(eeg.shape[0], -1, _TOGETHER).mean(axis=2)
    density[(density <= 0) | (count == 0)] = np.nan
    centres = frequency_hz[kept].reshape(-1, _TOGETHER).mean(axis=1)
    return (10 * np.log10(density)).T.astype(np.float32), centres


def spectrogram(night: Night, channel: str) -> go.Figure:
    """Return the picture of one EEG's power."""
    return rows(night, [spectrogram_row(night, channel)])


def colours_of(figure: go.Figure) -> str:
    """Return what the colours of such a picture mean; in words, which need no room beside it."""
    trace = figure.data[0]
    return f"from {trace.zmin:.0f} dB (dark) to {trace.zmax:.0f} dB (bright) of 1 µV²/Hz"


def spectrogram_row(night: Night, channel: str) -> Row:
    """Return the row of that picture; colours from its 2nd to its 98th percentile."""
    power, frequency_hz = spectrogram_db(night.ds[channel].values)
    together = -(-night.n_epoch // _N_COLUMN)
    power = power[:, ::together]
    found = power[np.isfinite(power)]
    low, high = np.percentile(found, [2, 98]).tolist() if found.size else (0.0, 1.0)
    step_ms = EPOCH_S * together * 1000
    trace = {
        "type": "heatmap",
        "z": np.round(power, 1),
        "x0": night.start_s * 1000 + step_ms / 2,
        "dx": step_ms,
        "y": frequency_hz,
        "zmin": low,
        "zmax": high,
        "colorscale": "Viridis",
        "showscale": False,
        "hovertemplate": "%{x|%H:%M:%S}, %{y} Hz: %{z} dB<extra></extra>",
    }
    return Row(f"{channel} (Hz)", 220, [trace], {"range": [_LOW_HZ, _HIGH_HZ], "nticks": 7})

"""One fiducial point for all beats of a night: the top of the R wave, or the bottom of a deeper S or QS.

Which of the two is decided once, from the usual beat of the night, so that intervals never change between one and
the other. The complexes are evaluated between their samples by a short band-limited kernel; a parabola through the
three highest values gives the instant. A beat that has more than one peak of the night's sign takes the one whose
place in the complex is the usual one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.derive.beat_bands import Bands

__all__ = ["Fiducials", "lean_s", "place_fiducials"]

_REACH_S = 0.08  # around the strongest moment; a wide ventricular complex takes 160 ms
_FINE = 4  # points a working sample: 4 ms, of which the parabola finds about a hundredth
_TAPS = 7  # working samples on either side of an evaluated point
_KAISER = 6.0  # 60 dB between 42 Hz, the end of the band, and its first image
_CENTRE_HZ = 20.0  # of the band of the complexes
_USUAL_PLACE_S = 0.12  # of two peaks nearly as high, the one at the usual place: at 50 ms it may be a tenth lower
_LEAN_BEATS = 256  # tell the usual complex of a night
_MOST_LEAN_S = 0.012  # a complex of 160 ms leans by 3 to 5 ms
_STEP_S = 0.002
_SMOOTH_S = 0.012  # length of the window that smooths the usual complex, steps of eight bits in it


@dataclass(frozen=True)
class Fiducials:
    """Instants of beats.

    Parameters
    ----------
    time_s : ndarray, shape (n_beat,), float64, seconds
    sign : int
        1 where the peaks are positive in the file, -1 where they are negative.
    curve : ndarray, shape (n_beat, n_point), float32
        Filtered ECG around each beat's strongest moment, peaks of the night's sign up.
    point : ndarray, shape (n_beat,), float64
        Where in it the peak is.
    point_hz : float
        Points of a curve in a second.
    """

    time_s: NDArray[np.float64]
    sign: int
    curve: NDArray[np.float32]
    point: NDArray[np.float64]
    point_hz: float


def place_fiducials(bands: Bands, time_s: NDArray[np.float64], clear: NDArray[np.bool_]) -> Fiducials:
    """Return the instants of the peaks of the night's sign next to ``time_s``.

    Parameters
    ----------
    bands : Bands
        From `pipeline.derive.beat_bands.split_bands`.
    time_s : ndarray, shape (n_beat,), float64, seconds
        When each beat's strength is greatest.
    clear : ndarray, shape (n_beat,), bool
        Beats that stand out of the noise: they alone decide the night's sign, if there are any.
    """
    if not time_s.size:
        return Fiducials(time_s, 1, np.zeros((0, 1), np.float32), time_s, bands.rate_hz * _FINE)
    nearest = np.rint(time_s * bands.rate_hz).astype(np.intp)
    reach = round(_REACH_S * bands.rate_hz)
    curve = _curves(bands, nearest, reach)
    usual = curve[clear] if clear.any() else curve
    sign = 1 if np.median(usual.max(axis=1)) >= -np.median(usual.min(axis=1)) else -1
    curve *= sign
    offset = nearest / bands.rate_hz - time_s
    place_s = np.arange(-reach * _FINE, reach * _FINE + 1) / (_FINE * bands.rate_hz)
    usual_s = float(np.median(place_s[curve.argmax(axis=1)] + offset))
    position, found = _peaks(curve, place_s[None, :] + (offset - usual_s)[:, None])
    peak_s = time_s + offset + (position - reach * _FINE) / (_FINE * bands.rate_hz)
    return Fiducials(np.where(found, peak_s, time_s + usual_s), sign, curve, position, _FINE * bands.rate_hz)


def _curves(bands: Bands, nearest: NDArray[np.intp], reach: int) -> NDArray[np.float32]:
    """Evaluate the filtered ECG at fine steps around working samples; shape (n_beat, 2 * reach * _FINE + 1)."""
    tap = np.arange(-reach - _TAPS, reach + _TAPS + 1)
    samples = bands.wave[np.clip(nearest[:, None] + tap, 0, bands.wave.size - 1)]
    distance = np.arange(-reach * _FINE, reach * _FINE + 1) / _FINE - tap[:, None]
    taper = np.i0(_KAISER * np.sqrt(np.clip(1 - (distance / _TAPS) ** 2, 0, None))) / np.i0(_KAISER)
    kernel = np.sinc(distance) * np.where(np.abs(distance) < _TAPS, taper, 0.0)
    turn = np.exp(2j * np.pi * _CENTRE_HZ / bands.rate_hz * distance) * kernel
    curve = samples.real @ turn.real.astype(np.float32) - samples.imag @ turn.imag.astype(np.float32)
    return np.asarray(curve)


def _peaks(
    curve: NDArray[np.float32], away_s: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the sub-sample position of each curve's likeliest maximum, and whether there is one."""
    middle = curve[:, 1:-1]
    is_peak = (middle > curve[:, :-2]) & (middle >= curve[:, 2:]) & (middle > 0)
    likely = np.where(is_peak, middle * np.exp(-0.5 * (away_s[:, 1:-1] / _USUAL_PLACE_S) ** 2), 0)
    at = likely.argmax(axis=1) + 1
    row = np.arange(at.size)
    found = is_peak[row, at - 1]
    before, peak, after = (curve[row, at + k].astype(np.float64) for k in (-1, 0, 1))
    bend = np.where(found, before - 2 * peak + after, -1.0)
    return at + np.where(found, 0.5 * (before - after) / bend, 0.0), found


def lean_s(ecg: NDArray[Any], rate_hz: float, time_s: NDArray[np.float64], sign: int) -> float:
    """Return how far the top of the night's usual complex is from its fiducials, in seconds.

    What is below 4 Hz carries half of a wide complex, and without it the top leans to the steeper side: by as much
    in all beats of one shape. The usual complex is the median of some as they were recorded.

    Parameters
    ----------
    ecg : ndarray, shape (n_sample,), any real type and unit
    rate_hz : float
    time_s : ndarray, shape (n_beat,), float64, seconds
        Fiducials.
    sign : int
        Of their peaks.
    """
    smooth = np.hanning(round(_SMOOTH_S / _STEP_S) + 3)[1:-1]
    reach = round(_MOST_LEAN_S / _STEP_S) + smooth.size // 2
    chosen = time_s[:: -(-time_s.size // _LEAN_BEATS) or 1]
    at = (chosen[:, None] + _STEP_S * np.arange(-reach, reach + 1)) * rate_hz
    at = at[(at[:, 0] >= 0) & (at[:, -1] < ecg.size - 1)]
    before = at.astype(np.intp)
    complexes = ecg[before] + (at - before) * (ecg[before + 1].astype(np.float64) - ecg[before])
    complexes = complexes[np.isfinite(complexes).all(axis=1)]
    if not len(complexes):
        return 0.0
    complexes -= complexes.mean(axis=1, keepdims=True)
    usual = np.convolve(sign * np.median(complexes, axis=0), smooth, "valid")
    top = int(usual.argmax())
    if top in (0, usual.size - 1):
        return 0.0
    rise, fall = usual[top] - usual[top - 1], usual[top] - usual[top + 1]
    return float(_STEP_S * (top - usual.size // 2 + 0.5 * (rise - fall) / (rise + fall)))

"""Candidate beats: maxima of the QRS strength, each with the weight of evidence that it is a beat.

A maximum is judged against two local levels. The *height* is what the strongest moment of a second and a half
usually reaches: with a heart rate above 40 a minute, a beat. The *noise* is what the strength exceeds more than
half of the time: between the beats of a clean ECG next to nothing, in noise a good part of its maxima. The weight
is the logarithm of the maximum over the threshold that both give, so all of it is blind to unit and gain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from pipeline.derive.beat_bands import Bands

_T = TypeVar("_T", bound=np.generic)

__all__ = ["LEAST_WEIGHT", "Candidates", "find_candidates"]

_HEIGHT_S = 1.6  # window whose maximum is a beat, at 38 beats a minute or more
_HEIGHT_WINDOWS = 9  # median over 14 s: four windows of motion do not move it
_NOISE_S = 1.6  # bursts of motion last seconds
_NOISE_QUANTILE = 0.4
_HEIGHT_SHARE = 0.25  # of the height; by posture, breathing and kind, few beats are lower
_NOISE_FACTOR = 1.75  # maxima of noise are about twice its median
_LOST_SHARE = 0.1  # of the night's median height: below, the lead is off and its neighbours' height holds
_SLOPE = 4.0  # weight for each factor e above the threshold
_MOST_WEIGHT = 4.0  # of a single maximum: e times the threshold is a beat, and more is no surer
LEAST_WEIGHT = -2.0  # weaker ones cannot win whatever their rhythm, see pipeline.derive.beat_path
_MISSING_MARGIN_S = 0.04  # half a QRS: a beat needs it on both sides


@dataclass(frozen=True)
class Candidates:
    """Maxima of the strength, in order of time.

    Parameters
    ----------
    time_s : ndarray, shape (n_candidate,), float64, seconds
        From the ECG's first sample; sub-sample.
    weight : ndarray, shape (n_candidate,), float32
        Evidence for a beat; 0 at the threshold.
    height : ndarray, shape (n_candidate,), float32
        Strength over the local height of beats.
    noise : ndarray, shape (n_candidate,), float32
        Local noise over the local height of beats.
    """

    time_s: NDArray[np.float64]
    weight: NDArray[np.float32]
    height: NDArray[np.float32]
    noise: NDArray[np.float32]

    def take(self, index: NDArray[np.intp]) -> Candidates:
        """Return some of them."""
        return Candidates(self.time_s[index], self.weight[index], self.height[index], self.noise[index])


def find_candidates(bands: Bands, present: NDArray[np.bool_]) -> Candidates:
    """Return every maximum that may be a beat.

    Parameters
    ----------
    bands : Bands
        From `pipeline.derive.beat_bands.split_bands`.
    present : ndarray, shape (n_sample,), bool
        Whether the ECG is there, at the working rate.
    """
    strength, rate_hz = bands.strength, bands.rate_hz
    centre = strength[1:-1]
    at = np.flatnonzero((centre > strength[:-2]) & (centre >= strength[2:])) + 1
    margin = round(_MISSING_MARGIN_S * rate_hz)
    at = at[present[at] & present[np.maximum(at - margin, 0)] & present[np.minimum(at + margin, present.size - 1)]]
    height = _at(at, _heights(strength, present, rate_hz), _HEIGHT_S * rate_hz)
    noise = _at(at, _noises(strength, rate_hz), _NOISE_S * rate_hz)
    before, peak, after = strength[at - 1], strength[at], strength[at + 1]
    shift = 0.5 * (before - after) / (before - 2 * peak + after)
    top = peak - 0.25 * (before - after) * shift
    threshold = np.hypot(_HEIGHT_SHARE * height, _NOISE_FACTOR * noise)
    with np.errstate(divide="ignore"):
        weight = np.minimum(_SLOPE * np.log(top / threshold), _MOST_WEIGHT)
    good = (weight > LEAST_WEIGHT) & (height > 0)
    return Candidates(
        (at[good] + shift[good].astype(np.float64)) / rate_hz,
        weight[good],
        top[good] / height[good],
        noise[good] / height[good],
    )


def _at(index: NDArray[np.intp], level: NDArray[np.float32], n_window: float) -> NDArray[np.float32]:
    """Interpolate a level given a window, at samples."""
    centres = (np.arange(level.size) + 0.5) * int(n_window)
    return np.interp(index, centres, level).astype(np.float32)


def _windows(x: NDArray[_T], n_window: int) -> NDArray[_T]:
    """Cut into windows, of which the last may overlap its neighbour; a short signal is one. Shape (n, n_window)."""
    if x.size < n_window:
        return x[None, :]
    whole = x[: x.size // n_window * n_window].reshape(-1, n_window)
    return np.concatenate([whole, x[None, -n_window:]]) if x.size % n_window else whole


def _heights(strength: NDArray[np.float32], present: NDArray[np.bool_], rate_hz: float) -> NDArray[np.float32]:
    """Return the local height of beats for each window; where the lead is off, that of the nearest windows."""
    n_window = int(_HEIGHT_S * rate_hz)
    highest = np.where(_windows(present, n_window), _windows(strength, n_window), 0).max(axis=1)
    alive = highest > 0
    if alive.any():
        alive = highest > _LOST_SHARE * np.median(highest[alive])
        highest = np.interp(np.arange(highest.size), np.flatnonzero(alive), highest[alive]).astype(np.float32)
    return np.asarray(scipy.ndimage.median_filter(highest, _HEIGHT_WINDOWS, mode="nearest"))


def _noises(strength: NDArray[np.float32], rate_hz: float) -> NDArray[np.float32]:
    windows = _windows(strength, int(_NOISE_S * rate_hz))
    rank = int(_NOISE_QUANTILE * windows.shape[1])
    return np.asarray(np.partition(windows, rank, axis=1)[:, rank])

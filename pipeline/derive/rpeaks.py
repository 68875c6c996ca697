"""Beats of a night: when the heart's ventricles were activated, from one ECG lead.

Four steps, each in its module: `beat_bands` (what a QRS complex has and nothing else does), `beat_candidates` (its
maxima, weighed against the local height of beats and the local noise), `beat_path` (the most credible sequence of
them), `beat_fiducial` (the same point of every complex, between samples). Every ectopic beat is a beat; nothing is
added where none was seen. Definition, measurements and limits: docs/adr/0007.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.derive.beat_bands import Bands, split_bands
from pipeline.derive.beat_candidates import Candidates, find_candidates
from pipeline.derive.beat_evidence import Between, at_rest, look_between
from pipeline.derive.beat_fiducial import Fiducials, lean_s, place_fiducials
from pipeline.derive.beat_path import REFRACTORY_S, best_path
from pipeline.derive.beat_shape import likeness
from schemas.errors import SignalError

__all__ = ["CLEAR", "DETECTOR", "Beats", "detect", "detect_beats"]

DETECTOR = "three QRS bands, best path, one fiducial, version 2"
CLEAR = 5.0  # height over noise: 99 % of beats of annotated records and no maximum of pure noise
_LEAST_RATE_HZ = 80.0  # below, the band at 24 Hz does not fit
_LEAST_S = 0.5  # shorter ECGs hold no beat with both its sides


@dataclass(frozen=True)
class Beats:
    """Beats of one lead.

    Parameters
    ----------
    time_s : ndarray, shape (n_beat,), float64, seconds
        From the ECG's first sample, strictly increasing.
    height : ndarray, shape (n_beat,), float32
        QRS strength over that of the beats around; about 1, ventricular beats up to 3.
    noise : ndarray, shape (n_beat,), float32
        QRS strength between beats over that of the beats around; 0.03 is usual. ``height / noise`` above `CLEAR` is
        a beat in 99 of 100; "beats" found in nothing but noise have 1.5 to 3.
    sign : int
        Sign of the fiducial peak in the file: 1 for R, -1 for a deep S, or a lead the wrong way round.
    likeness : ndarray, shape (n_beat,), float32
        Correlation of the complex with those around that came on time; near 1 for beats of one origin.
    between : Between
        What the ECG shows from each beat to the next.
    """

    time_s: NDArray[np.float64]
    height: NDArray[np.float32]
    noise: NDArray[np.float32]
    sign: int
    likeness: NDArray[np.float32]
    between: Between


def detect(ecg: NDArray[Any], rate_hz: float | Fraction) -> NDArray[np.float64]:
    """Return the times of all beats in an ECG.

    Parameters
    ----------
    ecg : ndarray, shape (n_sample,), any real type and unit
        One lead at its native rate, not filtered. Not finite where missing.
    rate_hz : float or Fraction
        Native rate, from 80 Hz.

    Returns
    -------
    ndarray, shape (n_beat,), float64, seconds
        From the first sample, strictly increasing, between samples.

    Raises
    ------
    SignalError
        When the rate is too low to see QRS complexes.
    """
    found = _search(ecg, _usable_hz(rate_hz))
    return np.zeros(0) if found is None else found.fiducials.time_s[found.kept]


def detect_beats(ecg: NDArray[Any], rate_hz: float | Fraction) -> Beats:
    """Return the beats of an ECG with what is known about each; arguments and errors as for `detect`.

    Notes
    -----
    Neither gain nor sign of the ECG matters. About 0.3 CPU-s and 65 MB for 8 h at 256 Hz.
    """
    found = _search(ecg, _usable_hz(rate_hz))
    if found is None:
        nothing = np.zeros(0, np.float32)
        return Beats(np.zeros(0), nothing, nothing, 1, nothing, Between(nothing, nothing, nothing))
    kept, fiducials = found.kept, found.fiducials
    silent = ~found.present | at_rest(ecg, float(rate_hz), found.bands)
    strongest_s, height = found.candidates.time_s[kept], found.candidates.height[kept]
    return Beats(
        time_s=fiducials.time_s[kept],
        height=height,
        noise=found.candidates.noise[kept],
        sign=fiducials.sign,
        likeness=likeness(fiducials)[kept],
        between=look_between(found.bands, strongest_s, height, silent),
    )


@dataclass(frozen=True)
class _Found:
    """The chosen candidates with their fiducials, and which of them are kept."""

    bands: Bands
    present: NDArray[np.bool_]
    candidates: Candidates
    fiducials: Fiducials
    kept: NDArray[np.bool_]


def _usable_hz(rate_hz: float | Fraction) -> float:
    """Return the rate, or refuse it."""
    if not rate_hz >= _LEAST_RATE_HZ:
        raise SignalError(
            "the ECG is too slow to find beats in",
            saw=f"{float(rate_hz):g} Hz",
            expected=f"at least {_LEAST_RATE_HZ:g} Hz",
            why="QRS complexes are told from other waves by what they have at 24 Hz.",
            do="Take a lead with a higher rate, or do without beats.",
        )
    return float(rate_hz)


def _search(ecg: NDArray[Any], rate_hz: float) -> _Found | None:
    """Take the four steps; None where the ECG is too short for a beat."""
    if ecg.size < _LEAST_S * rate_hz:
        return None
    bands = split_bands(ecg, rate_hz)
    present = _present(ecg, rate_hz, bands)
    candidates = find_candidates(bands, present)
    candidates = candidates.take(best_path(candidates))
    clear = candidates.height > CLEAR * candidates.noise
    fiducials = place_fiducials(bands, candidates.time_s, clear)
    lean = lean_s(ecg, rate_hz, fiducials.time_s[clear], fiducials.sign)
    fiducials = replace(fiducials, time_s=fiducials.time_s + lean)
    kept = _apart(fiducials.time_s, candidates.height)
    kept &= (fiducials.time_s >= 0) & (fiducials.time_s < ecg.size / rate_hz)
    return _Found(bands, present, candidates, fiducials, kept)


def _present(ecg: NDArray[Any], rate_hz: float, bands: Bands) -> NDArray[np.bool_]:
    """Return at which working samples the ECG is there."""
    nearest = np.rint(np.arange(bands.strength.size) * (rate_hz / bands.rate_hz)).astype(np.intp)
    return np.asarray(np.isfinite(ecg[np.minimum(nearest, ecg.size - 1)]))


def _apart(time_s: NDArray[np.float64], height: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which beats stay when of two within the refractory period the weaker goes."""
    kept: NDArray[np.bool_] = np.ones(time_s.size, np.bool_)
    while (close := np.flatnonzero(np.diff(time_s[kept]) < REFRACTORY_S)).size:
        index = np.flatnonzero(kept)
        kept[[index[k] if height[index[k]] < height[index[k + 1]] else index[k + 1] for k in close]] = False
    return kept

"""How much a beat looks like the beats around that came on time.

Complexes of 120 ms around the fiducial are compared by correlation with a template: of every few minutes, the mean
of those that came on time and look most alike. Ventricular beats and artefacts look otherwise; so do aberrant ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.derive.beat_fiducial import Fiducials

__all__ = ["likeness"]

Curves = NDArray[np.float32]
_SHAPE_S = 0.06  # on either side of the fiducial
_SHIFTS = (-8, -6, -4, -2, 2, 4, 6, 8)  # points of 4 ms: in noise the fiducial may be on another peak
_STEP = 2  # points: 8 ms, enough for what ends at 36 Hz
_SURELY_ALIKE = 0.95  # is not tried at other places
_AROUND = 256  # beats of one template: three to five minutes, so that it follows the position of the body
_ON_TIME = 0.9  # of the mean interval around
_MEAN_AROUND = 11


def likeness(fiducials: Fiducials) -> Curves:
    """Return each beat's correlation with the beats around that came on time.

    Returns
    -------
    ndarray, shape (n_beat,), float32
        -1 to 1; 1 where there are too few beats to compare.
    """
    time_s, curve, reach = fiducials.time_s, fiducials.curve, round(_SHAPE_S * fiducials.point_hz)
    n = time_s.size
    if n < 3:
        return np.ones(n, np.float32)
    middle, on_time = np.rint(fiducials.point).astype(np.intp), _on_time(time_s)
    shape = _shapes(curve, middle, reach)
    blocks = np.array_split(np.arange(n), -(-n // _AROUND))
    template = np.concatenate([np.tile(_template(shape[rows], on_time[rows]), (rows.size, 1)) for rows in blocks])
    alike: Curves = np.einsum("ij,ij->i", shape, template)
    doubtful = np.flatnonzero(alike < _SURELY_ALIKE)
    for shift in _SHIFTS:
        moved = _shapes(curve[doubtful], middle[doubtful] + shift, reach)
        alike[doubtful] = np.maximum(alike[doubtful], np.einsum("ij,ij->i", moved, template[doubtful]))
    return alike


def _shapes(curve: Curves, middle: NDArray[np.intp], reach: int) -> Curves:
    """Return the complexes around a point, of norm 1."""
    index = np.clip(middle[:, None] + np.arange(-reach, reach + 1, _STEP), 0, curve.shape[1] - 1)
    shape = np.take_along_axis(curve, index, axis=1)
    norm = np.sqrt(np.einsum("ij,ij->i", shape, shape))[:, None]
    return np.asarray(shape / np.maximum(norm, np.finfo(np.float32).tiny))


def _on_time(time_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    interval_s = np.diff(time_s, prepend=2 * time_s[0] - time_s[1])
    weight = np.ones(min(_MEAN_AROUND, interval_s.size))
    usual_s = np.convolve(interval_s, weight, "same") / np.convolve(np.ones(interval_s.size), weight, "same")
    return np.asarray(interval_s >= _ON_TIME * usual_s)


def _template(shape: Curves, on_time: NDArray[np.bool_]) -> Curves:
    """Return the usual complex, of norm 1: the mean of the half that is most like the mean."""
    chosen = shape[on_time] if on_time.any() else shape
    alike = chosen @ chosen.mean(axis=0)
    mean = chosen[alike >= np.median(alike)].mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), float(np.finfo(np.float32).tiny)))

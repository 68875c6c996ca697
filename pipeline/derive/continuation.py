"""What a signal would have been beyond its end, as far as its own last stretch tells: linear prediction.

A tone is continued exactly; breathing, beats and slow waves for about as long as they stay regular, then towards
their mean. Two predictions: one at the native rate for what the anti-alias filter needs next to the end, and one of
means of several samples for the baseline, which needs many periods. A second fit, in which samples that were badly
predicted count less, keeps steps and artefacts from being learnt; nothing beyond the usual range is ever predicted,
so it cannot run away. Compared with reflections in docs/adr/0003.

Source: forward and backward least-squares prediction, Ulrych & Clayton 1976 (doi:10.1016/0031-9201(76)90077-8).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.derive.band import Band

__all__ = ["continued", "n_told"]

_Floats = NDArray[np.float64]

_ORDER = 40  # coefficients: 10 s of a belt's means, two breaths
_PERIODS = 8.0  # of the lower edge that are learnt from
_MEANS_A_PERIOD = 80.0  # of the lower edge: 4 a second for a belt, as many as its output has
_NEAR = 16  # native samples a coefficient that the near prediction learns from
_LEVEL_CYCLES = 2.0  # of the upper edge, over which the far prediction takes over the level
_DETAIL_CYCLES = 12.0  # of the upper edge, over which what the means do not show fades away
_USUAL_PERCENT = (0.25, 99.75)  # a spike near the end is no part of the range, a step half a second before it is
_RIDGE = 1e-9  # of the mean power: below an integer's rounding, above a double's
_OUTLIER = 4.5  # median absolute residuals from which a sample counts less: 3 standard deviations


def n_told(band: Band, rate_hz: float) -> int:
    """Return how many samples next to an end are learnt from."""
    assert band.low_hz
    periods = round(_PERIODS * rate_hz / band.low_hz)
    return max(periods, _NEAR * _ORDER)


def continued(told: _Floats, n: int, band: Band, rate_hz: float) -> _Floats:
    """Continue a signal whose band has a lower edge.

    Parameters
    ----------
    told : ndarray, shape (n_told,), float64
        The last samples, oldest first; at least one.
    n : int
        Samples wanted.
    band : Band
        With a lower edge.
    rate_hz : float
        Native rate.

    Returns
    -------
    ndarray, shape (n,), float64
        The samples that follow; exactly the constant where ``told`` is constant.
    """
    assert band.low_hz
    usual = np.percentile(told, _USUAL_PERCENT)
    n_mean = max(1, int(rate_hz / (_MEANS_A_PERIOD * band.low_hz)))
    if n_mean == 1 or told.size < n_mean:
        return _predicted(told, n, usual)
    near = _predicted(told[-_NEAR * _ORDER :], n + n_mean, usual)
    mean = told[told.size % n_mean :].reshape(-1, n_mean).mean(axis=1)
    ahead = np.concatenate([mean[-1:], _predicted(mean, n // n_mean + 2, usual)])
    centre = np.arange(ahead.size) * n_mean - (n_mean - 1) / 2
    index = np.arange(1, n + 1)
    far = np.interp(index, centre, ahead)
    near_mean = near[: near.size // n_mean * n_mean].reshape(-1, n_mean).mean(axis=1)
    level = np.interp(index, centre[1 : near_mean.size + 1], near_mean)
    cycle = np.asarray(index * (band.high_hz / rate_hz), np.float64)
    joined = far + _fading(cycle / _LEVEL_CYCLES) * (level - far)
    return np.asarray(joined + _fading(cycle / _DETAIL_CYCLES) * (near[:n] - level))


def _fading(x: _Floats) -> _Floats:
    """Return half a cosine from 1 at 0 to 0 at 1."""
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * np.minimum(x, 1.0)))


def _predicted(x: _Floats, n: int, usual: _Floats) -> _Floats:
    """Return the next ``n`` samples of ``x`` by a recursion learnt from ``x``, within ``usual``."""
    order = min(_ORDER, x.size // 3)
    level = float(x.mean())
    if not order:
        return np.full(n, level)
    past = x - level
    windows = sliding_window_view(past, order + 1)
    ahead = _run_on(_coefficients(np.concatenate([windows, windows[:, ::-1]])), past[past.size - order :], n)
    return np.asarray(np.clip(np.nan_to_num(ahead) + level, *usual))


def _run_on(coefficients: _Floats, last: _Floats, n: int) -> _Floats:
    """Return the n samples that follow ``last``, as many at a time as there are coefficients."""
    block = np.eye(coefficients.size)
    parts = [last]
    with np.errstate(over="ignore", invalid="ignore"):  # what runs away is limited by the caller
        for _ in range(coefficients.size):
            block = np.concatenate([block[1:], coefficients[None] @ block])
        for _ in range(math.ceil(n / coefficients.size)):
            parts.append(block @ parts[-1])
    return np.concatenate(parts)[last.size : last.size + n]


def _coefficients(windows: _Floats) -> _Floats:
    """Return the least-squares predictor of the last column from the others, fitted twice."""
    first = _least_squares(windows)
    residual = np.abs(windows[:, -1] - windows[:, :-1] @ first)
    limit = _OUTLIER * float(np.median(residual)) + 1e-9
    return _least_squares(windows * np.minimum(1.0, limit / np.maximum(residual, limit))[:, None])


def _least_squares(windows: _Floats) -> _Floats:
    gram = windows.T @ windows
    power = float(gram.trace()) / gram.shape[0]
    if not power:
        return np.zeros(gram.shape[0] - 1)
    normal = gram[:-1, :-1] + _RIDGE * power * np.eye(gram.shape[0] - 1)
    return np.asarray(np.linalg.solve(normal, gram[:-1, -1]))

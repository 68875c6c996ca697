"""Building blocks of synthetic signals: seeded streams, shaped noise, waves placed in time, slow curves.

Everything is vectorised over the night and works in slabs, so that memory stays at a few copies of one channel.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

__all__ = ["BLOCK_S", "HOP_S", "add_waves", "shaped_noise", "smooth_noise", "stream", "upsample"]

BLOCK_S = 4  # seconds; length of one noise block, which fixes the spectral resolution at 0.25 Hz
HOP_S = BLOCK_S // 2  # seconds between block centres; sine windows keep the power constant
_SLAB = 1 << 21  # elements worked on at a time, about 8 MB of float32

Floats = NDArray[np.float32]
Wave = Callable[[Floats, slice], Floats]


def stream(seed: int, *path: object) -> np.random.Generator:
    """Return the random stream of one purpose, independent of every other and of the order of use.

    Parameters
    ----------
    seed : int
        Seed of the cohort.
    *path : object
        What the stream is for, e.g. ``("subject", 3, "traits")``.
    """
    words = [zlib.crc32(str(part).encode()) for part in path]
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, *words])))


def upsample(control: ArrayLike, rate_hz: int) -> Floats:
    """Join the points of a curve given once a second by straight lines.

    Parameters
    ----------
    control : array, shape (n_second + 1,)
        Values at 0, 1, 2, … seconds.

    Returns
    -------
    ndarray, shape (n_second * rate_hz,), float32
    """
    points = np.asarray(control, np.float32)
    ramp = np.arange(rate_hz, dtype=np.float32) / np.float32(rate_hz)
    return np.asarray(points[:-1, None] + np.diff(points)[:, None] * ramp).reshape(-1)


def smooth_noise(rng: np.random.Generator, n_point: int, width: float) -> Floats:
    """Return slowly wandering noise of unit variance, smooth over about ``width`` points; shape (n_point,)."""
    n_knot = int(n_point / width) + 3
    knots = rng.standard_normal(n_knot)
    position = np.arange(n_point) / width + rng.random()
    left = position.astype(int)
    weight = 0.5 - 0.5 * np.cos(np.pi * (position - left))
    power = np.sqrt(weight**2 + (1 - weight) ** 2)
    return np.asarray(((1 - weight) * knots[left] + weight * knots[left + 1]) / power, np.float32)


def shaped_noise(
    rng: np.random.Generator,
    n_second: int,
    rate_hz: int,
    state: NDArray[np.intp],
    density: NDArray[np.float64],
    gain: Floats,
) -> Floats:
    """Return Gaussian noise whose spectrum changes with a state.

    Parameters
    ----------
    state : ndarray, shape (n_block,), integer
        Row of ``density`` for the block centred at ``k * HOP_S`` seconds; ``n_block >= n_second / HOP_S + 1``.
    density : ndarray, shape (n_state, rate_hz * BLOCK_S // 2 + 1), float64, unit² / Hz
        One-sided power densities at multiples of ``1 / BLOCK_S`` Hz.
    gain : ndarray, shape (n_block,), float32
        Amplitude factor of every block.

    Returns
    -------
    ndarray, shape (n_second * rate_hz,), float32, unit
    """
    n_hop = HOP_S * rate_hz
    n_block_sample = 2 * n_hop
    amplitude = (n_block_sample / 2 * np.sqrt(density / BLOCK_S)).astype(np.float32)
    amplitude[:, [0, -1]] = 0.0
    window = np.sin(np.pi * (np.arange(n_block_sample, dtype=np.float32) + 0.5) / n_block_sample)
    n_block = -(-n_second // HOP_S) + 1
    out = np.empty(((n_block - 1), n_hop), np.float32)
    tail = np.zeros(n_hop, np.float32)
    step = max(1, _SLAB // n_block_sample)
    for first in range(0, n_block, step):
        rows = slice(first, min(first + step, n_block))
        draw = rng.standard_normal((rows.stop - first, amplitude.shape[1] * 2), dtype=np.float32)
        spectrum = draw.view(np.complex64) * (amplitude[state[rows]] * gain[rows, None])
        block = fft.irfft(spectrum, n_block_sample, axis=1, overwrite_x=True) * window
        tails = np.vstack([tail[None], block[:-1, n_hop:]])
        overlapped = block[:, :n_hop] + tails
        skip = 1 if first == 0 else 0  # what lies before the start of the night
        out[first - 1 + skip : rows.stop - 1] = overlapped[skip:]
        tail = block[-1, n_hop:].copy()
    return out.reshape(-1)[: n_second * rate_hz]


def add_waves(
    out: Floats, rate_hz: int, time_s: NDArray[np.float64], before_s: float, after_s: float, wave: Wave
) -> None:
    """Add one wave an event to a signal, placed to a fraction of a sample.

    Parameters
    ----------
    out : ndarray, shape (n_sample,), float32
        Changed in place; parts of waves beyond its ends are lost.
    time_s : ndarray, shape (n_event,), float64, seconds
        Reference time of every event.
    before_s, after_s : float, seconds
        Extent of a wave around its reference time.
    wave : callable
        ``wave(tau, rows)`` gives the values at ``tau`` seconds from the reference time, shape (n_row, n_width),
        of the events ``time_s[rows]``.
    """
    n_width = int((before_s + after_s) * rate_hz) + 2
    if not time_s.size or not out.size:
        return
    offset = np.arange(n_width)
    step = max(1, _SLAB // n_width)
    for first in range(0, time_s.size, step):
        rows = slice(first, min(first + step, time_s.size))
        start = np.ceil((time_s[rows] - before_s) * rate_hz).astype(np.int64)
        tau = ((start / rate_hz - time_s[rows])[:, None] + offset / rate_hz).astype(np.float32)
        value = np.asarray(wave(tau, rows), np.float32)
        index = start[:, None] + offset
        if start.min() < 0 or index[:, -1].max() >= out.size:
            inside = (index >= 0) & (index < out.size)
            index, value = index[inside], value[inside]
        np.add.at(out, index.reshape(-1), value.reshape(-1))

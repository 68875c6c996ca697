"""Overlapping blocks: how long they are, and how a block's spectrum becomes output samples.

Where block and hop are whole numbers of native *and* of output samples, an inverse transform gives the output grid.
Rates for which no reasonable block does that (255.9997 Hz) are evaluated on the grid by a chirp transform of the
same spectrum: several times slower, just as exact.

Source: Rabiner, Schafer & Rader 1969, The chirp z-transform algorithm (doi:10.1109/TAU.1969.1162034).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import scipy.fft
from numpy.typing import NDArray

__all__ = ["Blocks", "plan_blocks"]

_LEAST_BLOCK = 4096  # native samples; shorter blocks spend their time on calls
_LONGEST_PERIOD = 2**16  # native samples after which both grids coincide again; beyond that, the chirp transform
_BATCH = 2**19  # native samples gathered at a time, 2 MB
_REACHES = 8  # block length in units of the kernel's half length: a quarter of every block is overlap


@dataclass(frozen=True)
class Blocks:
    """Lengths in native (``in``) and output (``out``) samples.

    Parameters
    ----------
    n_in : int
        Native samples of a block.
    hop_in, hop_out : int
        From one block to the next; ``hop_in`` is 0 off the grid, where each block is placed by itself.
    n_out : int
        Output samples of a block, of which the first ``hop_out`` are valid; 0 off the grid.
    per_batch : int
        Blocks transformed together.
    n_reach : int
        Native samples read ahead of the first output sample's position, and needed behind the last one's.
    ratio : Fraction
        Native samples an output sample.
    """

    n_in: int
    n_out: int
    hop_in: int
    hop_out: int
    per_batch: int
    n_reach: int
    ratio: Fraction

    @property
    def scale(self) -> float:
        """What the spectrum must be multiplied by so that amplitudes are kept."""
        return (self.n_out or 1) / self.n_in

    def bins_below(self, stop: float) -> int:
        """Return how many bins lie below ``stop``, in cycles a native sample."""
        return min(math.ceil(stop * self.n_in), (self.n_in + 1) // 2)

    def synthesise(self, spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
        """Return output samples from block spectra; shape (n_block, n_bin) to (n_block, hop_out), float32."""
        if self.n_out:
            return np.asarray(scipy.fft.irfft(spectrum, self.n_out, axis=1)[:, : self.hop_out])
        return _chirp_sum(spectrum, float(self.ratio / self.n_in), self.hop_out)


def _chirp_sum(spectrum: NDArray[np.complex64], step: float, n: int) -> NDArray[np.float32]:
    """Return the real signal with the given bins at ``n`` times that are ``step`` of the block apart."""
    n_bin = spectrum.shape[1]
    size = scipy.fft.next_fast_len(n_bin + n - 1)
    index = np.arange(-n_bin + 1, max(n, n_bin), dtype=np.float64)
    chirp = np.exp(1j * np.pi * step * index**2)  # at index 0 where n_bin - 1 is
    weighted = 2 * spectrum * chirp[n_bin - 1 : 2 * n_bin - 1]
    weighted[:, 0] /= 2
    kernel = scipy.fft.fft(chirp[: n_bin + n - 1].conj(), size)
    summed = scipy.fft.ifft(scipy.fft.fft(weighted, size, axis=1) * kernel, axis=1)[:, n_bin - 1 : n_bin - 1 + n]
    return np.asarray((summed * chirp[n_bin - 1 : n_bin - 1 + n]).real, np.float32)


def _is_smooth(n: int) -> bool:
    return n == int(scipy.fft.next_fast_len(n, real=True))


def plan_blocks(native_rate_hz: Fraction, rate_hz: int, half_s: float) -> Blocks:
    """Choose blocks for a kernel that reaches ``half_s`` to either side.

    Parameters
    ----------
    native_rate_hz : Fraction
        Exact native rate.
    rate_hz : int
        Output rate.
    half_s : float
        Kernel's half length in seconds.
    """
    ratio = native_rate_hz / rate_hz
    n_reach = math.ceil(half_s * native_rate_hz) + 1
    lost_in = 2 * n_reach + 1  # on both sides, and the sub-sample phase
    least_in = max(_LEAST_BLOCK, _REACHES * half_s * native_rate_hz)
    if ratio.numerator > _LONGEST_PERIOD:
        n_in = int(scipy.fft.next_fast_len(math.ceil(least_in), real=True))
        return Blocks(n_in, 0, 0, int((n_in - lost_in) / ratio), 1, n_reach, ratio)
    first = math.ceil((least_in + ratio.numerator) / ratio.numerator)
    lengths = ((j, j * ratio.numerator, j * ratio.denominator) for j in range(first, 2 * first + 1))
    n_period = next((j for j, n_in, n_out in lengths if _is_smooth(n_in) and _is_smooth(n_out)), first)
    n_hop = (n_period * ratio.numerator - lost_in) // ratio.numerator
    n_in, hop_in = n_period * ratio.numerator, n_hop * ratio.numerator
    n_out, hop_out = n_period * ratio.denominator, n_hop * ratio.denominator
    return Blocks(n_in, n_out, hop_in, hop_out, max(1, _BATCH // hop_in), n_reach, ratio)

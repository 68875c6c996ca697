"""How the WFDB library stores samples: the formats that sleep recordings come in.

Source: WFDB signal formats, https://physionet.org/physiotools/wag/signal-5.htm
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

__all__ = ["FORMATS", "SampleFormat", "n_bytes"]


@dataclass(frozen=True)
class SampleFormat:
    """One format.

    Parameters
    ----------
    bits : int
        Of one sample in the file.
    data_type : str
        Of the words in the file; blank where samples are no whole words.
    shift : int
        What to add to a word.
    """

    bits: int
    data_type: str
    shift: int = 0

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest count; the smallest number that the bits can hold means *no value*."""
        return self.missing + 1, -self.missing - 1

    @property
    def missing(self) -> int:
        """Count of a sample that was not taken."""
        return -(1 << (self.bits - 1))

    def decode(self, content: NDArray[np.uint8], n_sample: int) -> NDArray[np.signedinteger]:
        """Return the samples, in place where the file holds them as they are.

        Parameters
        ----------
        content : ndarray, shape (n_byte,), uint8
            From the first sample on.
        n_sample : int
            How many there are; ``content`` has their bytes at least.
        """
        if self.bits == 12:
            return _decode_12(content, n_sample)
        if self.bits == 24:
            return _decode_24(content, n_sample)
        words = content[: n_sample * self.bits // 8].view(self.data_type)
        if not self.shift:
            return words
        return (words.astype(np.int32) + self.shift).astype(np.int16)


FORMATS: Mapping[int, SampleFormat] = MappingProxyType(
    {
        16: SampleFormat(16, "<i2"),
        24: SampleFormat(24, ""),
        32: SampleFormat(32, "<i4"),
        61: SampleFormat(16, ">i2"),
        80: SampleFormat(8, "u1", -128),
        160: SampleFormat(16, "<u2", -32768),
        212: SampleFormat(12, ""),
    }
)


def n_bytes(sample_format: SampleFormat, n_sample: int) -> int:
    """Return how many bytes samples take."""
    return -(-n_sample * sample_format.bits // 8)


def _decode_12(content: NDArray[np.uint8], n_sample: int) -> NDArray[np.int16]:
    """Two samples in three bytes: the low bytes first and third, four high bits of each in the second."""
    n_pair = -(-n_sample // 2)
    padded = np.zeros(3 * n_pair, np.uint8)
    padded[: min(content.size, padded.size)] = content[: padded.size]
    low, high, second = padded[0::3], padded[1::3], padded[2::3]
    out = np.empty(2 * n_pair, np.int16)
    out[0::2] = low | (high & 0x0F).astype(np.int16) << 8
    out[1::2] = second | (high >> 4).astype(np.int16) << 8
    out[out > 2047] -= 4096
    return out[:n_sample]


def _decode_24(content: NDArray[np.uint8], n_sample: int) -> NDArray[np.int32]:
    wide = np.zeros((n_sample, 4), np.uint8)
    wide[:, 1:] = content[: 3 * n_sample].reshape(n_sample, 3)
    return wide.view("<i4").reshape(n_sample) >> 8

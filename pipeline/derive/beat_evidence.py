"""What lies between beats: whether something as strong as a beat was passed over, and whether the lead was alive.

All of it is QRS strength over the local height of beats, as in `pipeline.derive.beat_candidates`. Judged elsewhere,
against what is usual for the person: T waves and the noise of an amplifier are in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.derive.beat_bands import Bands

__all__ = ["Between", "at_rest", "look_between"]

Levels = NDArray[np.float32]
_QRS_S = 0.12  # on either side of a beat: its own strength, a wide one's too
_QUIET_S = 0.1  # stretches between the waves of a beat are as long


@dataclass(frozen=True)
class Between:
    """The ECG from each beat to the next, without the two; over the height of beats there.

    Parameters
    ----------
    peak : ndarray, shape (n_beat,), float32
        Strongest moment: a wave that was not taken for a beat. NaN after the last beat.
    mean : ndarray, shape (n_beat,), float32
        Mean strength. NaN after the last beat.
    quiet : ndarray, shape (n_beat,), float32
        Mean strength in the quietest tenth of a second: next to nothing where the lead is off. NaN after the last
        beat.
    """

    peak: Levels
    mean: Levels
    quiet: Levels


def at_rest(ecg: NDArray[Any], rate_hz: float, bands: Bands) -> NDArray[np.bool_]:
    """Return at which working samples the ECG stays on one value, for a tenth of a second or longer."""
    n_block = max(2, round(_QUIET_S * rate_hz))
    blocks = ecg[: ecg.size // n_block * n_block].reshape(-1, n_block)
    rests = np.append((blocks[:, 0] == blocks[:, 1]) & (blocks[:, 0] == blocks[:, -1]), False)  # few are left
    at = np.flatnonzero(rests)
    rests[at] = (blocks[at] == blocks[at, :1]).all(axis=1)
    block = (np.arange(bands.strength.size) * (rate_hz / bands.rate_hz / n_block)).astype(np.intp)
    return np.asarray(rests[np.minimum(block, rests.size - 1)])


def look_between(
    bands: Bands, time_s: NDArray[np.float64], height: NDArray[np.float32], silent: NDArray[np.bool_]
) -> Between:
    """Describe the ECG between beats.

    Parameters
    ----------
    bands : Bands
        From `pipeline.derive.beat_bands.split_bands`.
    time_s : ndarray, shape (n_beat,), float64, seconds
        When each beat's strength is greatest, increasing.
    height : ndarray, shape (n_beat,), float32
        Strength of each beat over the height of beats around.
    silent : ndarray, shape (n_sample,), bool
        Where the ECG is not there or rests, at the working rate; nothing is as quiet. The strength tells it late.
    """
    n = time_s.size
    if n < 2:
        none = np.full(n, np.nan, np.float32)
        return Between(none, none.copy(), none.copy())
    strength = bands.strength
    at = np.clip(np.rint(time_s * bands.rate_hz).astype(np.intp), 0, strength.size - 1)
    level = strength[at] / height
    level = np.minimum(level[:-1], level[1:])
    margin, n_quiet = round(_QRS_S * bands.rate_hz), round(_QUIET_S * bands.rate_hz)
    first = np.minimum(at[:-1] + margin, strength.size - n_quiet - 2)
    stop = np.clip(at[1:] - margin, first + 1, strength.size - n_quiet - 1)
    edges = np.column_stack([first, stop]).ravel()
    total = np.concatenate([[0.0], np.cumsum(np.where(silent, 0, strength), dtype=np.float64)])
    moving = (total[n_quiet:] - total[:-n_quiet]) / n_quiet
    last = np.maximum(stop - n_quiet, first + 1)
    quiet = np.minimum.reduceat(moving, np.column_stack([first, last]).ravel())[::2]
    peak = np.maximum.reduceat(strength, edges)[::2]
    mean = (total[stop] - total[first]) / (stop - first)
    return Between(*(np.append(x / level, np.nan).astype(np.float32) for x in (peak, mean, np.maximum(quiet, 0))))

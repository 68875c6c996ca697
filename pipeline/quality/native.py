"""Short pieces of a channel as it was recorded, spread over the night: what the stored band has lost is there."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.channels import ChannelPlan
from pipeline.read.night import Night
from schemas.recording import Signal

__all__ = ["pieces"]

_SLACK = 1e-9  # records; rounding of times


def pieces(
    plan: ChannelPlan, night: Night, *, n_piece: int, length_s: float, begin_s: float, end_s: float
) -> NDArray[np.float32] | None:
    """Read equally spaced pieces of a channel.

    Parameters
    ----------
    n_piece : int
        How many to try; those that no segment holds whole are left out.
    begin_s, end_s : float
        From recording start, between which they lie.

    Returns
    -------
    ndarray, shape (n_found, n_sample), float32, in the channel's unit; or None
        None where two leads have different rates. The header's offset is kept.
    """
    signals = [(night.signal(lead.index), lead.factor) for lead in plan.leads]
    if len({signal.rate_hz for signal, _ in signals}) != 1:
        return None
    at_s = np.linspace(begin_s, max(begin_s, end_s - length_s), n_piece)
    n_sample = int(length_s * plan.rate_hz)
    found = []
    for time_s in at_s.tolist():
        parts = [_read(signal, factor, time_s, n_sample) for signal, factor in signals]
        whole = [part for part in parts if part is not None]
        if len(whole) == len(signals):
            found.append(sum(whole))
    return np.asarray(found, np.float32).reshape(len(found), n_sample)


def _read(signal: Signal, factor: float, time_s: float, n_sample: int) -> NDArray[np.float32] | None:
    """Return samples from the record on in which a time lies; None where they are not in one segment."""
    for segment in signal.segments:
        n_record, n_per_record = segment.digital.shape
        record = math.floor((time_s - segment.start_s) * float(signal.rate_hz) / n_per_record + _SLACK)
        n_needed = -(-n_sample // n_per_record)
        if record >= 0 and record + n_needed <= n_record:
            rows = np.asarray(segment.digital[record : record + n_needed], np.float32).reshape(-1)[:n_sample]
            return (rows * np.float32(signal.gain) + np.float32(signal.offset)) * np.float32(factor)
    return None

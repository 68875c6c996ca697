"""Signals made from plain numbers."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from numpy.typing import NDArray

from schemas.recording import Segment, Signal

SignalMaker = Callable[..., Signal]


def as_signal(
    *segments: tuple[float, NDArray[Any]],
    rate_hz: Fraction | int,
    gain: float = 1.0,
    offset: float = 0.0,
    n_per_record: int = 1,
) -> Signal:
    """Return a signal from (start in seconds, integers) pairs; integers that fill no whole record are dropped."""
    rows = tuple(
        Segment(start_s, x[: x.size // n_per_record * n_per_record].reshape(-1, n_per_record))
        for start_s, x in segments
    )
    return Signal("X", "uV", Fraction(rate_hz), gain, offset, -1.0, 1.0, -32768, 32767, rows)


@pytest.fixture(scope="session")
def make_signal() -> SignalMaker:
    return as_signal

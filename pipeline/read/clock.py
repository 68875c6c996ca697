"""Times of day and spans of time as scorings write them; dates are dropped."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

__all__ = ["DAY_S", "clock_s", "elapsed_s", "number", "unwrap_clock"]

DAY_S = 86_400.0
_CLOCK = re.compile(
    r"(?:.*[\sT]|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}-)?"
    r"(\d{1,2})[:.](\d{2})(?:[:.](\d{2}(?:[.,]\d+)?))?\s*(?:([AaPp])\.?[Mm]\.?)?(?:Z|[+-]\d{2}:?\d{2})?"
)
_ELAPSED = re.compile(r"(?:(\d+):)?(\d+):(\d{1,2}(?:[.,]\d+)?)")


def number(text: str, decimal: str = ".") -> float:
    """Return a number, NaN where the text is none."""
    try:
        value = float(text.replace(",", ".") if decimal == "," else text)
    except ValueError:
        return math.nan
    return value


def clock_s(text: str) -> float:
    """Return a time of day in seconds, NaN where the text is none.

    Understands ``22:14:05.5``, ``22.14.05`` and ``10:14 PM``, with or without a date before it.
    """
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        return math.nan
    hour, minute, second = int(match[1]), int(match[2]), float((match[3] or "0").replace(",", "."))
    if half := match[4]:
        if not 1 <= hour <= 12:
            return math.nan
        hour = hour % 12 + (12 if half in "Pp" else 0)
    return hour * 3600 + minute * 60 + second if hour < 24 and minute < 60 and second < 60 else math.nan


def elapsed_s(text: str) -> float:
    """Return a span of time in seconds, NaN where the text is none: ``1:02:03.5``, ``62:03``."""
    match = _ELAPSED.fullmatch(text.strip())
    if match is None:
        return math.nan
    return int(match[1] or 0) * 3600 + int(match[2]) * 60 + float(match[3].replace(",", "."))


def unwrap_clock(clocks: Iterable[float]) -> tuple[float | None, list[float]]:
    """Put times of day without a date in order: each lies within half a day of the one before.

    Returns
    -------
    start : float or None
        Time of day that the others count from, in seconds; None where no time can be read.
    times : list of float
        Seconds from ``start``; NaN where a time is NaN.
    """
    start, before = None, 0.0
    times: list[float] = []
    for clock in clocks:
        if math.isnan(clock):
            times.append(math.nan)
            continue
        start = clock if start is None else start
        before += (clock - start - before + DAY_S / 2) % DAY_S - DAY_S / 2
        times.append(before)
    return start, times

"""Texts and numbers of an EDF header, read strictly, and repaired only where one reading is possible.

Each function returns what it understood and whether it had to repair; None means that it would have to guess.

Source: Kemp B et al. 1992 (EDF), https://www.edfplus.info/specs/edf.html; defects seen in public files.
"""

from __future__ import annotations

import re

__all__ = ["parse_clock", "parse_date", "parse_filters", "parse_number", "parse_text"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"([+-]?\d*),(\d+(?:[eE][+-]?\d{1,3})?)", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)  # 1,234 may be one or one thousand: no guess
# An exponent of three digits is complete; what follows it was left in the buffer from a longer number.
_STALE_TAIL = re.compile(r"([+-]?\d+\.?\d*[eE][+-]\d{3})[.\d]+", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2})([.:])(\d{1,2})\2(\d{1,2})", re.ASCII)
_DATE = re.compile(r"(\d{2})\.(\d{2})\.\d{2}", re.ASCII)
_FILTER = re.compile(r"\b(?:HP|LP|BP|N|NOTCH)\s*[:=]\s*(?:DC|\d+(?:[.,]\d+)?\s*(?:[mk]?Hz|s)?)", re.IGNORECASE)


def parse_text(raw: bytes) -> tuple[str, bool]:
    """Decode a text field; padding is stripped.

    Returns
    -------
    text : str
        UTF-8 where that fits, else Latin-1; control characters become spaces.
    clean : bool
        Whether all bytes were printable ASCII, as the format asks.
    """
    if raw.isascii() and (text := raw.decode("ascii")).isprintable():
        return text.strip(), True
    raw = raw.strip(b"\0 ")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return "".join(c if c.isprintable() else " " for c in text).strip(), False


def parse_number(raw: bytes) -> tuple[str, bool] | None:
    """Return the number that a field spells, as text for ``float``, ``int`` or ``Fraction``.

    Returns
    -------
    tuple of (str, bool) or None
        The number and whether it was repaired: a decimal comma, bytes after a NUL, or the stale tail of
        ``8e+003.5``. None where nothing or more than one thing could be meant.
    """
    text, nul, _ = raw.decode("latin-1").partition("\0")
    text = text.strip(" ")
    if _NUMBER.fullmatch(text):
        return text, bool(nul)
    comma = _DECIMAL_COMMA.fullmatch(text)
    if comma and not _THOUSANDS.fullmatch(text):
        return f"{comma[1]}.{comma[2]}", True
    stale = _STALE_TAIL.fullmatch(text)
    if stale:
        return stale[1], True
    return None


def parse_clock(raw: bytes) -> tuple[float, bool] | None:
    """Return the time of day in seconds, and whether colons stood where dots belong; None if unreadable."""
    match = _CLOCK.fullmatch(raw.decode("latin-1").strip(" \0"))
    if not match:
        return None
    hour, minute, second = int(match[1]), int(match[3]), int(match[4])
    if hour > 23 or minute > 59 or second > 59:
        return None
    return float(3600 * hour + 60 * minute + second), match[2] == ":"


def parse_date(raw: bytes) -> bool:
    """Say whether a start date is readable and possible; the date itself is never kept."""
    match = _DATE.fullmatch(raw.decode("latin-1").strip(" \0"))
    return match is not None and 1 <= int(match[1]) <= 31 and 1 <= int(match[2]) <= 12


def parse_filters(text: str) -> str:
    """Return the parts that read as filters (``HP:0.5Hz LP:35Hz N:50Hz``); other text may name people."""
    return " ".join(match.replace(" ", "") for match in _FILTER.findall(text))

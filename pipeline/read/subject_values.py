"""What a value in a table of subjects means: codes, ages, sexes, sites, clocks.

Values are compared as integers where they are integers (``1``, ``01`` and ``1.0`` are one code), else without case
and surplus blanks. A value without a meaning is None, never a guess. Ages above 89 become 90.

Source: 45 CFR 164.514(b)(2)(i)(C) for the limit of age.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from schemas.manifest import Column
from schemas.vocabulary import Sex

__all__ = ["MAX_AGE", "fold_value", "meaning_of"]

MAX_AGE = 89  # years; above, the safe harbour rule allows one class only
TOP_CODE = 90.0  # years, stands for 90 or older
AGE_RANGE = (0.0, 125.0)  # years
BMI_RANGE = (5.0, 150.0)  # kg/m2
MAX_TEXT = 64  # characters of a site or a family
DAYS_PER_YEAR = 365.25
_PER_YEAR = {"years": 1.0, "months": 12.0, "days": DAYS_PER_YEAR}
_INTEGER = re.compile(r"([+-]?\d+)(?:\.0*)?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?")


def fold_value(text: str) -> str:
    """Fold a value of a table to the form in which codes are compared.

    An integer loses sign of plus, leading zeros and an empty fraction; other text loses case and surplus blanks.
    """
    text = " ".join(text.split())
    match = _INTEGER.fullmatch(text)
    return str(int(match[1])) if match and len(text) < 30 else text.casefold()


def meaning_of(name: str, column: Column, text: str) -> float | str | None:
    """Return a value in our terms, or None where it has no meaning."""
    if column.codes is not None:
        codes = {fold_value(code): meaning for code, meaning in column.codes.items()}
        if (meaning := codes.get(fold_value(text))) is None:
            return None
        text = meaning
    if name == "age_years":
        return _age(text, column)
    return _PARSERS[name](text)


def _age(text: str, column: Column) -> float | None:
    number = _number(text.strip().lstrip(">").removesuffix("+"))
    if number is None:
        return None
    years = number / _PER_YEAR[column.unit or "years"]
    if not AGE_RANGE[0] <= years <= AGE_RANGE[1]:
        return None
    open_ended = text.strip().startswith(">") and years >= MAX_AGE
    return TOP_CODE if years > MAX_AGE or open_ended else years


def _number(text: str) -> float | None:
    try:
        number = float(text.replace(",", ".") if "." not in text else text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _bmi(text: str) -> float | None:
    number = _number(text)
    return number if number is not None and BMI_RANGE[0] <= number <= BMI_RANGE[1] else None


def _sex(text: str) -> str | None:
    folded = fold_value(text)
    return folded if folded in set(Sex) else None


def _name(text: str) -> str | None:
    text = " ".join(text.split())
    return text if 0 < len(text) <= MAX_TEXT and text.isprintable() else None


def _clock(text: str) -> float | None:
    match = _CLOCK.fullmatch(text.strip())
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:
        return None
    return int(match[1]) * 3600.0 + int(match[2]) * 60.0 + int(match[3] or 0)


_PARSERS: dict[str, Callable[[str], float | str | None]] = {
    "sex": _sex,
    "site": _name,
    "family": _name,
    "bmi": _bmi,
    "in_bed_start": _clock,
    "in_bed_end": _clock,
}

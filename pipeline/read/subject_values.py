"""What a value in a table of subjects means: codes, ages, sexes, races, sites, answers, indices, clocks.

Values are compared as integers where they are integers (``1``, ``01`` and ``1.0`` are one code), else without case
and surplus blanks. A value without a meaning is None, never a guess. Ages above 89 become 90.

Source: 45 CFR 164.514(b)(2)(i)(C) for the limit of age.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from enum import StrEnum

from schemas.indices import INDICES, PUBLISHED_ONLY
from schemas.subjects import SUBJECT_FIELDS, Column, History

__all__ = ["MAX_AGE", "TOP_CODE", "fold_value", "is_missing", "meaning_of"]

MAX_AGE = 89  # years; above, the safe harbour rule allows one class only
TOP_CODE = 90.0  # years, stands for 90 or older
AGE_RANGE = (0.0, 125.0)  # years
BMI_RANGE = (5.0, 150.0)  # kg/m2
MAX_TEXT = 64  # characters of a site or a family
DAYS_PER_YEAR = 365.25
MAX_INDEX = 2000.0  # minutes, or events an hour: more is no night
_MINUTES = {"minutes": 1.0, "hours": 60.0}
# Words of the NSRR's harmonised columns that are not ours. Source: nsrr_race, nsrr_ethnicity, nsrr_sex.
_NSRR_WORDS = {
    "black or african american": "black",
    "american indian or alaska native": "native_american",
    "native hawaiian or other pacific islander": "pacific_islander",
    "hispanic or latino": "hispanic",
    "not hispanic or latino": "not_hispanic",
    "not reported": "unknown",
    "not allowed to collect": "unknown",
}
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


def is_missing(text: str, column: Column) -> bool:
    """Whether a value stands for *unknown*."""
    return fold_value(text) in {fold_value(missing) for missing in column.missing}


def meaning_of(name: str, column: Column, text: str) -> float | str | None:
    """Return a value in our terms, or None where it has no meaning.

    Parameters
    ----------
    name : str
        Of `schemas.subjects.SubjectTable.columns`.
    text : str
        As the table has it, not blank.
    """
    if column.codes is not None:
        codes = {fold_value(code): meaning for code, meaning in column.codes.items()}
        if (meaning := codes.get(fold_value(text))) is None:
            return None
        text = meaning
    if name == "age_years":
        return _age(text, column)
    kind, _, member = name.rpartition(".")
    if kind == "indices":
        return _index(member, text, column)
    words = History if kind == "history" else SUBJECT_FIELDS[name]
    return _word(text, words) if words is not None else _PARSERS[name](text)


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


def _index(name: str, text: str, column: Column) -> float | None:
    number = _number(text)
    spec = INDICES.get(name) or PUBLISHED_ONLY[name]
    factor = _MINUTES.get(column.unit or "", 1.0) if spec.unit == "min" else 1.0
    return number * factor if number is not None and 0 <= number * factor <= MAX_INDEX else None


def _word(text: str, words: type[StrEnum]) -> str | None:
    folded = fold_value(text)
    folded = _NSRR_WORDS.get(folded, folded)
    return folded if folded in set(words) else None


def _name(text: str) -> str | None:
    text = " ".join(text.split())
    return text if 0 < len(text) <= MAX_TEXT and text.isprintable() else None


def _clock(text: str) -> float | None:
    match = _CLOCK.fullmatch(text.strip())
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:
        return None
    return int(match[1]) * 3600.0 + int(match[2]) * 60.0 + int(match[3] or 0)


_PARSERS: dict[str, Callable[[str], float | str | None]] = {
    "subject": _name,
    "site": _name,
    "family": _name,
    "bmi": _bmi,
    "in_bed_start": _clock,
    "in_bed_end": _clock,
}

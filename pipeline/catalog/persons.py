"""The catalog's persons: its nights brought together, each person once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from schemas.subjects import CONDITIONS
from schemas.vocabulary import Sex

__all__ = ["persons"]

_FIELDS = ("cohort", "subject", "family", "site", "split", "age_years", "bmi", "sex", "race", "ethnicity")
_HISTORY = tuple(f"history_{name}" for name in CONDITIONS)


def persons(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each person once, sorted by subject.

    Parameters
    ----------
    rows : iterable of mapping
        Rows of the catalog.

    Returns
    -------
    list of dict
        Of the youngest night that knows a field, that field; and ``n_recordings``.
    """
    nights: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        nights.setdefault(row["subject"], []).append(row)
    return [_person(own) for _, own in sorted(nights.items())]


def _person(nights: list[Mapping[str, Any]]) -> dict[str, Any]:
    in_order = sorted(nights, key=lambda row: (row["age_years"] is None, row["age_years"] or 0.0, row["recording"]))
    found: dict[str, Any] = {
        name: next((row[name] for row in in_order if row.get(name) not in (None, Sex.UNKNOWN)), None)
        for name in (*_FIELDS, *_HISTORY)
    }
    unknown = {name: found[name] or Sex.UNKNOWN.value for name in ("sex", "race", "ethnicity")}
    asked = {name: Sex.UNKNOWN.value for name in _HISTORY if any(row.get(name) for row in nights)}
    return {
        **found,
        **unknown,
        **{name: found[name] or asked.get(name) for name in _HISTORY},
        "n_recordings": len(nights),
    }

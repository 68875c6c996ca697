"""The catalog's persons: its nights brought together, each person once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from schemas.vocabulary import Sex

__all__ = ["persons"]

_FIELDS = ("cohort", "subject", "family", "site", "split", "age_years", "bmi", "sex")


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
        name: next((row[name] for row in in_order if row[name] not in (None, Sex.UNKNOWN)), None)
        for name in _FIELDS
    }
    return {**found, "sex": found["sex"] or Sex.UNKNOWN.value, "n_recordings": len(nights)}

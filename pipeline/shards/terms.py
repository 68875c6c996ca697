"""The terms of a set: the strictest of its sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["strictest"]


def strictest(sources: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """Return what may be done with data from all of these sources together.

    Parameters
    ----------
    sources : iterable of (cohort, terms)
        Terms as recording stores have them; one a recording, equal ones count once.

    Returns
    -------
    dict
        ``redistribution`` and ``commercial`` only where every source says so; ``agreements``, ``citations`` and
        ``releases`` of all.
    """
    told = list(sources)
    releases: dict[str, set[str]] = {}
    for cohort, terms in told:
        releases.setdefault(cohort, set()).add(str(terms["release"]))
    return {
        "redistribution": all(terms.get("redistribution") is True for _, terms in told),
        "commercial": all(terms.get("commercial") is True for _, terms in told),
        "agreements": sorted({str(terms["agreement"]) for _, terms in told}),
        "citations": sorted({str(terms["citation"]) for _, terms in told}),
        "releases": {cohort: sorted(found) for cohort, found in sorted(releases.items())},
    }

"""Terms of use of data from several sources together: the strictest of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["joined", "strictest"]


def strictest(sources: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """Return what may be done with data from all of these sources together.

    Parameters
    ----------
    sources : iterable of (cohort, terms)
        Terms as recording stores have them; one a recording, equal ones count once.

    Returns
    -------
    dict
        ``redistribution`` and ``commercial`` only where every source says so; ``agreements``, ``citations``,
        ``urls`` of all and ``releases`` by cohort. A source without an agreement adds ``unknown``.
    """
    told = list(sources)
    releases: dict[str, set[str]] = {}
    for cohort, terms in told:
        releases.setdefault(cohort, set()).add(str(terms.get("release") or "unknown"))
    return {
        "redistribution": bool(told) and all(terms.get("redistribution") is True for _, terms in told),
        "commercial": bool(told) and all(terms.get("commercial") is True for _, terms in told),
        "agreements": sorted({str(terms.get("agreement") or "unknown") for _, terms in told}),
        "citations": sorted({str(terms["citation"]) for _, terms in told if terms.get("citation")}),
        "urls": sorted({str(terms["url"]) for _, terms in told if terms.get("url")}),
        "releases": {cohort: sorted(found) for cohort, found in sorted(releases.items())},
    }


def joined(told: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what may be done with several sets together, each with what `strictest` gave; none allows nothing."""
    parts = list(told)
    releases: dict[str, set[str]] = {}
    for part in parts:
        for cohort, found in part["releases"].items():
            releases.setdefault(cohort, set()).update(found)
    return {
        **{use: bool(parts) and all(part[use] for part in parts) for use in ("redistribution", "commercial")},
        **{
            words: sorted({word for part in parts for word in part[words]})
            for words in ("agreements", "citations", "urls")
        },
        "releases": {cohort: sorted(found) for cohort, found in sorted(releases.items())},
    }

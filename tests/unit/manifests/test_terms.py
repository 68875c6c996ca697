"""Terms of several sources are the strictest."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.manifests.terms import strictest

TERMS = st.fixed_dictionaries(
    {},
    optional={
        "agreement": st.sampled_from(["A", "B"]),
        "redistribution": st.booleans(),
        "commercial": st.booleans(),
        "citation": st.sampled_from(["First", "Second"]),
        "url": st.sampled_from([None, "https://example.org"]),
        "release": st.sampled_from(["1", "2"]),
    },
)
SOURCES = st.lists(st.tuples(st.sampled_from("xyz"), TERMS), max_size=5)


@given(SOURCES, SOURCES)
def test_more_sources_never_allow_more(some: list[tuple[str, Any]], others: list[tuple[str, Any]]) -> None:
    """What one part forbids the whole forbids; what is to be cited for a part is for the whole."""
    both, one = strictest(some + others), strictest(some)
    if some:
        assert both["redistribution"] <= one["redistribution"]
        assert both["commercial"] <= one["commercial"]
    assert set(one["citations"]) <= set(both["citations"])
    assert set(one["agreements"]) <= set(both["agreements"])
    assert set(one["releases"]) <= set(both["releases"])


@given(SOURCES)
def test_order_does_not_matter(sources: list[tuple[str, Any]]) -> None:
    """The terms are the same in any order, and repeated sources add nothing."""
    assert strictest(sources) == strictest(list(reversed(sources)) + sources)


def test_silence_forbids() -> None:
    """A source that does not say, or no source at all, allows nothing."""
    assert strictest([("x", {})])["redistribution"] is False
    assert strictest([("x", {})])["agreements"] == ["unknown"]
    assert strictest([])["commercial"] is False

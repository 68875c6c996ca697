"""Fingerprints: equal exactly where the stores would be equal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.findings import finding
from schemas.fingerprint import canonical_json, digest, fingerprint, manifest_part, recipe
from schemas.manifest import CohortManifest
from schemas.recording import RecordingKey, SubjectFields
from schemas.vocabulary import StudyType
from tests.made_up_terms import TERMS

MANIFEST: dict[str, Any] = {
    "manifest_version": 1,
    "cohort": "stub",
    "title": "Nights",
    "terms": dict(TERMS),
    "layout": {"signals": "{subject}.edf"},
    "annotations": {"format": "nsrr_xml", "scheme": "aasm"},
    "montage": [
        {"channel": "spo2", "labels": ["SaO2", "SpO2"]},
        {"channel": "pulse_rate", "labels": ["PR"], "visits": ["v2"]},
    ],
}
POSITION = {"channel": "position", "labels": ["P"], "value_meanings": {0: "supine"}}
KEY = RecordingKey("stub", "n1", "1", "v1")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def _part(visit: str = "v1", **changes: Any) -> str:
    return manifest_part(CohortManifest.model_validate(MANIFEST | changes), visit)


def _recipe(**changes: Any) -> str:
    arguments: dict[str, Any] = {
        "manifest": "m",
        "key": KEY,
        "study_type": StudyType.DIAGNOSTIC,
        "subject": SubjectFields(age_years=50.0),
        "findings": (),
        "versions": {"processing": 1, "store": 1},
    }
    return recipe(**(arguments | changes))


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(value)}
    return [_reversed(item) for item in value] if isinstance(value, list) else value


@given(JSON)
def test_the_order_of_keys_does_not_matter(value: Any) -> None:
    """The same value written in another order has the same digest."""
    assert digest(value) == digest(_reversed(value))


@given(JSON, JSON)
def test_different_values_have_different_digests(a: Any, b: Any) -> None:
    """Canonical JSON is equal exactly where JSON values are equal."""
    assert (repr(_sorted(a)) == repr(_sorted(b))) == (digest(a) == digest(b))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return [(key, _sorted(value[key])) for key in sorted(value)]
    return (list(map(_sorted, value)), "list") if isinstance(value, list) else value


def test_canonical_json_is_what_it_has_always_been() -> None:
    """Stored fingerprints stay comparable: the spelling and one digest are pinned."""
    assert canonical_json({"b": [1, 2.5, None], "a": "µ"}) == '{"a":"µ","b":[1,2.5,null]}'.encode()
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_numbers_that_never_equal_themselves_are_refused() -> None:
    """NaN has no place in a fingerprint."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest(float("nan"))


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Other words"},
        {"known_quirks": [{"what": "odd", "source": "seen"}]},
        {"exclude": [{"key": "n9", "reason": "too dark", "source": "seen"}]},
        {"privacy": {"keys": "pseudonymous"}},
        {"layout": {"signals": "a/{subject}.edf"}},
        {"montage": [MANIFEST["montage"][0], {**MANIFEST["montage"][1], "labels": ["Pulse"]}]},
    ],
    ids=lambda change: str(*change),
)
def test_what_cannot_change_a_value_does_not_count(change: dict[str, Any]) -> None:
    """Prose, other recordings, other visits' rules and where the files lie leave the manifest's part alone."""
    assert _part() == _part(**change)


@pytest.mark.parametrize(
    "change",
    [
        {"cohort": "other"},
        {"terms": MANIFEST["terms"] | {"release": "2"}},
        {"annotations": MANIFEST["annotations"] | {"scheme": "rk"}},
        {"annotations": None},
        {"site": "north"},
        {"match_case": False},
        {"ignore_labels": ["Light"]},
        {
            "montage": [
                *MANIFEST["montage"][:1],
                {"channel": "position", "labels": ["P"], "value_meanings": {0: "s"}},
            ]
        },
        {"montage": [MANIFEST["montage"][0] | {"labels": ["SpO2", "SaO2"]}]},
        {"montage": [MANIFEST["montage"][0] | {"flip": {"source": "a page", "release": "1"}}]},
        {"montage": [MANIFEST["montage"][0] | {"visits": ["v2"]}]},
    ],
    ids=str,
)
def test_everything_meaningful_counts(change: dict[str, Any]) -> None:
    """Any other difference of the manifest is another fingerprint; so is the order of labels."""
    assert _part() != _part(**change)


def test_each_visit_has_its_own_rules() -> None:
    """A rule for one visit concerns that visit."""
    assert _part("v1") == _part("v3")
    assert _part("v1") != _part("v2")


@pytest.mark.parametrize(
    "change",
    [
        {"manifest": "other"},
        {"key": replace(KEY, name="n2")},
        {"key": replace(KEY, subject="2")},
        {"key": replace(KEY, visit="v2")},
        {"study_type": StudyType.SPLIT},
        {"subject": SubjectFields(age_years=51.0)},
        {"subject": SubjectFields(age_years=50.0, in_bed_start_s=79200.0)},
        {"findings": (finding("PSG-M001", "no row"),)},
        {"versions": {"processing": 2, "store": 1}},
        {"versions": {"processing": 1, "store": 2}},
    ],
    ids=lambda change: str(*change),
)
def test_every_ingredient_of_the_recipe_counts(change: dict[str, Any]) -> None:
    """Person, findings, versions: each alone makes another recipe."""
    assert _recipe() != _recipe(**change)


def test_the_content_of_every_source_counts_and_its_order() -> None:
    """Parts of a night in another order are another night."""
    assert len({fingerprint("r", s) for s in (["a"], ["b"], ["a", "b"], ["b", "a"], [])}) == 5
    assert fingerprint("r", ["a"]) != fingerprint("s", ["a"])

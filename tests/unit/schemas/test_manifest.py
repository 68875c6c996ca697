"""A manifest as data: contradictions are refused, rules are found by visit."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.manifest import AnnotationRule, CohortManifest
from schemas.subjects import SubjectTable
from schemas.vocabulary import Modality, Scored

ECG = {"channel": "ecg", "labels": ["ECG"]}
EEG = {"channel": "eeg_c4_m1", "labels": ["EEG"], "visits": ["first"]}
EEG_2 = {"channel": "eeg_c3_m2", "labels": ["EEG 2"]}
TERMS = {
    "agreement": "none",
    "redistribution": False,
    "commercial": False,
    "citation": "Doe J 2020",
    "release": "1",
}


def _raw(**change: Any) -> dict[str, Any]:
    return {
        "manifest_version": 1,
        "cohort": "study",
        "title": "A study",
        "terms": TERMS,
        "layout": {"signals": "edfs/{visit}/{subject}.edf", "visit": "{visit}"},
        "montage": [EEG, EEG_2, ECG],
    } | change


def _annotated(**rule: Any) -> dict[str, Any]:
    return _raw(annotations={"format": "nsrr_xml", "scheme": "aasm"} | rule)


def _table(**table: Any) -> dict[str, Any]:
    whole = {"path": "t.csv", "key": "id", "fields": {"sex": {"columns": "sex"}}} | table
    return _raw(subjects={"tables": [whole]})


def test_a_small_manifest_is_enough() -> None:
    """Terms, a layout and a montage make a cohort; one layout needs no list."""
    manifest = CohortManifest.model_validate(_raw())
    assert [layout.signals for layout in manifest.layout] == ["edfs/{visit}/{subject}.edf"]
    assert (manifest.annotations, manifest.subjects, manifest.match_case) == ((), None, True)


@pytest.mark.parametrize(
    ("visit", "channels"),
    [("first", ["eeg_c4_m1", "eeg_c3_m2", "ecg"]), ("second", ["eeg_c3_m2", "ecg"]), ("", ["eeg_c3_m2", "ecg"])],
)
def test_rules_of_a_visit(visit: str, channels: list[str]) -> None:
    """A rule with visits applies to those alone, one without to all."""
    manifest = CohortManifest.model_validate(_raw())
    assert [rule.channel for rule in manifest.rules_for(visit)] == channels


def test_order_of_the_montage_is_the_order_of_preference() -> None:
    """The primary channel of a modality is the first one that the montage names."""
    manifest = CohortManifest.model_validate(_raw())
    assert manifest.primary_order(Modality.EEG, "first") == ("eeg_c4_m1", "eeg_c3_m2")
    assert manifest.primary_order(Modality.EEG, "second") == ("eeg_c3_m2",)
    assert manifest.primary_order(Modality.SPO2, "first") == ()


@pytest.mark.parametrize(("match_case", "folded"), [(True, "EKG 1"), (False, "ekg 1")])
def test_case_policy_is_the_manifest_s(match_case: bool, folded: str) -> None:
    """Labels respect case unless the manifest says otherwise."""
    assert CohortManifest.model_validate(_raw(match_case=match_case)).fold(" EKG  1") == folded


def test_one_channel_may_have_a_rule_a_visit() -> None:
    """Visits that label differently get rules of their own."""
    rules = [ECG | {"visits": ["first"]}, ECG | {"visits": ["second"], "labels": ["EKG"]}]
    manifest = CohortManifest.model_validate(_raw(montage=rules))
    assert [str(manifest.rules_for(v)[0].labels[0]) for v in ("first", "second")] == ["ECG", "EKG"]


def test_bare_yes_and_no_are_words() -> None:
    """YAML reads them as booleans; the manifest means the words."""
    rule = AnnotationRule.model_validate(
        {"format": "nsrr_xml", "scheme": "rk", "scored": {"arousal": True, "limb": False, "cardiac": "partly"}}
    )
    assert rule.scored == {"arousal": Scored.YES, "limb": Scored.NO, "cardiac": Scored.PARTLY}


def test_codes_of_tables_are_text() -> None:
    """A CSV has no numbers: codes are compared as they are written."""
    table = SubjectTable.model_validate(
        {
            "path": "t.csv",
            "key": "id",
            "visit_column": "v",
            "visit_codes": {"first": 1},
            "fields": {"sex": {"columns": ["s"], "codes": {1: "male", 2: "female"}}},
        }
    )
    assert table.visit_codes == {"first": "1"}
    assert table.fields["sex"].codes == {"1": "male", "2": "female"}


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "site of an unknown field": (_raw(site="{clinic}"), "site uses ['clinic'], which no layout defines"),
    "later version": (_raw(manifest_version=2), "Input should be 1"),
    "cohort with a capital": (_raw(cohort="Study"), "should match pattern"),
    "cohort with a slash": (_raw(cohort="a/b"), "should match pattern"),
    "no montage": (_raw(montage=[]), "at least 1 item"),
    "no layout": (_raw(layout=[]), "at least 1 item"),
    "channel twice": (_raw(montage=[ECG, ECG]), "montage names channel ecg twice"),
    "channel twice for one visit": (_raw(montage=[EEG, EEG]), "twice for visit 'first'"),
    "channel for all and for one visit": (
        _raw(montage=[ECG, ECG | {"visits": ["first"]}]),
        "montage names channel ecg twice",
    ),
    "field that no pattern has": (_raw(layout={"signals": "{subject}.edf", "visit": "{visit}"}), "uses ['visit']"),
    "header without its samples": (_raw(layout={"signals": "{subject}.hea"}), "needs companions"),
    "HDF5 that nobody describes": (_raw(layout={"signals": "{subject}.h5"}), "need a section hdf5"),
    "annotations without a reader": (
        _raw(layout={"signals": "{subject}.edf", "annotations": "{subject}.xml"}),
        "there is no annotations section",
    ),
    "unknown format": (_annotated(format="csv"), "'nsrr_xml', 'profusion_xml'"),
    "unknown scheme": (_annotated(scheme="r&k"), "'aasm', 'rk'"),
    "unknown stage": (_annotated(stages={"Sleep": "N4"}), "unknown stages ['N4']"),
    "unknown event type": (_annotated(events={"Snort": "apnoea"}), "unknown event types ['apnoea']"),
    "unknown event class": (_annotated(scored={"arousals": "yes"}), "unknown event classes ['arousals']"),
    "age without a unit": (_table(fields={"age_years": {"columns": "a"}}), "age_years needs its unit"),
    "unknown sex": (_table(fields={"sex": {"columns": "s", "codes": {1: "man"}}}), "unknown sexes ['man']"),
    "odd answer": (_annotated(scored={"arousal": "maybe"}), "'yes', 'no' or 'partly'"),
    "epoch of no length": (_annotated(epoch_s=0), "greater than 0"),
    "no table": (_raw(subjects={"tables": []}), "at least 1 item"),
    "field of no use": (_table(fields={"height": {"columns": "h"}}), "unknown subject fields ['height']"),
    "field without columns": (_table(fields={"sex": {"columns": []}}), "at least 1 item"),
    "odd unit of age": (
        _table(fields={"age_years": {"columns": "a", "unit": "weeks"}}),
        "'years', 'months', 'days'",
    ),
    "odd key format": (_table(key_format="hex"), "'text', 'integer'"),
    "exclusion without source": (_raw(exclude=[{"key": "a", "reason": "broken"}]), "Field required"),
    "exclusion without reason": (_raw(exclude=[{"key": "a", "source": "paper"}]), "Field required"),
    "no citation": (_raw(terms=TERMS | {"citation": ""}), "at least 5 characters"),
    "odd privacy": (_raw(privacy={"keys": "hashed"}), "'as_published' or 'pseudonymous'"),
}


@pytest.mark.parametrize(("raw", "words"), BAD.values(), ids=BAD)
def test_bad_manifest_is_refused(raw: dict[str, Any], words: str) -> None:
    """Each contradiction is named where it is written."""
    with pytest.raises(ValidationError) as caught:
        CohortManifest.model_validate(raw)
    assert words in str(caught.value)

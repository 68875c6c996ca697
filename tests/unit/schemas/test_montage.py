"""Montage rules: what may be written, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.kinds import Kind
from schemas.montage import ChannelRule, LabelChoice, fold_label
from schemas.vocabulary import Modality

POSITIONS = {0: "supine", 1: "left"}


@pytest.mark.parametrize(
    ("label", "match_case", "folded"),
    [
        ("EEG", True, "EEG"),
        ("  EEG   2 ", True, "EEG 2"),
        ("EEG\t2", True, "EEG 2"),
        ("EEG 2", False, "eeg 2"),
        ("Stra\u00dfe", False, "strasse"),
        ("EEG2", True, "EEG2"),
    ],
)
def test_labels_are_compared_folded(label: str, match_case: bool, folded: str) -> None:
    """White space counts once; case counts unless the manifest says otherwise."""
    assert fold_label(label, match_case=match_case) == folded


@pytest.mark.parametrize(
    ("written", "choices"),
    [
        ("EEG", (LabelChoice(label="EEG"),)),
        (["EEG", "EEG 2"], (LabelChoice(label="EEG"), LabelChoice(label="EEG 2"))),
        ({"label": "AIRFLOW", "nth": 2}, (LabelChoice(label="AIRFLOW", nth=2),)),
        (["A", {"label": "B", "nth": 1}], (LabelChoice(label="A"), LabelChoice(label="B", nth=1))),
    ],
)
def test_labels_may_be_written_short(written: object, choices: tuple[LabelChoice, ...]) -> None:
    """One label, a list of labels, or choices by occurrence."""
    assert ChannelRule.model_validate({"channel": "ecg", "labels": written}).labels == choices


def test_a_choice_names_its_occurrence() -> None:
    """Messages say which of several equal labels is meant."""
    assert [str(LabelChoice(label="A")), str(LabelChoice(label="A", nth=2))] == ["A", "A (no. 2)"]


def test_kind_and_modality_follow_from_the_channel() -> None:
    """A rule never repeats what the name says."""
    rule = ChannelRule.model_validate({"channel": "eeg_c4_m1", "labels": "EEG"})
    assert (rule.kind, rule.spec.modality) == (Kind.EEG, Modality.EEG)


def test_expectations_may_be_single() -> None:
    """One expected rate or unit needs no list."""
    rule = ChannelRule.model_validate({"channel": "ecg", "labels": "E", "expect": {"rate_hz": 250, "unit": "mV"}})
    assert (rule.expect.rate_hz, rule.expect.unit) == ((250.0,), ("mV",))


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "not canonical": ({"channel": "EEG1"}, "is not the name of a channel"),
    "no source of samples": ({"labels": []}, "give labels, a derivation, or both"),
    "empty label": ({"labels": [""]}, "at least 1 character"),
    "occurrence counts from one": ({"labels": [{"label": "A", "nth": 0}]}, "greater than or equal to 1"),
    "half a derivation": ({"derivation": {"plus": "C4"}}, "Field required"),
    "empty derivation": ({"derivation": {"plus": [], "minus": "M1"}}, "at least 1 item"),
    "held values are not derived": (
        {"channel": "spo2", "derivation": {"plus": "a", "minus": "b"}},
        "only waves can be derived",
    ),
    "filter without source": ({"high_pass_hz": 0.5}, "go together"),
    "source without filter": ({"high_pass_source": "paper"}, "go together"),
    "filter of a held value": (
        {"channel": "spo2", "high_pass_hz": 0.5, "high_pass_source": "paper"},
        "only waves are filtered",
    ),
    "missing codes of a wave": ({"missing_codes": [0]}, "are for held values"),
    "filter of zero": ({"high_pass_hz": 0, "high_pass_source": "paper"}, "greater than 0"),
    "codes without meaning": ({"channel": "position"}, "needs value_meanings"),
    "meanings of a wave": ({"value_meanings": POSITIONS}, "are for channels of codes"),
    "map of a wave": ({"value_map": {0: 1}}, "are for channels of codes"),
    "map into the void": (
        {"channel": "position", "value_meanings": POSITIONS, "value_map": {0: 7}},
        "codes without a meaning: [7]",
    ),
    "flip without source": ({"flip": {"release": "1"}}, "Field required"),
    "flip without release": ({"flip": {"source": "paper"}}, "Field required"),
    "two opinions on the sign": (
        {"flip": {"source": "paper", "release": "1"}, "polarity": {"value": "unknown", "source": "paper"}},
        "flip and polarity exclude each other",
    ),
    "polarity outside the list": (
        {"polarity": {"value": "flipped", "source": "paper"}},
        "'as_header' or 'unknown'",
    ),
    "unit without source": ({"unit_when_blank": {"unit": "mV"}}, "Field required"),
    "unit outside the table": ({"unit_when_blank": {"unit": "MV", "source": "paper"}}, "'uV', 'mV', 'V'"),
    "override without condition": ({"unit_override": {"unit": "mV", "source": "paper"}}, "Field required"),
    "mask without codes": ({"masked_by": [{"label": "Off", "bad": [], "source": "paper"}]}, "at least 1 item"),
    "mask without source": ({"masked_by": [{"label": "Off", "bad": [1]}]}, "Field required"),
    "unknown key": ({"label": "ECG"}, "Extra inputs are not permitted"),
}


@pytest.mark.parametrize(("change", "words"), BAD.values(), ids=BAD)
def test_bad_rule_is_refused(change: dict[str, Any], words: str) -> None:
    """Each contradiction is named where it is written."""
    rule = {"channel": "ecg", "labels": ["ECG"]} | change
    with pytest.raises(ValidationError) as caught:
        ChannelRule.model_validate(rule)
    assert words in str(caught.value)


def test_rules_are_frozen() -> None:
    """A manifest is a value: nothing changes it after it was read."""
    rule = ChannelRule.model_validate({"channel": "ecg", "labels": "ECG"})
    with pytest.raises(ValidationError, match="frozen"):
        rule.channel = "spo2"

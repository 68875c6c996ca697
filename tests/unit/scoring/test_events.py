"""From source terms to the vocabulary: what is mapped, counted, ignored."""

from __future__ import annotations

from pipeline.scoring.events import RawEvent, tabulate_events
from schemas.event_terms import EVENT_TYPES, SOURCE_TERMS, term_forms
from schemas.manifest import AnnotationRule
from schemas.vocabulary import Scored

RULE = AnnotationRule(format="nsrr_xml", scheme="rk")


def rule(**changes: object) -> AnnotationRule:
    return AnnotationRule.model_validate({"format": "nsrr_xml", "scheme": "rk"} | changes)


def test_events_are_sorted_and_classes_judged() -> None:
    """Present but not listed is partly, listed is as listed, neither is no."""
    events = [RawEvent(9, 3, "Arousal ()"), RawEvent(5, 12, "Hypopnea")]
    table, scored, found = tabulate_events(events, rule(scored={"respiratory": "yes", "limb": "yes"}))
    assert table.type == ("hypopnea", "arousal")
    assert scored["respiratory"] is Scored.YES
    assert scored["arousal"] is Scored.PARTLY
    assert scored["limb"] is Scored.YES
    assert scored["desaturation"] is Scored.NO
    assert found == ()


def test_unmapped_terms_are_counted_not_kept() -> None:
    """Terms outside the table stay in memory with their counts; the finding has totals only."""
    events = [RawEvent(1, 1, "Hiccup"), RawEvent(2, 1, "Hiccup"), RawEvent(3, 1, "Mr Jones called")]
    table, _, found = tabulate_events(events, RULE)
    assert table.n_event == 0
    assert dict(table.unmapped) == {"Hiccup": 2, "Mr Jones called": 1}
    assert [f.message for f in found] == ["3 events of 2 terms are not in the vocabulary"]


def test_a_manifest_adds_overrides_and_ignores_events() -> None:
    """Rows of the manifest come first, for every dialect of their term; ignore drops knowingly."""
    by = rule(events={"Hiccup": "artifact_respiratory", "Hypopnea|Hypopnea": "ignore"})
    events = [RawEvent(1, 1, "hiccup"), RawEvent(2, 1, "Hypopnea|Hypopnea"), RawEvent(3, 1, "Hypopnea")]
    table, _, found = tabulate_events(events, by)
    assert (table.type, table.term, found) == (("artifact_respiratory",), ("Hiccup",), ())


def test_bookkeeping_and_notes_are_no_events() -> None:
    """Start of recording, analysis periods and notes of technicians are dropped without a count."""
    names = ["Recording Start Time", "Beginning of analysis period", "Technician Notes", "End of analysis period"]
    table, _, found = tabulate_events([RawEvent(0, 1, name) for name in names], RULE)
    assert (table.n_event, dict(table.unmapped), found) == (0, {}, ())


def test_event_codes_are_unique_and_pinned() -> None:
    """Codes are stored: they may be added to and never changed."""
    assert len({kind.code for kind in EVENT_TYPES.values()}) == len(EVENT_TYPES)
    pinned = {"apnea": 1, "obstructive_apnea": 2, "hypopnea": 5, "desaturation": 20, "arousal": 30, "plm_r": 45}
    assert {name: EVENT_TYPES[name].code for name in pinned} == pinned


def test_every_term_means_a_type() -> None:
    """Each row of the table leads to the vocabulary, and ``Unsure`` is no row."""
    assert {kind for _, kind in SOURCE_TERMS.values()} <= set(EVENT_TYPES)
    assert not {"unsure|unsure", "unsure"} & set(SOURCE_TERMS)


def test_forms_of_a_term() -> None:
    """The vendor's side is read before the generic one; ontology names become words."""
    assert term_forms("Arousal|Arousal (ARO Limb)") == (
        "arousal|arousal (aro limb)",
        "arousal (aro limb)",
        "arousal",
    )
    assert term_forms("SDO:ObstructiveApneaFinding")[1] == "obstructive apnea"

"""Annotations as NSRR publishes them, read back by the standard library."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipeline.synth import SynthReport, load_recipe
from pipeline.synth.events import make_events
from pipeline.synth.noise import stream
from pipeline.synth.nsrr_xml_writer import STAGE_CONCEPTS, nsrr_xml, scorer_stages, stages_as_published
from pipeline.synth.recipe import ScoringSpec

Cohort = Callable[[str], SynthReport]


def events_of(path: Path) -> list[dict[str, str]]:
    root = ElementTree.parse(path).getroot()
    assert root.tag == "PSGAnnotation"
    assert root.findtext("EpochLength") == "30"
    return [{child.tag: child.text or "" for child in event} for event in root.iterfind("ScoredEvents/ScoredEvent")]


@pytest.mark.parametrize("recipe", ["mesa", "shhs", "synthetic"])
def test_run_lengths_add_up_to_the_truth(cohort: Cohort, recipe: str) -> None:
    """Stages, expanded from their durations, are the truth epoch by epoch; neighbours differ (merged runs)."""
    report = cohort(recipe)
    code_of = {concept: code for code, concept in STAGE_CONCEPTS.items()}
    for stem in report.recordings:
        (path,) = report.out.rglob(f"{stem}-nsrr.xml")
        runs = [e for e in events_of(path) if e["EventType"] == "Stages|Stages"]
        codes = [code_of[e["EventConcept"]] for e in runs]
        lengths = [float(e["Duration"]) / 30 for e in runs]
        with np.load(report.out / "truth" / f"{stem}.npz") as truth:
            assert float(runs[0]["Start"]) == truth["grid_offset_s"]
            np.testing.assert_array_equal(np.repeat(codes, np.array(lengths, int)), truth["stage_source"])
            np.testing.assert_array_equal(stages_as_published(truth["stage_source"]), truth["stage"])
        assert all(length == int(length) for length in lengths)
        assert all(a != b for a, b in pairwise(codes))


@pytest.mark.parametrize("recipe", ["mesa", "shhs", "synthetic"])
def test_the_first_event_is_the_start_with_the_edf_s_clock(cohort: Cohort, recipe: str) -> None:
    """``Recording Start Time`` lasts the night, and its clock is the header's."""
    report = cohort(recipe)
    for stem in report.recordings:
        (path,), (edf,) = report.out.rglob(f"{stem}-nsrr.xml"), report.out.rglob(f"{stem}.edf")
        first = events_of(path)[0]
        assert first["EventConcept"] == "Recording Start Time"
        assert (float(first["Start"]), float(first["Duration"])) == (0, 720)
        assert first["ClockTime"].split() == ["00.00.00", edf.read_bytes()[176:184].decode()]


def test_events_are_those_of_the_truth(cohort: Cohort) -> None:
    """Concept, onset, duration, and the saturations of desaturations."""
    report = cohort("shhs")
    for stem in report.recordings:
        (path,) = report.out.rglob(f"{stem}-nsrr.xml")
        scored = [e for e in events_of(path)[1:] if e["EventType"] != "Stages|Stages"]
        with np.load(report.out / "truth" / f"{stem}.npz") as truth:
            rows = np.flatnonzero(truth["event_concept"] != "")
            assert [e["EventConcept"] for e in scored] == list(truth["event_concept"][rows])
            np.testing.assert_allclose([float(e["Start"]) for e in scored], truth["event_onset_s"][rows])
            np.testing.assert_allclose([float(e["Duration"]) for e in scored], truth["event_duration_s"][rows])
            for event, i in zip(scored, rows, strict=True):
                assert ("SpO2Nadir" in event) == (truth["event_type"][i] == "desaturation")
        assert all(e["SignalLocation"] for e in scored)


def test_a_study_that_does_not_score_legs_writes_none() -> None:
    """An event type without a row in the recipe stays out of the file."""
    scoring = load_recipe("shhs").scoring
    assert "plm_l" not in scoring.events
    assert "plm_l" in load_recipe("mesa").scoring.events


def test_stages_3_and_4_are_both_n3_and_movement_is_nobody_s_stage() -> None:
    """Rechtschaffen and Kales codes and what they mean now."""
    published = stages_as_published(np.array([0, 1, 2, 3, 4, 5, 6, 9], np.int8))
    np.testing.assert_array_equal(published, [0, 1, 2, 3, 3, 4, -1, -1])


def test_deep_sleep_is_split_by_the_study_s_share() -> None:
    """Stage 4 replaces its share of stage 3 and nothing else."""
    scoring = ScoringSpec(stage_4=0.4, events={})
    code = scorer_stages(stream(1), scoring, np.repeat([0, 1, 2, 3, 4], 1000).astype(np.int8))
    assert np.mean(code[3000:4000] == 4) == pytest.approx(0.4, abs=0.05)
    assert set(code[3000:4000]) == {3, 4}
    np.testing.assert_array_equal(code[:3000], np.repeat([0, 1, 2], 1000))
    assert set(code[4000:]) == {5}


def test_text_is_escaped() -> None:
    """A concept with a markup character stays one."""
    scoring = load_recipe("synthetic").scoring
    events = make_events(np.array([60.0]), np.array([10.0]), ["arousal"])
    text = nsrr_xml(
        scoring, np.zeros(4, np.int8), events, ["A<B & C"], offset_s=0.0, n_second=120, clock_start_s=80000
    )
    concepts = [e.findtext("EventConcept") for e in ElementTree.fromstring(text).iter("ScoredEvent")]
    assert "A<B & C" in concepts

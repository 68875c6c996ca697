"""Parts of annotations that a cohort knows to be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.xml_bytes import document, night, scored
from pipeline.manifests.load import load_manifest
from pipeline.read.annotations import read_annotations
from pipeline.scoring.left_out import without
from schemas.hypnogram import Annotations


@pytest.fixture
def annotations(tmp_path: Path) -> Annotations:
    """A night with four stages and one event."""
    path = tmp_path / "night.xml"
    path.write_text(document(*night([0, 2, 3, 5]), scored("Hypopnea|Hypopnea", 40, 12)))
    return read_annotations({"annotations": path}, load_manifest("mesa").annotations, clock_start_s=None)[0]


def test_nothing_is_left_out_unasked(annotations: Annotations) -> None:
    """Most nights are whole."""
    assert without(annotations, frozenset()) is annotations


def test_without_stages(annotations: Annotations) -> None:
    """Nobody scored; the events stay."""
    kept = without(annotations, {"stages"})
    assert kept.hypnogram is None
    assert (kept.events, kept.scored) == (annotations.events, annotations.scored)


def test_without_events(annotations: Annotations) -> None:
    """The stages stay; no class of events was looked for."""
    kept = without(annotations, {"events"})
    assert kept.hypnogram is annotations.hypnogram
    assert kept.events.n_event == 0
    assert annotations.scored["respiratory"] == "yes"
    assert set(kept.scored.values()) == {"no"}

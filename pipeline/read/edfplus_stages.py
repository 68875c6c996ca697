"""Read stages and events from EDF+ annotations, in a file of their own or beside the signals.

Assumptions: stages carry the standard texts. A stage without a duration lasts until the next stage, the last of
them one epoch. ``text@@label`` names the signal that an event was scored on.

Source: EDF+ standard texts, https://www.edfplus.info/specs/edftexts.html
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipeline.read.edf import open_edf
from pipeline.read.edf_annotations import Annotation
from pipeline.read.stage_words import EDF_TEXTS, stages_and_events
from pipeline.read.timed_text import TimedText, annotate
from pipeline.scoring.stages import stage_table
from schemas.findings import Finding
from schemas.hypnogram import Annotations
from schemas.scoring_rules import AnnotationRule

__all__ = ["read_edf_plus"]

_ABOUT_TEXT = {"PSG-H005", "PSG-H011", "PSG-H012"}  # the rest is about signals, and theirs to report


def read_edf_plus(path: Path, rule: AnnotationRule) -> tuple[Annotations, tuple[Finding, ...]]:
    """Read the annotations of one EDF+ or BDF+ file.

    Parameters
    ----------
    path : Path
        A hypnogram file, or the recording itself.
    rule : AnnotationRule
        The manifest's annotation section.

    Returns
    -------
    annotations : Annotations
        Times count from the start of this file; ``clock_start_s`` is its own time of day.
    findings : tuple of Finding

    Raises
    ------
    SourceMissing, EdfCorrupt, EdfTruncated, StorageError
        As `pipeline.read.edf.open_edf`.
    AnnotationCorrupt, EpochLengthUnexpected
        As `pipeline.scoring.stages.score_stages`.
    """
    with open_edf(path) as file:
        annotations, clock_start_s, of_file = file.annotations(), file.header.clock_start_s, file.findings
    table = stage_table(EDF_TEXTS, rule)
    stages, events = stages_and_events(map(_timed, annotations), table)
    result, found = annotate(stages, map(_placed, events), table, rule, clock_start_s=clock_start_s)
    return result, (*(f for f in of_file if f.code in _ABOUT_TEXT), *found)


def _timed(annotation: Annotation) -> TimedText:
    return TimedText(annotation.onset_s, annotation.duration_s or None, annotation.text)


def _placed(event: TimedText) -> TimedText:
    """Tell the name of the signal from the event's text."""
    text, _, label = event.text.partition("@@")
    return replace(event, text=text, channel=label)

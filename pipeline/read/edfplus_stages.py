"""Read stages and events from EDF+ annotations, in a file of their own or beside the signals.

Assumptions: stages carry the standard texts. A stage without a duration lasts until the next stage, the last of
them one epoch. ``text@@label`` names the signal that an event was scored on.

Source: EDF+ standard texts, https://www.edfplus.info/specs/edftexts.html
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.event_table import RawEvent, tabulate_events
from pipeline.read.edf import open_edf
from pipeline.read.edf_annotations import Annotation
from pipeline.scoring import StageRun, StageTable, StageTerm, score_stages, stage_table
from schemas.event_terms import fold_term
from schemas.findings import Finding
from schemas.hypnogram import Annotations
from schemas.manifest import AnnotationRule
from schemas.vocabulary import Stage

__all__ = ["read_edf_plus"]

# R&K and AASM stages keep codes of their own: 3 and N3 are not the same judgement.
STAGES = (
    StageTerm(0, "Sleep stage W", Stage.W),
    StageTerm(1, "Sleep stage 1", Stage.N1),
    StageTerm(2, "Sleep stage 2", Stage.N2),
    StageTerm(3, "Sleep stage 3", Stage.N3),
    StageTerm(4, "Sleep stage 4", Stage.N3),
    StageTerm(5, "Sleep stage R", Stage.REM),
    StageTerm(6, "Movement time", Stage.UNSCORED),
    StageTerm(9, "Sleep stage ?", Stage.UNSCORED),
    StageTerm(10, "Sleep stage N", Stage.UNSCORED),
    StageTerm(11, "Sleep stage N1", Stage.N1),
    StageTerm(12, "Sleep stage N2", Stage.N2),
    StageTerm(13, "Sleep stage N3", Stage.N3),
)
_STAGE_WORDS = "sleep stage "
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
        As `pipeline.scoring.score_stages`.
    """
    with open_edf(path) as file:
        annotations, clock_start_s, of_file = file.annotations(), file.header.clock_start_s, file.findings
    table = stage_table(STAGES, rule)
    stages = [a for a in annotations if _is_stage(a.text, table)]
    events = [a for a in annotations if not _is_stage(a.text, table)]
    hypnogram, of_stages = score_stages(_runs(stages, rule.epoch_s), table, rule)
    event_table, scored, of_events = tabulate_events(map(_event, events), rule)
    of_text = (f for f in of_file if f.code in _ABOUT_TEXT)
    found = (*of_text, *of_stages, *of_events)
    return Annotations(hypnogram, event_table, scored, clock_start_s), found


def _is_stage(text: str, table: StageTable) -> bool:
    folded = fold_term(text)
    return folded.startswith(_STAGE_WORDS) or folded in table


def _runs(stages: Sequence[Annotation], epoch_s: int) -> list[StageRun]:
    """Give every stage its duration; one without ends where the next begins."""
    ordered = sorted(stages, key=lambda a: a.onset_s)
    next_onset = [*(a.onset_s for a in ordered[1:]), ordered[-1].onset_s + epoch_s] if ordered else []
    return [
        StageRun(a.onset_s, a.duration_s or after - a.onset_s, a.text)
        for a, after in zip(ordered, next_onset, strict=True)
    ]


def _event(annotation: Annotation) -> RawEvent:
    text, _, label = annotation.text.partition("@@")
    return RawEvent(annotation.onset_s, annotation.duration_s or 0.0, text, label)

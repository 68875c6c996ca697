"""Read NSRR annotation XML: stages as run lengths, scored events, and the clock.

Source: NSRR annotation format (root ``PSGAnnotation``), EDF Editor and Translator.
"""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.read.timed_text import TimedText, annotate
from pipeline.read.xml_document import number_of, read_document
from pipeline.scoring.stages import StageTable, StageTerm, stage_table
from schemas.event_terms import IGNORED_TERMS, fold_term, term_forms
from schemas.findings import Finding, finding
from schemas.hypnogram import Annotations
from schemas.scoring_rules import AnnotationRule
from schemas.vocabulary import Stage

__all__ = ["read_nsrr_xml"]

STAGES = (
    StageTerm(0, "Wake|0", Stage.W),
    StageTerm(1, "Stage 1 sleep|1", Stage.N1),
    StageTerm(2, "Stage 2 sleep|2", Stage.N2),
    StageTerm(3, "Stage 3 sleep|3", Stage.N3),
    StageTerm(4, "Stage 4 sleep|4", Stage.N3),
    StageTerm(5, "REM sleep|5", Stage.REM),
    StageTerm(6, "Movement|6", Stage.UNSCORED),
    StageTerm(9, "Unscored|9", Stage.UNSCORED),
    StageTerm(10, "Artifact|10", Stage.UNSCORED),
)
# Ontology names that are not the words above; ``SRO:Stage1Sleep`` and ``SRO:Wake`` are.
_ONTOLOGY = {
    "SDO:WakeState": 0,
    "SDO:NonRapidEyeMovementSleep-N1": 1,
    "SDO:NonRapidEyeMovementSleep-N2": 2,
    "SDO:NonRapidEyeMovementSleep-N3": 3,
    "SDO:NonRapidEyeMovementSleep-N4": 4,
    "SDO:RapidEyeMovementSleep": 5,
    "SRO:RapidEyeMovement": 5,
}
_STAGE_TYPES = frozenset({"stages", "sleep staging"})
_CLOCK = re.compile(r"(?:\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\s+)?(\d{1,2})[.:](\d{1,2})[.:](\d{1,2}(?:[.,]\d+)?)")


def read_nsrr_xml(path: Path, rule: AnnotationRule) -> tuple[Annotations, tuple[Finding, ...]]:
    """Read one NSRR annotation file.

    Parameters
    ----------
    path : Path
        The XML file; UTF-8, UTF-16 or Latin-1.
    rule : AnnotationRule
        The manifest's annotation section.

    Returns
    -------
    annotations : Annotations
        Times count from recording start.
    findings : tuple of Finding

    Raises
    ------
    SourceMissing, StorageError
        When the file cannot be opened; when the disk fails.
    AnnotationCorrupt
        When it is no such XML.
    EpochLengthUnexpected
        When it declares epochs of another length than the manifest.
    """
    document, latin = read_document(path, "PSGAnnotation", rule.epoch_s)
    table = _table(rule)
    stages = [_stage(event) for event in document.events if _is_stage(event, table)]
    events = [_event(event) for event in document.events if not _is_stage(event, table)]
    clock_start_s, of_clock = _clock(document.clock)
    result, found = annotate(stages, events, table, rule, clock_start_s=clock_start_s)
    return result, (*latin, *found, *of_clock)


def _table(rule: AnnotationRule) -> StageTable:
    table = dict(stage_table(STAGES, rule))
    coded = {row.code: row for row in table.values()}
    return {**{fold_term(name): coded[code] for name, code in _ONTOLOGY.items()}, **table}


def _is_stage(event: dict[str, str], table: StageTable) -> bool:
    """Tell stages from events by type; where the type is missing or foreign, by a concept that only stages have."""
    kind, forms = event.get("EventType", ""), term_forms(event.get("EventConcept", ""))
    if not _STAGE_TYPES.isdisjoint(term_forms(kind)):
        return IGNORED_TERMS.isdisjoint(forms)
    if kind and not forms[0].startswith(("sdo:", "sro:")):
        return "|" in forms[0] and forms[0] in table
    return any(form in table and not form.isdecimal() for form in forms)


def _stage(event: dict[str, str]) -> TimedText:
    return TimedText(number_of(event.get("Start")), number_of(event.get("Duration")), event.get("EventConcept", ""))


def _event(event: dict[str, str]) -> TimedText:
    duration = event.get("Duration") or "0"
    place = event.get("SignalLocation", "")
    return TimedText(number_of(event.get("Start")), number_of(duration), event.get("EventConcept", ""), place)


def _clock(text: str | None) -> tuple[float | None, tuple[Finding, ...]]:
    """Return the time of day in seconds from ``HH.MM.SS``, with or without a date, which is dropped."""
    if not text:
        return None, ()
    if match := _CLOCK.fullmatch(text):
        hour, minute, second = int(match[1]), int(match[2]), float(match[3].replace(",", "."))
        if hour < 24 and minute < 60 and second < 60:
            return hour * 3600 + minute * 60 + second, ()
    return None, (finding("PSG-H005", "ClockTime of the annotation is no time of day"),)

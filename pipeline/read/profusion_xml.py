"""Read Compumedics Profusion XML: a stage code an epoch, and scored events by the vendor's names.

Times count from the start of the study; the format has no clock.

Source: EDF Editor and Translator (root ``CMPStudyConfig``).
"""

from __future__ import annotations

from pathlib import Path

from pipeline.read.nsrr_xml import STAGES
from pipeline.read.timed_text import TimedText, annotate
from pipeline.read.xml_document import number_of, read_document
from pipeline.scoring.stages import stage_table
from schemas.findings import Finding
from schemas.hypnogram import Annotations
from schemas.scoring_rules import AnnotationRule

__all__ = ["read_profusion_xml"]


def read_profusion_xml(path: Path, rule: AnnotationRule) -> tuple[Annotations, tuple[Finding, ...]]:
    """Read one Profusion file; parameters, returns and errors as `pipeline.read.nsrr_xml.read_nsrr_xml`."""
    document, found = read_document(path, "CMPStudyConfig", rule.epoch_s)
    epoch_s = float(rule.epoch_s)
    stages = [TimedText(k * epoch_s, epoch_s, code) for k, code in enumerate(document.stages) if code]
    result, more = annotate(stages, map(_event, document.events), stage_table(STAGES, rule), rule)
    return result, (*found, *more)


def _event(event: dict[str, str]) -> TimedText:
    duration_s = number_of(event.get("Duration") or "0")
    return TimedText(number_of(event.get("Start")), duration_s, event.get("Name", ""), event.get("Input", ""))

"""Read NSRR annotation XML: stages as run lengths, scored events, and the clock.

Parsed as a stream, by tag and never by layout, so that order, blank lines and name spaces do no harm. Document
types and entities are refused, and size and depth are bounded. Notes of technicians are never read.

Source: NSRR annotation format (root ``PSGAnnotation``), EDF Editor and Translator.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from pipeline.read.text_file import read_bytes
from pipeline.read.timed_text import TimedText, annotate
from pipeline.scoring import StageTable, StageTerm, stage_table
from schemas.errors import AnnotationCorrupt, EpochLengthUnexpected
from schemas.event_terms import IGNORED_TERMS, fold_term, term_forms
from schemas.findings import Finding, finding
from schemas.hypnogram import Annotations
from schemas.scoring_rules import AnnotationRule
from schemas.vocabulary import Stage

__all__ = ["read_nsrr_xml"]

MAX_DEPTH = 16  # the format has four levels
MAX_TEXT = 256  # characters of a field that is read; longer ones are notes

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
_READ = frozenset({"EventType", "EventConcept", "Start", "Duration", "SignalLocation", "ClockTime"})
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
    text, latin = _decode(read_bytes(path))
    document = _parse(text)
    _check_epoch_length(document.epoch_length, rule.epoch_s)
    table = _table(rule)
    stages = [_stage(event) for event in document.events if _is_stage(event, table)]
    events = [_event(event) for event in document.events if not _is_stage(event, table)]
    clock_start_s, of_clock = _clock(document.clock)
    result, found = annotate(stages, events, table, rule, clock_start_s=clock_start_s)
    return result, (*latin, *found, *of_clock)


def _decode(data: bytes) -> tuple[str, tuple[Finding, ...]]:
    """Return the document's text: UTF-16 by its marks, else UTF-8, else Latin-1."""
    wide = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
    encoding = wide.get(data[:2], "utf-8-sig")
    try:
        return data.decode(encoding), ()
    except UnicodeDecodeError:
        if encoding != "utf-8-sig":
            raise _corrupt("its UTF-16 text is damaged") from None
    declared = re.search(rb"encoding=[\"'](iso-8859|latin|windows-125)", data[:200], re.IGNORECASE)
    found = () if declared else (finding("PSG-H011", "the annotation XML is not UTF-8; read as Latin-1"),)
    return data.decode("latin-1"), found


class _Document:
    """Collect the fields of scored events while the parser runs; keeps no tree."""

    def __init__(self) -> None:
        self.events: list[dict[str, str]] = []
        self.epoch_length: str | None = None
        self.clock: str | None = None
        self._path: list[str] = []
        self._text = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Enter an element."""
        name = tag.rpartition("}")[2]
        if not self._path and name != "PSGAnnotation":
            raise _corrupt("its root is another element than PSGAnnotation")
        if len(self._path) >= MAX_DEPTH:
            raise _corrupt(f"elements are nested deeper than {MAX_DEPTH}")
        if name == "ScoredEvent":
            self.events.append({})
        self._path.append(name)
        self._text = ""

    def data(self, data: str) -> None:
        """Take a piece of text."""
        if len(self._text) <= MAX_TEXT:
            self._text += data

    def end(self, tag: str) -> None:
        """Leave an element, and keep its text where it is one of those that are read."""
        name = self._path.pop()
        parent = self._path[-1] if self._path else ""
        text = self._text.strip()
        if parent == "ScoredEvent" and name in _READ and len(text) <= MAX_TEXT:
            self.events[-1].setdefault(name, text)
        if name == "EpochLength" and self.epoch_length is None:
            self.epoch_length = text
        if name == "ClockTime" and self.clock is None:
            self.clock = text
        self._text = ""

    def close(self) -> _Document:
        """Return the document."""
        return self


def _parse(text: str) -> _Document:
    parser = DefusedXMLParser(target=_Document(), encoding="utf-8", forbid_dtd=True)
    try:
        parser.feed(text.lstrip().encode("utf-8"))
        document = parser.close()
    except ParseError as error:
        line = error.position[0]
        raise _corrupt(f"XML is not well formed at line {line}") from None
    except DefusedXmlException:
        raise _corrupt("it declares a document type or an entity") from None
    except (ValueError, LookupError):  # expat's word for characters that XML does not have
        raise _corrupt("XML is not well formed") from None
    assert isinstance(document, _Document)
    return document


def _corrupt(what: str) -> AnnotationCorrupt:
    return AnnotationCorrupt(
        f"annotation file cannot be used, {what}",
        expected="NSRR annotation XML",
        do="Download it again, or exclude the recording.",
    )


def _check_epoch_length(text: str | None, epoch_s: int) -> None:
    if not text:
        return
    try:
        declared = float(text)
    except ValueError:
        raise _corrupt("its EpochLength is no number") from None
    if declared != epoch_s:
        raise EpochLengthUnexpected(
            "the annotation declares another epoch length",
            saw=f"{declared:g} s",
            expected=f"{epoch_s} s",
            do="If the cohort documents it, set annotations.epoch_s in its manifest.",
        )


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


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


def _stage(event: dict[str, str]) -> TimedText:
    return TimedText(_number(event.get("Start")), _number(event.get("Duration")), event.get("EventConcept", ""))


def _event(event: dict[str, str]) -> TimedText:
    duration = event.get("Duration") or "0"
    place = event.get("SignalLocation", "")
    return TimedText(_number(event.get("Start")), _number(duration), event.get("EventConcept", ""), place)


def _clock(text: str | None) -> tuple[float | None, tuple[Finding, ...]]:
    """Return the time of day in seconds from ``HH.MM.SS``, with or without a date, which is dropped."""
    if not text:
        return None, ()
    if match := _CLOCK.fullmatch(text):
        hour, minute, second = int(match[1]), int(match[2]), float(match[3].replace(",", "."))
        if hour < 24 and minute < 60 and second < 60:
            return hour * 3600 + minute * 60 + second, ()
    return None, (finding("PSG-H005", "ClockTime of the annotation is no time of day"),)

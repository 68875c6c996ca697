"""The XML of scorings: scored events, stages epoch by epoch, epoch length and clock, whatever their order.

Parsed as a stream, by tag and never by layout, so that order, blank lines and name spaces do no harm. Document
types and entities are refused, and size and depth are bounded. Notes of technicians are never read.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from pipeline.read.text_file import read_bytes
from schemas.errors import AnnotationCorrupt, EpochLengthUnexpected
from schemas.findings import Finding, finding

__all__ = ["ScoringDocument", "number_of", "read_document"]

MAX_DEPTH = 16  # the formats have four levels
MAX_TEXT = 256  # characters of a field that is read; longer ones are notes
_FIELDS = frozenset(
    {"EventType", "EventConcept", "Name", "Start", "Duration", "SignalLocation", "Input", "ClockTime"}
)


def read_document(path: Path, root: str, epoch_s: int) -> tuple[ScoringDocument, tuple[Finding, ...]]:
    """Read one document.

    Parameters
    ----------
    root : str
        Name of its root element.
    epoch_s : int
        Length of the scorer's epochs, as the manifest says.

    Raises
    ------
    SourceMissing, StorageError
        When the file cannot be opened; when the disk fails.
    AnnotationCorrupt
        When it is no such XML.
    EpochLengthUnexpected
        When it declares epochs of another length than the manifest.
    """
    text, found = _decode(read_bytes(path))
    document = _parse(text, root)
    _check_epoch_length(document.epoch_length, epoch_s)
    return document, found


def number_of(text: str | None) -> float:
    """Return a number, NaN where the text is none."""
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


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


class ScoringDocument:
    """Collect what is read while the parser runs; keeps no tree.

    Attributes
    ----------
    events : list of dict
        Fields of the scored events, by tag.
    stages : list of str
        Codes, one an epoch, where the format has such.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self.stages: list[str] = []
        self.events: list[dict[str, str]] = []
        self.epoch_length: str | None = None
        self.clock: str | None = None
        self._path: list[str] = []
        self._text = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Enter an element."""
        name = tag.rpartition("}")[2]
        if not self._path and name != self._root:
            raise _corrupt(f"its root is another element than {self._root}")
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
        if parent == "ScoredEvent" and name in _FIELDS and len(text) <= MAX_TEXT:
            self.events[-1].setdefault(name, text)
        if parent == "SleepStages" and name == "SleepStage":
            self.stages.append(text if len(text) <= MAX_TEXT else "")
        if name == "EpochLength" and self.epoch_length is None:
            self.epoch_length = text
        if name == "ClockTime" and self.clock is None:
            self.clock = text
        self._text = ""

    def close(self) -> ScoringDocument:
        """Return the document."""
        return self


def _parse(text: str, root: str) -> ScoringDocument:
    parser = DefusedXMLParser(target=ScoringDocument(root), encoding="utf-8", forbid_dtd=True)
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
    assert isinstance(document, ScoringDocument)
    return document


def _corrupt(what: str) -> AnnotationCorrupt:
    return AnnotationCorrupt(
        f"annotation file cannot be used, {what}",
        expected="annotation XML as the manifest says",
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

"""Read stages and events from the texts of a WFDB annotation file.

Two conventions are understood. Where a text begins with ``(`` an event of that name begins, and ends where the same
name stands with ``)`` behind it. All other texts are words about the epoch that begins there: a stage, which lasts
until the next one, and events without a length.

Source: CinC Challenge 2018 (pairs), MIT-BIH Polysomnographic Database (words), both at physionet.org.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.read.clock import number
from pipeline.read.stage_words import STAGE_WORDS, stages_and_events
from pipeline.read.timed_text import TimedText, annotate
from pipeline.read.wfdb_annotations import WfdbAnnotations, read_wfdb_annotations
from pipeline.read.wfdb_header import read_wfdb_header
from pipeline.scoring.stages import stage_table
from schemas.findings import Finding
from schemas.hypnogram import Annotations
from schemas.scoring_rules import AnnotationRule

__all__ = ["read_wfdb_scoring"]

_RESOLUTION = re.compile(r"## time resolution: (\S+)")


def read_wfdb_scoring(path: Path, rule: AnnotationRule) -> tuple[Annotations, tuple[Finding, ...]]:
    """Read one file; where it does not say its rate, the record's header must lie beside it.

    Parameters
    ----------
    path : Path
        A file in MIT format, named as the record with the annotator as suffix.
    rule : AnnotationRule
        The manifest's annotation section.

    Returns
    -------
    annotations : Annotations
        Times count from the record's first sample.
    findings : tuple of Finding

    Raises
    ------
    SourceMissing, StorageError
        When file or header cannot be opened; when the disk fails.
    AnnotationCorrupt, SignalFileCorrupt
        When the file, or the header, is damaged.
    """
    annotations = read_wfdb_annotations(path)
    rate_hz = _said_rate(annotations) or float(read_wfdb_header(path.with_suffix(".hea")).rate_hz)
    table = stage_table(STAGE_WORDS, rule)
    stages, events = stages_and_events(_words(annotations, rate_hz), table)
    return annotate(stages, [*events, *_pairs(annotations, rate_hz)], table, rule)


def _said_rate(annotations: WfdbAnnotations) -> float | None:
    """Return the rate in Hz that the first texts may give, which are remarks to the library."""
    said = (_RESOLUTION.fullmatch(text) for text in annotations.text)
    return next((rate for match in said if match and (rate := number(match[1])) > 0), None)


def _texts(annotations: WfdbAnnotations, rate_hz: float) -> Iterator[tuple[float, str]]:
    for sample, text in zip(annotations.sample.tolist(), annotations.text, strict=True):
        if text and not text.startswith("##"):
            yield sample / rate_hz, text


def _words(annotations: WfdbAnnotations, rate_hz: float) -> Iterator[TimedText]:
    for onset_s, text in _texts(annotations, rate_hz):
        if not text.startswith("(") and not text.endswith(")"):
            yield from (TimedText(onset_s, None, word) for word in text.split())


def _pairs(annotations: WfdbAnnotations, rate_hz: float) -> Iterator[TimedText]:
    """Yield events with a begin and an end; what never ends has no readable duration."""
    begun: dict[str, list[float]] = {}
    for onset_s, text in _texts(annotations, rate_hz):
        if text.startswith("("):
            begun.setdefault(text[1:], []).append(onset_s)
        elif text.endswith(")") and begun.get(name := text[:-1]):
            first_s = begun[name].pop(0)
            yield TimedText(first_s, onset_s - first_s, name)
    for name, onsets in begun.items():
        yield from (TimedText(onset_s, math.nan, name) for onset_s in onsets)

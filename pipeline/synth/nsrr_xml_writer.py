"""Writes annotations the way NSRR publishes them: run-length stages and events with ``generic|vendor`` concepts.

Source
------
NSRR annotation files and the EDF Editor and Translator's event mapping,
https://github.com/nsrr/edf-editor-translator
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from pipeline.synth.events import Events
from pipeline.synth.recipe import EventSpec, ScoringSpec
from schemas.vocabulary import EPOCH_S, Stage

__all__ = ["STAGE_CONCEPTS", "nsrr_xml", "scorer_concepts", "scorer_stages", "stages_as_published", "write_text"]

STAGE_CONCEPTS = {
    0: "Wake|0",
    1: "Stage 1 sleep|1",
    2: "Stage 2 sleep|2",
    3: "Stage 3 sleep|3",
    4: "Stage 4 sleep|4",
    5: "REM sleep|5",
    6: "Movement|6",
    9: "Unscored|9",
}
_AASM = np.array([Stage.W, Stage.N1, Stage.N2, Stage.N3, Stage.N3, Stage.REM, -1, -1, -1, -1], np.int8)
_CODE = np.array([0, 1, 2, 3, 5], np.int8)  # NSRR code by AASM stage
_TAIL_EPOCHS = 4  # left unscored at the end of some nights


@dataclass(frozen=True)
class _Row:
    event_type: str
    concept: str
    start_s: float
    duration_s: float
    more: tuple[tuple[str, str], ...] = ()


def scorer_stages(rng: np.random.Generator, scoring: ScoringSpec, stage: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return the codes that this cohort's scorers would write; shape (n_epoch,), int8, keys of `STAGE_CONCEPTS`."""
    code = _CODE[stage]
    deep, moved = rng.random(stage.size) < scoring.stage_4, rng.random(stage.size) < scoring.movement
    code[deep & (code == 3)] = 4
    code[moved] = 6
    if rng.random() < scoring.unscored_tail and stage.size > 2 * _TAIL_EPOCHS:
        code[-_TAIL_EPOCHS:] = 9
    return code


def scorer_concepts(rng: np.random.Generator, scoring: ScoringSpec, events: Events) -> list[str]:
    """Return the ``EventConcept`` of every event, empty where this cohort does not score its type."""
    drawn = rng.random(events.n_event)
    return [
        _concept(scoring.events.get(str(kind)), float(flow), float(share))
        for kind, flow, share in zip(events.type, events.flow_ratio, drawn, strict=True)
    ]


def stages_as_published(code: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return AASM stages for scorers' codes: 3 and 4 are N3, movement and unscored are -1."""
    return _AASM[code]


def nsrr_xml(
    scoring: ScoringSpec,
    code: NDArray[np.int8],
    events: Events,
    concepts: Sequence[str],
    *,
    offset_s: float,
    n_second: int,
    clock_start_s: int,
    epoch_s: int = EPOCH_S,
) -> str:
    """Return the text of one annotation file.

    Parameters
    ----------
    code : ndarray, shape (n_epoch,), int8
        Keys of `STAGE_CONCEPTS`.
    concepts : sequence of str
        From `scorer_concepts`.
    offset_s : float
        First scored boundary, seconds from recording start.
    """
    clock = f"{clock_start_s // 3600 % 24:02d}.{clock_start_s // 60 % 60:02d}.{clock_start_s % 60:02d}"
    start = _Row("", "Recording Start Time", 0.0, float(n_second), (("ClockTime", f"00.00.00 {clock}"),))
    rows = sorted(
        [*_event_rows(scoring, events, concepts), *_stage_rows(code, offset_s, epoch_s)], key=lambda r: r.start_s
    )
    return _document([start, *rows], scoring.software, epoch_s)


def _stage_rows(code: NDArray[np.int8], offset_s: float, epoch_s: int) -> Iterable[_Row]:
    first = np.flatnonzero(np.diff(code, prepend=-1))
    for begin, end in zip(first, [*first[1:], code.size], strict=True):
        concept = STAGE_CONCEPTS[int(code[begin])]
        yield _Row("Stages|Stages", concept, offset_s + epoch_s * float(begin), epoch_s * float(end - begin))


def _event_rows(scoring: ScoringSpec, events: Events, concepts: Sequence[str]) -> Iterable[_Row]:
    for i in (i for i, concept in enumerate(concepts) if concept):
        spec = scoring.events[str(events.type[i])]
        more = [("SignalLocation", spec.location)] if spec.location else []
        if np.isfinite(events.nadir_percent[i]):
            more += [
                ("SpO2Nadir", f"{events.nadir_percent[i]:.1f}"),
                ("SpO2Baseline", f"{events.baseline_percent[i]:.1f}"),
            ]
        yield _Row(spec.event_type, concepts[i], float(events.onset_s[i]), float(events.duration_s[i]), tuple(more))


def _concept(spec: EventSpec | None, flow_ratio: float, drawn: float) -> str:
    if spec is None:
        return ""
    if spec.deep_concept and flow_ratio < 0.5:
        return spec.deep_concept
    shares = np.cumsum(list(spec.concepts.values()))
    return list(spec.concepts)[min(int(np.searchsorted(shares, drawn, "right")), len(shares) - 1)]


def _document(rows: Sequence[_Row], software: str, epoch_s: int) -> str:
    lines = [
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>',
        "<PSGAnnotation>",
        f"<SoftwareVersion>{escape(software)}</SoftwareVersion>",
        f"<EpochLength>{epoch_s}</EpochLength>",
        "<ScoredEvents>",
    ]
    for row in rows:
        lines += [
            "<ScoredEvent>",
            f"<EventType>{escape(row.event_type)}</EventType>" if row.event_type else "<EventType/>",
        ]
        lines += [f"<EventConcept>{escape(row.concept)}</EventConcept>"]
        lines += [f"<Start>{_seconds(row.start_s)}</Start>", f"<Duration>{_seconds(row.duration_s)}</Duration>"]
        lines += [f"<{tag}>{escape(text)}</{tag}>" for tag, text in row.more]
        lines += ["</ScoredEvent>"]
    return "\n".join([*lines, "</ScoredEvents>", "</PSGAnnotation>", ""])


def _seconds(value: float) -> str:
    return f"{value:.1f}"


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text; the path appears only when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text, "utf-8")
    os.replace(part, path)

"""Small NSRR annotation files made to order, for tests and campaigns."""

from __future__ import annotations

from itertools import pairwise
from xml.sax.saxutils import escape

_STAGES = {
    0: "Wake|0",
    1: "Stage 1 sleep|1",
    2: "Stage 2 sleep|2",
    3: "Stage 3 sleep|3",
    4: "Stage 4 sleep|4",
    5: "REM sleep|5",
    6: "Movement|6",
    9: "Unscored|9",
    10: "Artifact|10",
}


def scored(concept: str, start: object, duration: object, kind: str = "", **fields: object) -> str:
    """Return one ``ScoredEvent``; ``fields`` are further elements in the order given."""
    rows = {"EventType": kind, "EventConcept": concept, "Start": start, "Duration": duration, **fields}
    inner = "".join(f"<{name}>{escape(str(value))}</{name}>\n" for name, value in rows.items())
    return f"<ScoredEvent>\n{inner}</ScoredEvent>\n"


def stage(code: int, start: object, duration: object) -> str:
    """Return one run of a stage, by the scorer's code."""
    return scored(_STAGES[code], start, duration, "Stages|Stages")


def night(codes: list[int], start: float = 0.0) -> list[str]:
    """Return runs of stages, merged as the format has them, one code an epoch of 30 s."""
    edges = [0, *(i for i in range(1, len(codes)) if codes[i] != codes[i - 1]), len(codes)]
    return [
        stage(codes[first], f"{start + 30 * first:.1f}", f"{30.0 * (last - first):.1f}")
        for first, last in pairwise(edges)
    ]


def document(*events: str, epoch_length: object = 30, clock: str | None = "00.00.00 22.00.00") -> str:
    """Return a whole file; its first event carries the clock."""
    start = [] if clock is None else [scored("Recording Start Time", 0, 28800.0, ClockTime=clock)]
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n<PSGAnnotation>\n'
        "<SoftwareVersion>Compumedics</SoftwareVersion>\n"
        f"<EpochLength>{epoch_length}</EpochLength>\n<ScoredEvents>\n{''.join([*start, *events])}"
        "</ScoredEvents>\n</PSGAnnotation>\n"
    )

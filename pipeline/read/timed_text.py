"""Texts with a time, as nearly every format of scoring has them, become a hypnogram and events.

Assumption: a stage without a duration lasts until the next stage, the last of them one epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.scoring.events import RawEvent, tabulate_events
from pipeline.scoring.stages import StageRun, StageTable, score_stages
from schemas.findings import Finding
from schemas.hypnogram import Annotations
from schemas.scoring_rules import AnnotationRule
from schemas.vocabulary import Scored

__all__ = ["TimedText", "annotate"]


@dataclass(frozen=True)
class TimedText:
    """One text, when it begins, how long it lasts (None where nobody says) in seconds, and the signal's name."""

    onset_s: float
    duration_s: float | None
    text: str
    channel: str = ""


def annotate(
    stages: Sequence[TimedText],
    events: Iterable[TimedText],
    table: StageTable,
    rule: AnnotationRule,
    *,
    clock_start_s: float | None = None,
    is_clocked: bool = False,
) -> tuple[Annotations, tuple[Finding, ...]]:
    """Judge stages and events, as far as the rule says that the file holds them.

    Parameters
    ----------
    table : mapping
        From `pipeline.scoring.stages.stage_table`.
    clock_start_s : float or None
        Time of day that all times count from.
    is_clocked : bool
        The source writes times of day, not seconds.

    Raises
    ------
    AnnotationCorrupt, EpochLengthUnexpected
        As `pipeline.scoring.stages.score_stages`.
    """
    hypnogram, found = None, tuple[Finding, ...]()
    if "stages" in rule.holds:
        hypnogram, found = score_stages(_runs(stages, rule.epoch_s), table, rule)
    has_events = "events" in rule.holds
    event_table, scored, of_events = tabulate_events(map(_event, events) if has_events else (), rule)
    if not has_events:
        scored = dict.fromkeys(scored, Scored.NO)
    result = Annotations(hypnogram, event_table, scored, clock_start_s, is_clocked)
    return result, (*found, *of_events)


def _runs(stages: Sequence[TimedText], epoch_s: int) -> list[StageRun]:
    """Give every stage its duration; one without ends where the next begins."""
    ordered = sorted(stages, key=lambda stage: stage.onset_s)
    next_onset = [*(s.onset_s for s in ordered[1:]), ordered[-1].onset_s + epoch_s] if ordered else []
    return [
        StageRun(s.onset_s, after - s.onset_s if s.duration_s is None else s.duration_s, s.text)
        for s, after in zip(ordered, next_onset, strict=True)
    ]


def _event(event: TimedText) -> RawEvent:
    return RawEvent(event.onset_s, event.duration_s or 0.0, event.text, event.channel)

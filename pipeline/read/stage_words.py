"""Words for stages that no manifest needs to explain: the standard texts of EDF+, and the same without their head.

R&K and AASM stages keep codes of their own: 3 and N3 are not the same judgement. Numbers alone mean different
stages to different cohorts, so that only a manifest maps them.

Source: EDF+ standard texts, https://www.edfplus.info/specs/edftexts.html
"""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.read.timed_text import TimedText
from pipeline.scoring.stages import StageTable, StageTerm
from schemas.event_terms import fold_term
from schemas.vocabulary import Stage

__all__ = ["EDF_TEXTS", "STAGE_WORDS", "stages_and_events"]

_BEGINS = "sleep stage "

EDF_TEXTS = (
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
STAGE_WORDS = (
    *EDF_TEXTS,
    StageTerm(0, "W", Stage.W),
    StageTerm(0, "Wake", Stage.W),
    StageTerm(11, "N1", Stage.N1),
    StageTerm(12, "N2", Stage.N2),
    StageTerm(13, "N3", Stage.N3),
    StageTerm(5, "R", Stage.REM),
    StageTerm(5, "REM", Stage.REM),
    StageTerm(9, "?", Stage.UNSCORED),
    StageTerm(9, "Unscored", Stage.UNSCORED),
)


def stages_and_events(texts: Iterable[TimedText], table: StageTable) -> tuple[list[TimedText], list[TimedText]]:
    """Tell texts about stages, be they such that no table maps, from all others; both stay in order."""
    stages, events = list[TimedText](), list[TimedText]()
    for text in texts:
        (stages if _is_stage(text.text, table) else events).append(text)
    return stages, events


def _is_stage(text: str, table: StageTable) -> bool:
    folded = fold_term(text)
    return folded.startswith(_BEGINS) or folded in table

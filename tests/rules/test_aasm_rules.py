"""Rules of the AASM Manual for the Scoring of Sleep (v3) that the epoch grid keeps, one test a rule."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.read.nsrr_xml import STAGES as NSRR_STAGES
from pipeline.read.stage_words import EDF_TEXTS as EDF_STAGES
from pipeline.scoring.align import make_grid
from pipeline.scoring.events import RawEvent, tabulate_events
from pipeline.scoring.stages import StageRun, StageTerm, score_stages, stage_table
from schemas.event_terms import EVENT_TYPES, EventClass
from schemas.hypnogram import Annotations, EventTable, Hypnogram
from schemas.manifest import AnnotationRule
from schemas.vocabulary import EPOCH_S, Stage

RULE = AnnotationRule(format="edf_plus", scheme="aasm")


def score(*texts: str, epoch_s: float = 30.0) -> Hypnogram:
    runs = [StageRun(k * epoch_s, epoch_s, f"Sleep stage {text}") for k, text in enumerate(texts)]
    hypnogram, _ = score_stages(runs, stage_table(EDF_STAGES, RULE), RULE)
    assert hypnogram is not None
    return hypnogram


def test_iv_1_a_five_stages() -> None:
    """IV.1.A: the stages are W, N1, N2, N3 and R, here coded 0 to 4."""
    assert score("W", "N1", "N2", "N3", "R").stage.tolist() == [0, 1, 2, 3, 4]
    assert [stage.name for stage in sorted(Stage)] == ["UNSCORED", "W", "N1", "N2", "N3", "REM"]


def test_iv_1_b_epochs_of_30_seconds_from_the_start_of_the_study() -> None:
    """IV.1.B: sequential 30-second epochs, commencing at the start of the study."""
    assert EPOCH_S == 30
    hypnogram = score("W", "W", "N1")
    grid, _ = make_grid(Annotations(hypnogram, _no_events(), {}), RULE, signal_end_s=90.0)
    assert grid.n_epoch == 3
    assert grid.offset_s == hypnogram.start_s == 0.0


def test_iv_1_b_one_stage_an_epoch() -> None:
    """IV.1.B: each epoch has one stage; of two that overlap, one remains."""
    runs = [StageRun(0, 60, "Sleep stage W"), StageRun(30, 60, "Sleep stage N1"), StageRun(90, 30, "Sleep stage R")]
    hypnogram, _ = score_stages(runs, stage_table(EDF_STAGES, RULE), RULE)
    assert hypnogram is not None
    assert hypnogram.stage.tolist() == [0, 1, 1, 4]


@pytest.mark.parametrize("table", [EDF_STAGES, NSRR_STAGES])
def test_n3_is_stages_3_and_4_of_rechtschaffen_and_kales(table: tuple[StageTerm, ...]) -> None:
    """IV.6, note: N3 stands for stages 3 and 4 of R&K in every format, their own codes kept."""
    deep = {row.code: row.stage for row in table if row.code in (3, 4)}
    assert deep == {3: Stage.N3, 4: Stage.N3}


@pytest.mark.parametrize("table", [EDF_STAGES, NSRR_STAGES])
def test_movement_time_is_no_stage(table: tuple[StageTerm, ...]) -> None:
    """IV.8: R&K movement time has no AASM stage: unscored, not Wake."""
    assert {row.stage for row in table if row.code == 6} == {Stage.UNSCORED}


def test_ii_b_time_in_bed_is_lights_out_to_lights_on() -> None:
    """II.B: time in bed counts from lights out to lights on."""
    lights, scored, _ = tabulate_events([RawEvent(30, 0, "Lights off"), RawEvent(90, 0, "Lights on")], RULE)
    grid, _ = make_grid(Annotations(score("W", "N1", "N2", "W"), lights, scored), RULE, signal_end_s=120.0)
    assert grid.in_bed.tolist() == [0, 1, 1, 0]


def test_viii_respiratory_events_keep_their_kinds() -> None:
    """VIII: apneas are obstructive, central or mixed; hypopneas and RERAs are none of them."""
    texts = ["Obstructive Apnea", "Central Apnea", "Mixed Apnea", "Hypopnea", "RERA"]
    table, _, _ = tabulate_events([RawEvent(k, 10, text) for k, text in enumerate(texts)], RULE)
    assert table.type == ("obstructive_apnea", "central_apnea", "mixed_apnea", "hypopnea", "rera")
    assert {EVENT_TYPES[kind].event_class for kind in table.type} == {EventClass.RESPIRATORY}


def test_unscored_is_never_wake() -> None:
    """What nobody scored is -1 in stage and source, never the 0 of Wake."""
    runs = [StageRun(0, 30, "Sleep stage N1"), StageRun(60, 30, "Sleep stage N2")]
    hypnogram, _ = score_stages(runs, stage_table(EDF_STAGES, RULE), RULE)
    assert hypnogram is not None
    grid, _ = make_grid(Annotations(hypnogram, _no_events(), {}), RULE, signal_end_s=150.0)
    assert grid.stage.tolist() == [1, -1, 2, -1, -1]
    assert grid.stage_source.tolist() == [11, -1, 12, -1, -1]
    assert grid.stage.dtype == np.int8


def _no_events() -> EventTable:
    return tabulate_events([], RULE)[0]

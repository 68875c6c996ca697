"""The epoch grid: where it starts, how long it is, what fits and what does not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.scoring.align import Grid, make_grid, place_events
from schemas.errors import HypnogramMismatch, RecordingTooShort
from schemas.findings import Finding
from schemas.hypnogram import Annotations, EventTable, Hypnogram
from schemas.manifest import AnnotationRule
from schemas.vocabulary import StageScheme

RULE = AnnotationRule(format="nsrr_xml", scheme="aasm")
HOUR = 3600.0


def events(*rows: tuple[float, float, str]) -> EventTable:
    onset, duration, kind = zip(*rows, strict=True) if rows else ((), (), ())
    empty = ("",) * len(rows)
    return EventTable(np.array(onset, float), np.array(duration, float), kind, empty, empty)


def annotations(
    stages: Sequence[int] | None,
    start_s: float = 0.0,
    clock_s: float | None = None,
    table: EventTable | None = None,
) -> Annotations:
    hypnogram = None
    if stages is not None:
        stage = np.array(stages, np.int8)
        hypnogram = Hypnogram(start_s, stage, stage.copy(), {}, StageScheme.AASM, stage >= 0)
    return Annotations(hypnogram, table if table is not None else events(), {}, clock_s)


def codes(found: Sequence[Finding]) -> list[str]:
    return [f.code for f in found]


def bed(grid: Grid) -> list[int]:
    return grid.in_bed.tolist()


def test_a_night_that_fits() -> None:
    """Stages and signals of one length give one epoch for one epoch, and nothing to say."""
    grid, found = make_grid(annotations([0, 1, 2]), RULE, signal_end_s=90, clock_start_s=22 * HOUR)
    assert (grid.offset_s, grid.n_epoch, grid.clock_start_s) == (0.0, 3, 22 * HOUR)
    assert grid.stage.tolist() == [0, 1, 2]
    assert found == ()


def test_an_unscored_night_starts_at_the_first_sample() -> None:
    """Without stages the grid starts with the signals, and every epoch is unscored."""
    grid, found = make_grid(annotations(None), None, signal_end_s=95)
    assert (grid.offset_s, grid.n_epoch, grid.scheme) == (0.0, 3, StageScheme.NONE)
    assert grid.stage.tolist() == [-1, -1, -1]
    assert grid.clock_start_s is None
    assert codes(found) == ["PSG-A003"]


def test_signals_are_cut_at_the_first_scored_boundary() -> None:
    """A fractional first boundary is the origin, and the clock moves with it."""
    grid, found = make_grid(annotations([0, 1], 12.25), RULE, signal_end_s=100, clock_start_s=86_395)
    assert (grid.offset_s, grid.n_epoch) == (12.25, 2)
    assert grid.clock_start_s == 7.25
    assert codes(found) == ["PSG-A003", "PSG-A011"]
    assert "27.75 s" in found[0].message


def test_signals_that_go_on_are_unscored() -> None:
    """Epochs after the scoring have no stage, are counted, and refuse nothing."""
    grid, found = make_grid(annotations([0, 1]), RULE, signal_end_s=30 * 1000)
    assert grid.n_epoch == 1000
    assert np.count_nonzero(grid.stage >= 0) == 2
    assert [(f.code, f.epochs) for f in found] == [("PSG-A002", ((2, 1000),))]
    assert "998 epochs" in found[0].message


def test_a_scoring_that_ended_before_the_signals_began() -> None:
    """Within the limit, every epoch of such a night is unscored, and both sides are said."""
    grid, found = make_grid(annotations([0, 0], -300.0), RULE, signal_end_s=90)
    assert grid.stage.tolist() == [-1, -1, -1]
    assert [f.message[:8] for f in found] == ["2 staged", "signals "]
    assert found[1].epochs == ((0, 3),)


def test_stages_that_go_on_are_dropped_within_the_limit() -> None:
    """Staged epochs without signals are dropped and counted."""
    grid, found = make_grid(annotations([0, 1, 2, 2]), RULE, signal_end_s=60)
    assert grid.stage.tolist() == [0, 1]
    assert codes(found) == ["PSG-A002"]
    assert "2 after" in found[0].message


def test_stages_that_go_on_too_long_are_refused() -> None:
    """One epoch more than the manifest allows is a mismatch."""
    rule = RULE.model_copy(update={"max_excess_epochs": 2})
    make_grid(annotations([0] * 5), rule, signal_end_s=90)
    with pytest.raises(HypnogramMismatch, match=r"saw 0 staged epochs before the signals and 3 after.*at most 2"):
        make_grid(annotations([0] * 6), rule, signal_end_s=90)


def test_an_unscored_tail_is_no_excess() -> None:
    """Hypnograms that end in hours of *unknown* beyond the signals are not long."""
    grid, found = make_grid(annotations([0, 1] + [-1] * 500), RULE, signal_end_s=60)
    assert (grid.n_epoch, found) == (2, ())


def test_an_epoch_that_the_signals_break_off_is_no_excess() -> None:
    """The last epoch, begun but not whole, is the partial one and not counted twice."""
    grid, found = make_grid(annotations([0, 1, 2]), RULE, signal_end_s=75)
    assert grid.stage.tolist() == [0, 1]
    assert codes(found) == ["PSG-A003"]


def test_stages_before_the_signals_are_dropped() -> None:
    """A scoring that starts before the signals loses its first epochs; the boundaries stay."""
    grid, found = make_grid(annotations([0, 1, 2, 2], -40.0), RULE, signal_end_s=80)
    assert (grid.offset_s, grid.n_epoch) == (20.0, 2)
    assert grid.stage.tolist() == [2, 2]
    assert codes(found) == ["PSG-A002", "PSG-A011"]


@pytest.mark.parametrize("stages", [[0], None])
def test_less_than_an_epoch_is_too_short(stages: list[int] | None) -> None:
    """29.9 s of signals hold no epoch."""
    with pytest.raises(RecordingTooShort, match=r"29\.9 s"):
        make_grid(annotations(stages), RULE, signal_end_s=29.9)


def test_clocks_that_differ_move_the_annotations() -> None:
    """A hypnogram that started five minutes after the signals is placed by its time of day."""
    late = annotations([0, 1], clock_s=22 * HOUR + 300, table=events((10, 5, "arousal")))
    grid, found = make_grid(late, RULE, signal_end_s=360, clock_start_s=22 * HOUR)
    assert (grid.offset_s, grid.n_epoch, grid.shift_s) == (300.0, 2, 300.0)
    assert grid.clock_start_s == 22 * HOUR + 300
    assert codes(found) == ["PSG-A015", "PSG-A011"]
    assert place_events(late.events, grid)[0].onset_s.tolist() == [10.0]


def test_clocks_wrap_at_midnight() -> None:
    """23:59 and 00:01 are two minutes apart, not a day."""
    late = annotations([0, 1], clock_s=60.0)
    grid, _ = make_grid(late, RULE, signal_end_s=360, clock_start_s=86_340.0)
    assert (grid.offset_s, grid.clock_start_s) == (120.0, 60.0)


def test_fractions_of_a_second_are_no_difference_of_clocks() -> None:
    """A clock in whole seconds beside one with a fraction moves nothing."""
    grid, found = make_grid(annotations([0], clock_s=100.0), RULE, signal_end_s=30, clock_start_s=100.5)
    assert (grid.shift_s, grid.clock_start_s, found) == (0.0, 100.5, ())


def test_a_second_is_a_difference_of_clocks() -> None:
    """From one whole second on, clocks differ."""
    grid, _ = make_grid(annotations([0], clock_s=101.0), RULE, signal_end_s=31, clock_start_s=100.0)
    assert grid.shift_s == 1.0


def test_a_blank_clock_moves_nothing() -> None:
    """Midnight to the second on one side only stands for an unknown time."""
    grid, found = make_grid(annotations([0], clock_s=0.0), RULE, signal_end_s=30, clock_start_s=22 * HOUR)
    assert grid.shift_s == 0.0
    assert codes(found) == ["PSG-A015"]


def test_the_only_clock_known_is_used() -> None:
    """The annotation's time of day stands in where the signals have none."""
    grid, _ = make_grid(annotations([0], clock_s=500.0), RULE, signal_end_s=30)
    assert (grid.shift_s, grid.clock_start_s) == (0.0, 500.0)


def test_in_bed_from_lights_off_to_lights_on() -> None:
    """An epoch is in bed when its middle lies between lights off and lights on."""
    lights = events((40, 0, "lights_off"), (104, 0, "lights_on"))
    grid, _ = make_grid(annotations([0] * 5, table=lights), RULE, signal_end_s=150)
    assert bed(grid) == [0, 1, 1, 0, 0]


@pytest.mark.parametrize(("kind", "expected"), [("lights_off", [0, -1, -1]), ("lights_on", [-1, 0, 0])])
def test_half_of_the_lights_is_half_of_the_knowledge(kind: str, expected: list[int]) -> None:
    """Lights off that nobody ended, and lights on that nobody began, leave the rest unknown."""
    grid, _ = make_grid(annotations([0] * 3, table=events((30, 0, kind))), RULE, signal_end_s=90)
    assert bed(grid) == expected


def test_in_bed_twice() -> None:
    """A break in the night is out of bed."""
    lights = events((0, 0, "lights_off"), (60, 0, "lights_on"), (90, 0, "lights_off"), (120, 0, "lights_on"))
    grid, _ = make_grid(annotations([0] * 5, table=lights), RULE, signal_end_s=150)
    assert bed(grid) == [1, 1, 0, 1, 0]


def test_in_bed_from_clock_times() -> None:
    """Columns with times of day serve where there are no lights events, across midnight too."""
    times = (23 * HOUR + 59 * 60, 60.0)
    grid, _ = make_grid(
        annotations([0] * 6), RULE, signal_end_s=180, clock_start_s=86_370.0 - 60, in_bed_clock_s=times
    )
    assert bed(grid) == [0, 1, 1, 1, 1, 0]


def test_in_bed_before_the_recording_started() -> None:
    """Lights that went out minutes before the first sample mean in bed from the first epoch."""
    grid, _ = make_grid(
        annotations([0] * 2), RULE, signal_end_s=60, clock_start_s=1000.0, in_bed_clock_s=(400.0, 8000.0)
    )
    assert bed(grid) == [1, 1]


def test_in_bed_is_unknown_without_lights() -> None:
    """Nothing is guessed from the stages."""
    assert bed(make_grid(annotations([0, 2]), RULE, signal_end_s=60)[0]) == [-1, -1]


def test_events_count_from_the_origin() -> None:
    """Onsets move with the grid; what lies outside is dropped and counted, lights without a count."""
    table = events(
        (2, 5, "arousal"),
        (8, 10, "hypopnea"),
        (30, 10, "apnea"),
        (65, 40, "desaturation"),
        (70, 1, "arousal"),
        (9, 0, "lights_off"),
    )
    grid, _ = make_grid(annotations([0, 1], 10.0), RULE, signal_end_s=75)
    placed, found = place_events(table, grid)
    assert placed.type == ("hypopnea", "apnea", "desaturation")
    assert placed.onset_s.tolist() == [-2.0, 20.0, 55.0]
    assert placed.duration_s.tolist() == [10.0, 10.0, 40.0]
    assert [(f.code, f.message) for f in found] == [("PSG-A005", "2 of 6 events lie outside the grid")]


def test_an_event_that_reaches_into_the_grid_stays() -> None:
    """Half a second within the grid is enough; one that ends at the origin, or starts at the end, is outside."""
    table = events((5, 5, "apnea"), (9.7, 0.5, "arousal"), (10, 0, "lights_off"), (40, 3, "apnea"))
    grid, _ = make_grid(annotations([0], 10.0), RULE, signal_end_s=50)
    assert place_events(table, grid)[0].type == ("arousal", "lights_off")


def test_no_events() -> None:
    """An empty table stays empty."""
    grid, _ = make_grid(annotations([0]), RULE, signal_end_s=30)
    assert place_events(events(), grid)[0].n_event == 0


@given(
    start_s=st.floats(-200, 400),
    n_stage=st.integers(1, 40),
    end_s=st.floats(30, 900),
    signal_start_s=st.sampled_from([0.0, 0.5, 45.0]),
)
def test_every_epoch_lies_within_the_signals(
    start_s: float, n_stage: int, end_s: float, signal_start_s: float
) -> None:
    """Whatever the lengths, all epochs have signals, boundaries are the scorer's, and stages keep their times."""
    stages = [k % 5 for k in range(n_stage)]
    rule = RULE.model_copy(update={"max_excess_epochs": 100})
    try:
        grid, _ = make_grid(annotations(stages, start_s), rule, signal_start_s=signal_start_s, signal_end_s=end_s)
    except RecordingTooShort:
        return
    assert grid.offset_s >= signal_start_s - 1e-6
    assert grid.offset_s + 30 * grid.n_epoch <= end_s + 1e-6
    assert end_s - grid.offset_s - 30 * grid.n_epoch < 30
    for epoch, stage in enumerate(grid.stage.tolist()):
        scored = (grid.offset_s + 30 * epoch - start_s) / 30
        assert scored == pytest.approx(round(scored), abs=1e-6)
        assert stage == (stages[round(scored)] if 0 <= round(scored) < n_stage else -1)

"""Stages in one file and events in another, several scorers, several clocks: one night."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.read.annotations import read_annotations
from pipeline.scoring.align import make_grid
from schemas.hypnogram import Annotations
from schemas.scoring_rules import AnnotationRule
from schemas.vocabulary import Scored

CLOCK_S = 22 * 3600.0
CODES = {0: "W", 1: "N1", 2: "N2", 3: "N3", 5: "REM"}


def rule(file: str, **more: Any) -> AnnotationRule:
    return AnnotationRule.model_validate({"format": "epoch_list", "scheme": "aasm", "file": file} | more)


STAGES = rule("stages", holds="stages", stages=CODES)
EVENTS = rule(
    "events",
    format="table",
    holds="events",
    scored={"respiratory": "yes"},
    table={"onset": "at", "onset_unit": "clock", "duration": "for", "text": "what"},
)


def files(folder: Path, **texts: str) -> dict[str, Path]:
    for name, text in texts.items():
        (folder / name).write_text(text)
    return {name: folder / name for name in texts}


def read(paths: dict[str, Path], *rules: AnnotationRule) -> tuple[Annotations, list[str]]:
    found, remarks = read_annotations(paths, rules, clock_start_s=CLOCK_S)
    return found, [remark.code for remark in remarks]


def test_stages_and_events_on_two_clocks(tmp_path: Path) -> None:
    """Stages count from the recording's start, events are times of day: both mean the same night."""
    paths = files(tmp_path, stages="0\n3\n3\n", events="at,for,what\n22:00:40,12,Hypopnea\n")
    for rules in ([STAGES, EVENTS], [EVENTS, STAGES]):
        found, remarks = read(paths, *rules)
        grid, _ = make_grid(found, rules[0], signal_end_s=90.0, clock_start_s=CLOCK_S)
        assert grid.stage.tolist() == [0, 3, 3]
        assert found.events.onset_s[0] + grid.shift_s == 40.0
        assert remarks == ["PSG-A010"]


def test_events_of_two_files_are_put_together(tmp_path: Path) -> None:
    """In order of onset; a class that any of the files was searched for was searched for."""
    second = rule(
        "arousals", format="table", holds="events", scored={"arousal": "partly"}, table={"onset": 1, "text": 2}
    )
    paths = files(
        tmp_path,
        stages="0\n",
        events="at,for,what\n22:00:20,12,Hypopnea\n",
        arousals="1,Bradycardia\n30,EEG arousal\n",
    )
    found, _ = read(paths, STAGES, EVENTS, second)
    assert found.events.type == ("bradycardia", "hypopnea", "arousal")
    assert found.events.onset_s.tolist() == [1.0, 20.0, 30.0]
    said = {name: found.scored[name] for name in ("respiratory", "arousal", "cardiac", "limb")}
    assert said == {
        "respiratory": Scored.YES,
        "arousal": Scored.PARTLY,
        "cardiac": Scored.PARTLY,
        "limb": Scored.NO,
    }


def test_events_that_nobody_read_are_not_scored(tmp_path: Path) -> None:
    """Without the file of events no class was scored, whatever the manifest says of it."""
    found, _ = read(files(tmp_path, stages="0\n2\n"), STAGES, EVENTS)
    assert set(found.scored.values()) == {Scored.NO}


def test_a_night_without_stages_says_so(tmp_path: Path) -> None:
    """Events alone are kept; the missing stages are a remark, and so is a night with nothing."""
    paths = files(tmp_path, events="at,for,what\n22:00:40,12,Hypopnea\n")
    found, remarks = read(paths, STAGES, EVENTS)
    assert (found.hypnogram, found.events.n_event, remarks) == (None, 1, ["PSG-A001"])
    assert read({}, STAGES, EVENTS)[1] == ["PSG-A001"]
    assert read({})[1] == []


def test_the_first_rule_that_gives_stages_does(tmp_path: Path) -> None:
    """Two systems of scoring, of which a night has one: the rules stand beside each other."""
    other = rule("other", format="table", table={"onset": 1, "stage": 2})
    assert read(files(tmp_path, other="0,N2\n30,REM\n"), STAGES, other)[0].hypnogram is not None
    both, _ = read(files(tmp_path, stages="0\n", other="0,N2\n30,REM\n"), STAGES, other)
    assert both.hypnogram is not None
    assert both.hypnogram.stage.tolist() == [0]


def test_scorers_stand_beside_each_other(tmp_path: Path) -> None:
    """Each on the first one's grid, cut or filled to its length; only the first one's events count."""
    paths = files(tmp_path, stages="0\n2\n2\n5\n", second="0\n1\n", third="0,W\n60,N3\n90,REM\n120,W\n")
    second = rule("second", scorer=2, stages=CODES, holds="stages")
    third = rule("third", format="table", scorer=3, holds="stages", table={"onset": 1, "stage": 2})
    found, _ = read(paths, STAGES, second, third)
    grid, _ = make_grid(found, STAGES, signal_end_s=120.0, clock_start_s=CLOCK_S)
    assert grid.stage.tolist() == [0, 2, 2, 4]
    assert {n: stage.tolist() for n, stage in grid.other_scorers.items()} == {2: [0, 1, -1, -1], 3: [0, 0, 3, 4]}


def test_another_scorers_grid_may_begin_elsewhere(tmp_path: Path) -> None:
    """Whole epochs earlier or later it is moved; between the first one's epochs it is left out, with a remark."""
    first = rule("first", format="table", table={"onset": 1, "stage": 2}, holds="stages")
    for start_s, expected in ((0, [2, 3]), (90, [-1, 2]), (61, None)):
        text = f"{start_s},N2\n{start_s + 30},N2\n{start_s + 60},N2\n{start_s + 90},N3\n"
        paths = files(tmp_path, first="60,W\n90,N2\n120,N2\n150,N2\n", second=text)
        second = first.model_copy(update={"file": "second", "scorer": 2})
        found, _ = read(paths, first, second)
        grid, remarks = make_grid(found, first, signal_end_s=180.0, clock_start_s=CLOCK_S)
        others = {n: stage[[0, 1]].tolist() for n, stage in grid.other_scorers.items()}
        assert others == ({} if expected is None else {2: expected})
        assert ("PSG-A016" in [r.code for r in remarks]) is (expected is None)


def test_no_second_scorer_no_array(tmp_path: Path) -> None:
    """A night with one scorer has no empty column for another."""
    found, _ = read(files(tmp_path, stages="0\n3\n"), STAGES)
    grid, _ = make_grid(found, STAGES, signal_end_s=60.0)
    assert grid.other_scorers == {}
    np.testing.assert_array_equal(grid.stage, [0, 3])

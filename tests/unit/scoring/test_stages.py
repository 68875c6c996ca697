"""From runs of stages to epochs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.epoch_runs import runs as runs_of
from pipeline.read.nsrr_xml import STAGES
from pipeline.read.stage_words import EDF_TEXTS as EDF_STAGES
from pipeline.scoring.stages import StageRun, score_stages, stage_table
from schemas.errors import EpochLengthUnexpected
from schemas.findings import Finding
from schemas.hypnogram import Hypnogram
from schemas.manifest import AnnotationRule
from schemas.vocabulary import StageScheme

RULE = AnnotationRule(format="nsrr_xml", scheme="rk")
TERMS = {row.code: row.words for row in STAGES}


def rule(**changes: object) -> AnnotationRule:
    return AnnotationRule.model_validate({"format": "nsrr_xml", "scheme": "rk"} | changes)


def score(
    *runs: tuple[float, float, int | str], by: AnnotationRule = RULE
) -> tuple[Hypnogram, tuple[Finding, ...]]:
    written = [StageRun(a, d, TERMS.get(t, str(t)) if isinstance(t, int) else t) for a, d, t in runs]
    hypnogram, found = score_stages(written, stage_table(STAGES, by), by)
    assert hypnogram is not None
    return hypnogram, found


def codes(found: tuple[Finding, ...]) -> list[str]:
    return [f.code for f in found if f.code != "PSG-A010"]


@given(st.lists(st.sampled_from([0, 1, 2, 3, 4, 5, 6, 9, 10]), min_size=1, max_size=60), st.floats(0, 3600))
def test_epochs_to_runs_and_back(night: list[int], start_s: float) -> None:
    """The scorer's code of every epoch comes back from merged runs, whatever the origin."""
    edges = [0, *(i for i in range(1, len(night)) if night[i] != night[i - 1]), len(night)]
    runs = [(start_s + 30 * a, 30.0 * (b - a), night[a]) for a, b in pairwise(edges)]
    hypnogram, _ = score(*reversed(runs))
    assert hypnogram.stage_source.tolist() == night
    assert hypnogram.start_s == start_s


def test_the_grid_starts_with_the_first_run_even_if_unscored() -> None:
    """The first boundary is the origin, whatever its stage, fractions of a second kept."""
    hypnogram, _ = score((12.25, 60, 9), (72.25, 30, 0))
    assert hypnogram.start_s == 12.25
    assert hypnogram.stage.tolist() == [-1, -1, 0]
    assert hypnogram.staged.tolist() == [False, False, True]


def test_gaps_are_unscored() -> None:
    """Epochs between runs have no stage, no source code and a finding that names them."""
    hypnogram, found = score((0, 30, 0), (120, 30, 0))
    assert hypnogram.stage.tolist() == [0, -1, -1, -1, 0]
    assert hypnogram.stage_source.tolist() == [0, -1, -1, -1, 0]
    assert [(f.code, f.epochs) for f in found] == [("PSG-A012", ((1, 4),))]
    assert found[0].message.startswith("3 epochs")


def test_where_runs_overlap_the_later_start_wins() -> None:
    """A run within another one replaces it for its own length only."""
    hypnogram, found = score((0, 150, 0), (60, 30, 1))
    assert hypnogram.stage.tolist() == [0, 0, 1, 0, 0]
    assert codes(found) == ["PSG-A008"]


def test_odd_lengths_are_rounded_to_the_grid() -> None:
    """A run of 50 s is two epochs, one of 5 s none, and the finding counts them."""
    hypnogram, found = score((0, 50, 0), (50, 5, 1), (60, 300, 0), (360, 300, 2), (660, 300, 5), (960, 30, 1))
    assert hypnogram.stage.tolist() == [0] * 12 + [2] * 10 + [4] * 10 + [1]
    assert codes(found) == ["PSG-A009"]
    assert "2 stage runs" in next(f.message for f in found if f.code == "PSG-A009")


def test_decimals_are_not_odd_lengths() -> None:
    """Times that lost their last decimal on the way are no finding."""
    hypnogram, found = score((0, 29.999, 0), (30.001, 30.0, 1))
    assert hypnogram.stage.tolist() == [0, 1]
    assert codes(found) == []


def test_half_a_second_is_an_odd_length() -> None:
    """Half a second too much is rounded like anything else, and said so."""
    hypnogram, found = score((0, 30.5, 0), (30.5, 29.5, 1))
    assert hypnogram.stage.tolist() == [0, 1]
    assert [f.message for f in found if f.code == "PSG-A009"] == [
        "2 stage runs are no whole number of 30-s epochs, 1 start off the grid"
    ]


def test_runs_that_are_mostly_odd_are_another_epoch_length() -> None:
    """Stages in 20-s epochs are refused even where the file does not declare them."""
    with pytest.raises(EpochLengthUnexpected, match=r"5 of 5 runs.*expected epochs of 30 s"):
        score(*((20.0 * k, 20.0, k % 2) for k in range(5)))


@pytest.mark.parametrize(
    ("epoch_s", "runs", "stages"),
    [
        (10, [(0, 30, 0), (30, 20, 1), (50, 10, 0)], [0, -1]),
        (20, [(0, 40, 0), (40, 80, 1)], [0, -1, 1, 1]),
        (60, [(0, 60, 0), (60, 60, 1)], [0, 0, 1, 1]),
    ],
)
def test_other_epochs_count_where_they_agree(
    epoch_s: int, runs: list[tuple[float, float, int]], stages: list[int]
) -> None:
    """A 30-s epoch has a stage only where every piece of it has that stage."""
    hypnogram, _ = score(*runs, by=rule(epoch_s=epoch_s))
    assert hypnogram.stage.tolist() == stages


def test_sleep_wake_scoring_never_becomes_n2() -> None:
    """Where all sleep has one code, sleep has no stage, wake stays wake, and the scheme says so."""
    hypnogram, found = score((0, 60, 0), (60, 90, 2), (150, 30, 0), (180, 30, 2))
    assert hypnogram.stage.tolist() == [0, 0, -1, -1, -1, 0, -1]
    assert hypnogram.stage_source.tolist() == [0, 0, 2, 2, 2, 0, 2]
    assert hypnogram.staged.all()
    assert hypnogram.scheme is StageScheme.SLEEP_WAKE
    assert codes(found) == ["PSG-A006"]


def test_a_declared_sleep_wake_scheme_is_kept() -> None:
    """A manifest that says sleep_wake is believed even where several sleep codes occur."""
    hypnogram, _ = score((0, 30, 0), (30, 30, 1), (60, 30, 2), by=rule(scheme="sleep_wake"))
    assert hypnogram.stage.tolist() == [0, -1, -1]


def test_a_bad_night_is_not_sleep_wake_scoring() -> None:
    """A little N1 and no other sleep is a bad night; half an hour of nothing but N1 is a scheme."""
    assert score((0, 300, 0), (300, 60, 1))[0].scheme is StageScheme.RK
    assert score((0, 300, 0), (300, 1800, 1))[0].scheme is StageScheme.SLEEP_WAKE


def test_missing_stages_are_a_finding() -> None:
    """A night without N3 and REM is kept, and says what it lacks."""
    hypnogram, found = score((0, 30, 1), (30, 30, 2))
    assert hypnogram.scheme is StageScheme.RK
    assert [(f.code, f.message) for f in found] == [("PSG-A010", "2 epochs of sleep, none of them N3 or REM")]


def test_a_night_awake_is_no_finding() -> None:
    """Nobody slept: nothing is missing and the scheme stays."""
    assert score((0, 300, 0))[1] == ()


def test_unknown_stage_terms_are_unscored_and_counted() -> None:
    """A term that no table maps has a code that says so, and its text is not kept."""
    hypnogram, found = score((0, 30, 0), (30, 30, "Stage Mustermann|7"))
    assert hypnogram.stage.tolist() == [0, -1]
    assert hypnogram.source_codes == {0: "Wake|0", 99: "unmapped"}
    assert codes(found) == ["PSG-A007"]


def test_sides_of_a_concept_that_contradict_each_other_mean_nothing() -> None:
    """``REM sleep|2`` is neither REM nor N2."""
    assert score((0, 30, "REM sleep|2"))[0].stage.tolist() == [-1]


@pytest.mark.parametrize("term", ["Stage 4 sleep|4", "stage 4  SLEEP", "4", "SRO:Stage4Sleep"])
def test_stage_dialects(term: str) -> None:
    """A stage is recognised as generic|vendor, as either bare name, and as ontology name."""
    hypnogram, _ = score((0, 30, term))
    assert (hypnogram.stage.tolist(), hypnogram.stage_source.tolist()) == ([3], [4])


def test_a_manifest_adds_and_overrides_stages() -> None:
    """A new term gets a code of its own; an overridden one keeps its code in every dialect."""
    by = rule(stages={"Drowsy": "N1", "Movement|6": "W"})
    hypnogram, found = score((0, 30, "drowsy"), (30, 30, 6), (60, 30, "Movement"), by=by)
    assert hypnogram.stage.tolist() == [1, 0, 0]
    assert hypnogram.stage_source.tolist() == [20, 6, 6]
    assert codes(found) == []


def test_nothing_scored() -> None:
    """No runs, or runs without length, give no hypnogram."""
    table = stage_table(EDF_STAGES, RULE)
    for runs in ([], [StageRun(0, 0, "Sleep stage W")]):
        hypnogram, found = score_stages(runs, table, RULE)
        assert (hypnogram, [f.code for f in found]) == (None, ["PSG-A014"])


def test_runs_of_a_mask() -> None:
    """Runs are half open, at the ends as well."""
    assert runs_of(np.array([True, False, True, True])) == ((0, 1), (2, 4))
    assert runs_of(np.array([], bool)) == ()

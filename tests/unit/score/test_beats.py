"""Agreement with published beats: what is counted, and what is not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.read.rpoints import RPoints, RPointType
from pipeline.score.beats import BeatAgreement, BeatReport, compare_beats
from pipeline.score.match import Score

TRUE_S = np.arange(0.5, 60.0)  # a beat a second for two epochs


def compare(
    found_s: np.ndarray,
    *,
    valid: np.ndarray | None = None,
    truth_s: np.ndarray = TRUE_S,
    kind: np.ndarray | None = None,
    offset_s: float = 0.0,
) -> BeatAgreement:
    points = RPoints(truth_s, np.ones(truth_s.size, np.int8) if kind is None else kind)
    valid = np.ones(found_s.size, bool) if valid is None else valid
    return compare_beats("c/n", points, found_s, valid, offset_s=offset_s, length_s=60.0)


def test_beats_that_agree() -> None:
    """A delay of all beats is told and costs nothing."""
    found = compare(TRUE_S + 0.02)
    assert found.score == Score(60, 0, 0)
    assert found.offset_s == pytest.approx(0.02)
    assert found.covered == pytest.approx(1 - 0.02 / 59)  # the first stored beat comes that much later


def test_beats_that_do_not() -> None:
    """More than 150 ms away a beat is none, and the true one is missed."""
    found_s = TRUE_S.copy()
    found_s[10] += 0.2
    assert compare(np.delete(found_s, 20)).score == Score(58, 1, 2)


def test_doubtful_beats_are_not_there() -> None:
    """They are missed, they are not false, and the time around them is not covered."""
    valid = ~np.isin(np.arange(60), np.arange(20, 30))
    found = compare(TRUE_S, valid=valid)
    assert found.score == Score(50, 0, 10)
    assert found.covered == pytest.approx(1 - 11 / 59)


def test_what_nobody_annotated_is_not_scored() -> None:
    """Beats next to an artefact, in a gap of the truth, and outside its ends are neither true nor false."""
    kind = np.full(60, RPointType.SINUS, np.int8)
    kind[10] = RPointType.ARTIFACT
    kept = np.r_[0:30, 40:55]
    extra_s = np.sort(np.r_[TRUE_S, 10.25, 30.75])
    assert compare(extra_s, truth_s=TRUE_S[kept], kind=kind[kept]).score == Score(44, 0, 0)
    assert compare(np.sort(np.r_[TRUE_S, 5.25])).score == Score(60, 1, 0)


def test_the_grid_decides_what_is_scored() -> None:
    """Published times count from the start of the recording, stored ones from the grid's origin."""
    found = compare(TRUE_S, truth_s=np.arange(0.5, 100.0) + 12.5 - 5.0, offset_s=12.5)
    assert found.score == Score(60, 0, 0)
    assert found.offset_s == 0


@pytest.mark.parametrize(
    ("found_s", "truth_s", "score", "covered"),
    [
        (np.empty(0), TRUE_S, Score(0, 0, 60), 0.0),
        (TRUE_S, np.empty(0), Score(0, 0, 0), None),
        (TRUE_S[:1], TRUE_S[:1], Score(1, 0, 0), None),
    ],
    ids=["no beats", "no truth", "one beat"],
)
def test_without_beats(found_s: np.ndarray, truth_s: np.ndarray, score: Score, covered: float | None) -> None:
    """Shares of nothing are null in JSON, not a word that JSON does not know."""
    found = compare(found_s, truth_s=truth_s)
    assert found.score == score
    assert found.to_json()["covered"] == covered
    assert math.isnan(found.offset_s) == (score.found == 0)


def test_recordings_add_up() -> None:
    """The total is that of all beats, not a mean over recordings."""
    rows = (BeatAgreement("c/a", Score(9, 0, 1), 0.0, 1.0), BeatAgreement("c/b", Score(81, 10, 9), 0.0, 1.0))
    report = BeatReport(rows, 1, (("c/d", "line 2: …"),))
    assert report.total == Score(90, 10, 10)
    assert report.to_json()["total"]["f1"] == pytest.approx(0.9)

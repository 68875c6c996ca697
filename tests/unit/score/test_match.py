"""Matching events: by hand, and against a search over all pairings."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from pipeline.score.match import Score, match, matched


def best(truth: list[float], found: list[float], tolerance: float) -> int:
    """Return the most pairs that any one-to-one pairing has, by trying them all."""
    if len(truth) > len(found):
        truth, found = found, truth
    ways = itertools.permutations(found, len(truth))
    return max((sum(abs(a - b) <= tolerance for a, b in zip(truth, way, strict=True)) for way in ways), default=0)


@pytest.mark.parametrize("seed", range(40))
def test_no_other_pairing_matches_more(seed: int) -> None:
    """Up to six events of either kind, on a raster that makes ties and the limit itself occur."""
    rng = np.random.default_rng(seed)
    truth, found = (np.sort(rng.integers(0, 30, rng.integers(0, 7)) / 8) for _ in range(2))
    n = best(truth.tolist(), found.tolist(), 0.25)
    assert match(truth, found, 0.25) == Score(n, found.size - n, truth.size - n)


def test_partners_come_in_order() -> None:
    """The k-th matched event of one is the partner of the k-th of the other."""
    truth, found = np.array([1.0, 2.0, 3.0, 5.0]), np.array([0.0, 1.125, 2.5, 3.125, 3.25, 5.125])
    of_truth, of_found = matched(truth, found, 0.25)
    assert of_truth.tolist() == [True, False, True, True]
    assert (found[of_found] - truth[of_truth]).tolist() == [0.125, 0.125, 0.125]


def test_shares() -> None:
    """Sensitivity, positive predictive value and their harmonic mean; scores add up."""
    score = Score(8, 2, 0) + Score(0, 0, 8)
    assert (score.sensitivity, score.ppv) == (0.5, 0.8)
    assert score.f1 == pytest.approx(2 / (1 / 0.5 + 1 / 0.8))


def test_nothing_to_find() -> None:
    """Shares of nothing are no numbers, and one missed event is a share of 0."""
    nothing = np.empty(0)
    empty = match(nothing, nothing, 1.0)
    assert all(math.isnan(share) for share in (empty.f1, empty.sensitivity, empty.ppv))
    assert match(np.array([1.0]), nothing, 1.0).f1 == 0.0

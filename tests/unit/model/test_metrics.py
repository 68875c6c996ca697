"""Measures against scikit-learn, and against what can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from model.metrics import (
    accuracy,
    bootstrap_interval,
    calibration_error,
    class_f1,
    confusion,
    kappa,
    macro_f1,
    pooled,
)

GENERATOR = np.random.default_rng(0)
TRUTH = GENERATOR.integers(-1, 5, 500)
ANSWER = np.where(GENERATOR.random(500) < 0.7, TRUTH, GENERATOR.integers(0, 5, 500)).clip(0)
KNOWN = TRUTH >= 0
COUNTS = confusion(TRUTH, ANSWER, 5)


def test_against_scikit_learn() -> None:
    """Confusion, accuracy, kappa and F1 are those of scikit-learn on the scored epochs."""
    truth, answer = TRUTH[KNOWN], ANSWER[KNOWN]
    assert COUNTS.tolist() == sk.confusion_matrix(truth, answer, labels=range(5)).tolist()
    assert accuracy(COUNTS) == pytest.approx(sk.accuracy_score(truth, answer))
    assert kappa(COUNTS) == pytest.approx(sk.cohen_kappa_score(truth, answer))
    assert macro_f1(COUNTS) == pytest.approx(sk.f1_score(truth, answer, average="macro"))
    assert class_f1(COUNTS) == pytest.approx(sk.f1_score(truth, answer, average=None))


def test_nothing_to_judge_is_nan() -> None:
    """Without a scored epoch there is no number; a class that is never there is no zero."""
    nothing = np.zeros((3, 3), np.int64)
    assert all(np.isnan(measure(nothing)) for measure in (accuracy, kappa, macro_f1))
    two = np.diag([4, 5, 0])
    assert macro_f1(two) == 1.0
    assert np.isnan(class_f1(two)[2])
    assert np.isnan(kappa(np.diag([9, 0, 0])))


def test_calibration_of_known_confidence() -> None:
    """Answers given with 0.8 that are right half the time are 0.3 off; unscored ones do not count."""
    probability = np.tile([0.8, 0.2], (100, 1))
    truth = np.repeat([0, 1], 50)
    assert calibration_error(probability, truth) == pytest.approx(0.3)
    assert calibration_error(np.vstack([probability, [[0.5, 0.5]]]), np.append(truth, -1)) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ((0.62, 0.68), (0.38 + 0.68) / 2),  # two of fifteen bins: what is too low does not make up for too high
        ((0.61, 0.66), (0.66 - 0.39) / 2),  # one bin: their mean is what is off
        ((1.0, 0.95), (0.0 + 0.95) / 2),  # one bin again, the last: 1 belongs to it
    ],
)
def test_calibration_is_judged_in_fifteen_bins(pair: tuple[float, float], expected: float) -> None:
    """Answers of one confidence that are all right beside as many of another that are all wrong."""
    confidence = np.repeat(pair, 50)
    probability = np.stack([(1 - confidence) / 2, confidence, (1 - confidence) / 2], axis=1)
    truth = np.repeat([1, 0], 50)
    assert calibration_error(probability, truth) == pytest.approx(expected)


def test_interval_draws_persons_not_nights() -> None:
    """Two nights of one person move together: with one person alone the interval has no width."""
    night = np.array([[8, 2], [1, 9]])
    other = np.array([[5, 5], [5, 5]])
    same = bootstrap_interval([np.stack([night, other])], ["a", "a"], pooled(accuracy))
    assert same == (pytest.approx(27 / 40), pytest.approx(27 / 40))
    low, high = bootstrap_interval([np.stack([night, other])], ["a", "b"], pooled(accuracy))
    assert (low, high) == (0.5, 0.85)


@pytest.mark.parametrize(("right", "expected"), [((0, 1, 1), (0.0, 1.0)), ((0, 0, 1), (0.0, 1.0))])
def test_interval_holds_95_of_100_draws(right: tuple[int, ...], expected: tuple[float, float]) -> None:
    """Of three persons one is drawn three times once in 27 draws, 3.7 %: inside, where 90 % would leave it out."""
    found = bootstrap_interval([np.array(right)], ["a", "b", "c"], np.mean, n_draw=4000)
    assert found == expected


def test_interval_of_a_share_is_the_binomial_one() -> None:
    """For many persons of one epoch each, the interval is about that of a binomial share."""
    right = GENERATOR.random(400) < 0.7
    counts = np.zeros((400, 2, 2), np.int64)
    counts[:, 0, 0], counts[:, 0, 1] = right, ~right
    low, high = bootstrap_interval([counts], [str(i) for i in range(400)], pooled(accuracy))
    half = 1.96 * np.sqrt(right.mean() * (1 - right.mean()) / 400)
    assert low == pytest.approx(right.mean() - half, abs=0.01)
    assert high == pytest.approx(right.mean() + half, abs=0.01)

"""Paired intervals: what is known exactly, and that pairing and persons count."""

from __future__ import annotations

import numpy as np
import pytest

from model.experiments.compare import mean_error, paired_difference
from model.metrics import accuracy, kappa


def _errors(values: np.ndarray) -> np.ndarray:
    """(n_seed, n_recording) errors as sums and counts."""
    return np.stack([values, np.ones_like(values)], axis=-1)


def test_a_constant_difference_has_no_width() -> None:
    """Every person is off by 2 more in the first arm, however different persons are."""
    b = np.random.default_rng(0).uniform(0, 50, (3, 20))
    found = paired_difference(_errors(b + 2), _errors(b), range(20), mean_error)
    assert (found.value, found.low, found.high) == pytest.approx((2, 2, 2))
    assert found.by_seed == pytest.approx((2, 2, 2))
    assert found.n_person == 20
    assert found.to_json()["decided"]


def test_the_interval_is_that_of_a_mean() -> None:
    """With one seed the interval of a mean of 400 persons is ± 1.96 standard errors."""
    difference = np.random.default_rng(1).standard_normal((1, 400))
    found = paired_difference(_errors(difference), _errors(0 * difference), range(400), mean_error)
    half = 1.96 * difference.std() / 20
    assert found.high - found.low == pytest.approx(2 * half, rel=0.08)
    assert found.value == pytest.approx(difference.mean())
    assert not found.to_json()["decided"] or abs(found.value) > half * 0.9


def test_nights_of_a_person_go_together() -> None:
    """Four copies of each night tell no more than one: the interval stays as wide."""
    difference = np.random.default_rng(2).standard_normal((1, 100))
    once = paired_difference(_errors(difference), _errors(0 * difference), range(100), mean_error)
    copies = _errors(np.tile(difference, 4))
    again = paired_difference(copies, 0 * copies + [0, 1], list(range(100)) * 4, mean_error)
    assert again.n_person == 100
    assert (again.low, again.high) == pytest.approx((once.low, once.high))


def test_seeds_widen_it() -> None:
    """Arms whose difference is the seed's alone have an interval over seeds."""
    by_seed = np.repeat([[0.0], [1.0], [2.0]], 50, axis=1)
    found = paired_difference(_errors(by_seed), _errors(0 * by_seed), range(50), mean_error)
    assert (found.value, found.low, found.high) == pytest.approx((1, 0, 2), abs=0.4)
    assert found.high - found.low > 1


def test_matrices_and_equal_arms() -> None:
    """Confusion matrices add up over persons and seeds; an arm against itself is exactly 0."""
    counts = np.random.default_rng(3).integers(1, 9, (2, 10, 5, 5))
    for measure in (kappa, accuracy):
        found = paired_difference(counts, counts, range(10), measure, n_draw=50)
        assert (found.value, found.low, found.high) == (0, 0, 0)
        assert found.a == pytest.approx(measure(counts.sum(axis=(0, 1))))

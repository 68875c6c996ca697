"""Packing: exact, saturating, and honest about missing samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.epoch_runs import runs
from pipeline.write.pack import night_factor, pack


def test_rounds_to_the_nearest_count() -> None:
    """A value becomes the nearest count, whatever its sign."""
    value = np.array([[0.0, 0.031, -0.031, 1.0, -2.5]], np.float32)
    assert pack(value, 2**-5).count.tolist() == [[0, 1, -1, 32, -80]]


def test_saturates_and_counts_each_epoch() -> None:
    """Values beyond the range stop at its end, never wrap, and are counted by epoch."""
    value = np.array([[32767.4, -32767.4], [32768.0, -40000.0], [np.inf, np.nan]], np.float32)
    packed = pack(value, 1.0)
    assert packed.count.tolist() == [[32767, -32767], [32767, -32767], [32767, -32768]]
    assert packed.n_saturated.tolist() == [0, 2, 1]


def test_missing_is_the_lowest_count_and_nothing_else_is() -> None:
    """Only NaN becomes -32768: the most negative value stops one above."""
    value = np.array([[np.nan, -1e30]], np.float32)
    assert pack(value, 1.0).count.tolist() == [[-32768, -32767]]


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 59, 60, 61, 121]), st.sampled_from([-13, -12, -5, 0]))
def test_unpacking_is_within_half_a_step(seed: int, n_epoch: int, exponent: int) -> None:
    """count * step is the value, to half a step, over any number of epochs."""
    step = 2.0**exponent
    value = np.random.default_rng(seed).uniform(-32767, 32767, (n_epoch, 3)).astype(np.float32) * np.float32(step)
    packed = pack(value, step)
    assert np.abs(packed.count * step - value.astype(np.float64)).max() <= step / 2
    assert packed.n_saturated.sum() == 0


def test_does_not_change_its_input() -> None:
    """The caller's values stay as they were."""
    value = np.array([[np.nan, 1e9, 0.3]], np.float32)
    pack(value, 0.5)
    np.testing.assert_array_equal(np.array([[np.nan, 1e9, 0.3]], np.float32), value)


def test_night_factor_is_half_the_5_to_95_percentile_range() -> None:
    """One huge artefact and missing samples do not move it."""
    value = np.append(np.linspace(-10, 10, 10001), [1e6, np.nan, np.inf]).astype(np.float32)
    assert pytest.approx(9.0, rel=1e-3) == night_factor(value)


@pytest.mark.parametrize("value", [[], [np.nan, np.nan], [3.0, 3.0, 3.0], [np.inf]])
def test_night_factor_of_nothing_is_one(value: list[float]) -> None:
    """Where nothing varies the factor leaves values as they are."""
    assert night_factor(np.array(value, np.float32)) == 1.0


def test_runs_are_half_open() -> None:
    """Runs at both ends of the night are found."""
    assert runs(np.array([True, False, True, True])) == ((0, 1), (2, 4))
    assert runs(np.zeros(4, bool)) == ()

"""Building blocks of synthetic signals against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from pipeline.synth.noise import BLOCK_S, HOP_S, add_waves, shaped_noise, smooth_noise, stream, upsample


def test_streams_are_reproducible_and_independent() -> None:
    """A stream depends on the seed and its purpose alone."""
    first = stream(1, "a", 2).random(4)
    np.testing.assert_array_equal(stream(1, "a", 2).random(4), first)
    assert not np.isin(
        first, [stream(s, *p).random(4) for s, p in ((2, ("a", 2)), (1, ("a", 3)), (1, ("b", 2)))]
    ).any()


def test_upsample_joins_points_by_straight_lines() -> None:
    """Values between seconds lie on the line through their neighbours."""
    np.testing.assert_allclose(upsample([0.0, 4.0, 2.0], 4), [0, 1, 2, 3, 4, 3.5, 3, 2.5])


@pytest.mark.parametrize("rate_hz", [50, 125])
def test_shaped_noise_has_the_density_it_was_given(rate_hz: int) -> None:
    """Welch's estimate of each state's stretch agrees with the density within a fifth."""
    n_second = 1200
    f = np.arange(rate_hz * BLOCK_S // 2 + 1) / BLOCK_S
    density = np.stack([100.0 / (1 + f**2), 4.0 * np.exp(-0.5 * ((f - 10) / 3) ** 2) + 0.1])
    state = np.repeat([0, 1], [n_second // HOP_S // 2, n_second // HOP_S // 2 + 1])
    x = shaped_noise(stream(5), n_second, rate_hz, state, density, np.ones(state.size, np.float32))
    assert x.shape == (n_second * rate_hz,)
    assert x.dtype == np.float32
    middle = x.size // 2
    for row, half in zip(density, (x[: middle - 4 * rate_hz], x[middle + 4 * rate_hz :]), strict=True):
        frequency, estimate = signal.welch(half, rate_hz, nperseg=4 * rate_hz)
        band = (frequency >= 1) & (frequency <= 20)
        np.testing.assert_allclose(estimate[band], np.interp(frequency[band], f, row), rtol=0.35)
        assert half.var() == pytest.approx(np.trapezoid(row, f), rel=0.2)


def test_shaped_noise_has_no_joints_between_slabs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The power is the same in every second, however small the slabs."""
    monkeypatch.setattr("pipeline.synth.noise._SLAB", 1000)
    state = np.zeros(301, np.intp)
    x = shaped_noise(stream(6), 600, 50, state, np.ones((1, 101)), np.ones(301, np.float32))
    per_second = x.reshape(600, 50).var(axis=1)
    assert per_second.mean() == pytest.approx(25.0, rel=0.1)
    assert per_second.max() < 2.5 * per_second.mean()


def test_waves_are_placed_to_a_fraction_of_a_sample() -> None:
    """A Gaussian added at a time between samples has its centre of mass there, at any rate."""
    for rate_hz in (10, 125):
        out = np.zeros(20 * rate_hz, np.float32)
        add_waves(out, rate_hz, np.array([7.0321]), 3.0, 3.0, lambda tau, _: np.exp(-0.5 * (tau / 0.5) ** 2))
        centre = (out * np.arange(out.size)).sum() / out.sum() / rate_hz
        assert centre == pytest.approx(7.0321, abs=1e-3)


def test_waves_that_reach_over_the_ends_are_cut() -> None:
    """What lies before the start or after the end is lost, nothing wraps round."""
    out = np.zeros(100, np.float32)
    add_waves(out, 10, np.array([0.0, 9.95]), 1.0, 1.0, lambda tau, _: np.ones_like(tau))
    np.testing.assert_array_equal(out[12:88], 0)
    assert out[0] == 1
    assert out[-1] == 1


def test_smooth_noise_wanders_slowly_with_unit_variance() -> None:
    """Variance is one everywhere and neighbours resemble each other."""
    x = smooth_noise(stream(7), 200_000, 20.0)
    assert x.std() == pytest.approx(1.0, abs=0.05)
    assert np.corrcoef(x[1:], x[:-1])[0, 1] > 0.97

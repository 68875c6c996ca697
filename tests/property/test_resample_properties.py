"""What must hold of resampling and holding for any signal, rate and phase."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.derive.band import Band, band_for
from pipeline.derive.kernel import reach_s
from pipeline.derive.oximetry import clean_spo2
from pipeline.derive.resample import resample_wave
from pipeline.derive.steps import hold
from schemas.kinds import KINDS, Kind
from schemas.recording import Segment, Signal

KINDS_AND_RATES = st.sampled_from(
    [(Kind.EEG, r) for r in ("64", "100", "125", "128", "200", "255.9997", "256", "500", "512")]
    + [(Kind.PLETH, r) for r in ("32", "75", "128", "256")]
    + [(Kind.BELT, r) for r in ("1", "4", "5", "8", "10", "16", "25", "32", "255.9997")]
)
SEEDS = st.integers(0, 2**32 - 1)
STARTS = st.floats(0, 40, allow_nan=False)


def noise(seed: int, n: int, limit: int = 8000) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(-limit, limit, n).astype(np.int16)


def band_of(kind: Kind, rate: str) -> Band:
    band = band_for(KINDS[kind], Fraction(rate), KINDS[kind].high_pass_hz)
    assert band is not None
    return band


def resampled(
    kind: Kind, rate: str, x: NDArray[np.int16], start_s: float, gain: float = 1.0
) -> NDArray[np.float32]:
    signal = Signal("X", "", Fraction(rate), gain, 0.0, -1, 1, -32768, 32767, (Segment(0.0, x.reshape(-1, 1)),))
    band = band_of(kind, rate)
    rate_hz = KINDS[kind].rate_class.rate_hz
    return resample_wave(signal, band=band, rate_hz=rate_hz, start_s=start_s, n_sample=60 * rate_hz).value


@settings(max_examples=20, deadline=None)
@given(KINDS_AND_RATES, SEEDS, SEEDS, STARTS)
def test_resampling_is_linear(which: tuple[Kind, str], seed_a: int, seed_b: int, start_s: float) -> None:
    """A derivation A - B made before resampling equals the one made after it, where no end is within reach."""
    kind, rate = which
    reach = reach_s(band_of(kind, rate))
    n = int((100 + 2 * reach) * Fraction(rate))
    a, b = noise(seed_a, n), noise(seed_b, n)
    start_s += reach
    whole = resampled(kind, rate, (a - b).astype(np.int16), start_s)
    parts = resampled(kind, rate, a, start_s) - resampled(kind, rate, b, start_s)
    assert np.array_equal(np.isnan(whole), np.isnan(parts))
    assert np.nanmax(np.abs(whole - parts), initial=0) < 0.1


@settings(max_examples=20, deadline=None)
@given(KINDS_AND_RATES, SEEDS, STARTS, st.floats(-1000, 1000, allow_nan=False))
def test_gain_and_length(which: tuple[Kind, str], seed: int, start_s: float, gain: float) -> None:
    """Twice the gain gives twice the value; present is exactly what the native samples stand for."""
    kind, rate = which
    x = noise(seed, int(50 * Fraction(rate)))
    one, two = (resampled(kind, rate, x, start_s, g) for g in (gain, 2 * gain))
    np.testing.assert_allclose(two, 2 * one, rtol=1e-6, atol=1e-6)
    rate_hz = KINDS[kind].rate_class.rate_hz
    left_s = Fraction(x.size) / Fraction(rate) - Fraction(start_s)
    expected = min(max(-int(-left_s * rate_hz // 1), 0), 60 * rate_hz)
    assert abs(expected - int(np.isfinite(one).sum())) <= (0 if start_s * 1e6 % 1 == 0 else 1)


@settings(max_examples=20, deadline=None)
@given(KINDS_AND_RATES, SEEDS, STARTS)
def test_reversing_time_reverses_the_result(which: tuple[Kind, str], seed: int, start_s: float) -> None:
    """Zero phase: forwards and backwards give the same, mirrored, where both grids have a sample."""
    kind, rate = which
    rate_hz = KINDS[kind].rate_class.rate_hz
    x = noise(seed, int(60 * Fraction(rate)))
    last_s = (x.size - 1) / Fraction(rate)
    n = int((last_s - Fraction(start_s)) * rate_hz // 1) + 1
    forwards = resampled(kind, rate, x, start_s)[:n]
    start_back_s = float(last_s - Fraction(start_s) - Fraction(n - 1, rate_hz))
    backwards = resampled(kind, rate, x[::-1], start_back_s)[:n]
    assert np.abs(forwards - backwards[::-1]).max() < 0.5


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 130), max_size=400),
    st.sampled_from(["1", "3", "0.5", "10", "16", "255.9997"]),
    st.floats(-5, 30, allow_nan=False),
)
def test_held_saturation_never_leaves_its_range(readings: list[int], rate: str, start_s: float) -> None:
    """Every stored saturation is one that the device wrote, from 40 to 100; nothing overshoots."""
    native = np.array(readings, np.float32)
    cleaned = clean_spo2(native, Fraction(rate))
    out = hold(cleaned.value, cleaned.flag, Fraction(rate), 0.0, rate_hz=4, start_s=start_s, n_sample=100)
    present = out.value[~np.isnan(out.value)]
    assert set(present) <= {*np.minimum(native, 100), *(native * 100)}
    assert present.size == 0 or (present.min() >= 40 and present.max() <= 100)
    assert (out.flag[np.isnan(out.value)] != 0).all()

"""What is assumed beyond a signal's ends, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.derive.band import Band, band_for
from pipeline.derive.continuation import continued, n_told
from pipeline.derive.resample import resample_wave
from schemas.kinds import KINDS, Kind
from schemas.recording import Signal

BELT = Band(0.05, 1.9)
EEG = Band(0.3, 60.8)
MINUTE = 60 * 4

Maker = Callable[..., Signal]


def belt(rate_hz: int, seconds: float, seed: int) -> NDArray[np.float64]:
    """Return breathing of wandering rate and depth, in counts."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    knots = rng.standard_normal(int(seconds / 5) + 2)
    breaths_hz = 0.27 * (1 + 0.05 * np.interp(time_s, 5.0 * np.arange(knots.size), knots))
    phase = 2 * np.pi * np.cumsum(breaths_hz) / rate_hz
    return 1000 * (1 + 0.2 * np.sin(0.08 * time_s)) * (np.sin(phase) + 0.2 * np.sin(2 * phase + 1))


def ends_error(make_signal: Maker, x: NDArray[np.float64], rate_hz: int, cut_s: tuple[int, int]) -> float:
    """Compare an excerpt's first and last minute with the same minutes of the whole; largest difference."""
    digital = np.rint(x).astype(np.int16)
    begin, end = cut_s
    whole, excerpt = (
        resample_wave(
            make_signal((0.0, part), rate_hz=rate_hz),
            band=BELT,
            rate_hz=4,
            start_s=start_s,
            n_sample=4 * (end - begin),
        ).value
        for part, start_s in ((digital, begin), (digital[begin * rate_hz : end * rate_hz], 0))
    )
    error = np.abs(whole - excerpt)
    return float(max(error[:MINUTE].max(), error[-MINUTE:].max()))


@pytest.mark.parametrize("native", [8, 10, 16, 32, 64, 128])
@pytest.mark.parametrize("frequency_hz", [0.1, 0.15, 0.25, 0.5, 1.0, 1.7])
@pytest.mark.parametrize(("kind", "low_hz"), [(Kind.BELT, 0.05), (Kind.NASAL_PRESSURE, 0.03)])
def test_breathing_tone_does_not_lag_at_the_ends(
    make_signal: Maker, native: int, frequency_hz: float, kind: Kind, low_hz: float
) -> None:
    """From any start phase, first and last minute lag by at most 0.1 ms; the size is right to 0.05 %."""
    band = band_for(KINDS[kind], make_signal(rate_hz=native).rate_hz, low_hz)
    assert band is not None
    native_s, out_s = np.arange(240 * native) / native, np.arange(240 * 4) / 4
    for phase in np.arange(4) * np.pi / 2 + 0.3:
        x = np.rint(30000 * np.sin(2 * np.pi * frequency_hz * native_s + phase)).astype(np.int16)
        out = resample_wave(
            make_signal((0.0, x), rate_hz=native), band=band, rate_hz=4, start_s=0.0, n_sample=out_s.size
        ).value
        for minute in (slice(0, MINUTE), slice(-MINUTE, None)):
            angle = 2 * np.pi * frequency_hz * out_s[minute] + phase
            waves = np.stack([np.sin(angle), np.cos(angle)], axis=1)
            (a, b), *_ = np.linalg.lstsq(waves, out[minute].astype(float), rcond=None)
            assert abs(np.arctan2(b, a)) / (2 * np.pi * frequency_hz) <= 1e-4
            assert np.hypot(a, b) / 30000 == pytest.approx(1, abs=5e-4)


@pytest.mark.parametrize("native", [10, 32])
@pytest.mark.parametrize("seed", range(4))
def test_irregular_breathing_ends_as_if_it_went_on(make_signal: Maker, native: int, seed: int) -> None:
    """An excerpt's first and last minute differ from the same minutes of the whole by at most 2 % of a breath."""
    assert ends_error(make_signal, belt(native, 600, seed), native, (200, 400)) < 20


@pytest.mark.parametrize("native", [10, 32])
@pytest.mark.parametrize("seed", range(4))
def test_quantised_belts_end_as_they_go_on(make_signal: Maker, native: int, seed: int) -> None:
    """Breaths of 40 steps, as 8-bit recorders write them: within 6 %."""
    x = 50 * np.rint(belt(native, 600, seed) / 50)
    assert ends_error(make_signal, x, native, (200, 400)) < 60


@pytest.mark.parametrize("native", [10, 32])
def test_drift_does_not_run_away(make_signal: Maker, native: int) -> None:
    """Breathing on a ramp of 30 counts a second, six breaths high in all, ends within a tenth of a breath."""
    ramp = 30.0 * np.arange(600 * native) / native - 9000
    assert ends_error(make_signal, belt(native, 600, 1) + ramp, native, (200, 400)) < 100


@pytest.mark.parametrize("native", [10, 32])
@pytest.mark.parametrize("before_s", [0.1, 1.0, 10.0, 30.0])
@pytest.mark.parametrize("height", [8000, -20000])
def test_step_near_the_end_is_bounded(make_signal: Maker, native: int, before_s: float, height: float) -> None:
    """A step of direct current before the end leaves no more there than the high-pass makes of the step itself."""
    x = belt(native, 600, 2)
    x[int((400 - before_s) * native) :] += height
    assert ends_error(make_signal, x, native, (200, 400)) < 0.6 * abs(height)


@pytest.mark.parametrize("before_s", [0.2, 1.0, 5.0])
def test_spike_near_the_end_is_not_continued(make_signal: Maker, before_s: float) -> None:
    """A spike twenty breaths high, 0.2 s long, changes what is assumed beyond the end by less than a breath."""
    x = belt(10, 600, 3)
    at = int((400 - before_s) * 10)
    x[at : at + 2] += 20000
    assert ends_error(make_signal, x, 10, (200, 400)) < 600


@pytest.mark.parametrize("phase", np.arange(4) * np.pi / 2)
@pytest.mark.parametrize(("frequency_hz", "limit"), [(100.0, 0.002), (70.0, 0.01)])
def test_tone_that_must_go_leaves_no_click(
    make_signal: Maker, phase: float, frequency_hz: float, limit: float
) -> None:
    """A tone above the output's Nyquist frequency is gone from the very first sample to the very last."""
    x = np.rint(20000 * np.sin(2 * np.pi * frequency_hz * np.arange(60 * 256) / 256 + phase)).astype(np.int16)
    out = resample_wave(make_signal((0.0, x), rate_hz=256), band=EEG, rate_hz=128, start_s=0.0, n_sample=60 * 128)
    assert np.abs(out.value).max() < limit * 20000


@pytest.mark.parametrize("band", [BELT, EEG])
@pytest.mark.parametrize("n", [1, 2, 3, 7, 100, 20000])
@pytest.mark.parametrize("value", [0.0, -3.0, 1 / 3, 32767.0])
def test_constant_goes_on_exactly(band: Band, n: int, value: float) -> None:
    """Whatever there is of it, a constant is continued by itself, to the last bit where it is whole."""
    ahead = continued(np.full(n, value), 500, band, 256.0)
    assert ahead == pytest.approx(np.full(500, value), rel=1e-12, abs=0)
    if value.is_integer():
        assert np.array_equal(np.full(500, value), ahead)


@pytest.mark.parametrize("rate_hz", [1.0, 10.0, 255.9997])
def test_never_beyond_the_range_it_was_told(rate_hz: float) -> None:
    """Noise, growing tones and random walks: the continuation is finite and within what was seen."""
    rng = np.random.default_rng(0)
    n = n_told(BELT, rate_hz)
    grown = np.exp(np.linspace(-8, 0, n)) * np.sin(np.arange(n))
    for told in (
        rng.standard_normal(n),
        1e4 * grown,
        np.cumsum(rng.standard_normal(n)),
        rng.integers(0, 2, n) * 1e4,
    ):
        ahead = continued(np.asarray(told, np.float64), 5000, BELT, rate_hz)
        assert told.min() <= ahead.min()
        assert ahead.max() <= told.max()

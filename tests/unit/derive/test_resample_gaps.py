"""Gaps within a night, and the night's two ends."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pipeline.derive.band import Band
from pipeline.derive.resample import gap_margin_s, resample_wave
from schemas.quality import QualityFlag
from schemas.recording import Signal

EEG = Band(0.3, 60.8)
BELT = Band(0.05, 1.9)

Maker = Callable[..., Signal]


def noise(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-3000, 3000, n).astype(np.int16)


def test_margins_are_small_and_known() -> None:
    """0.83 s for EEG, 5 s for belts, 0.13 s where direct current is kept."""
    assert gap_margin_s(EEG) == pytest.approx(0.25 / 0.3)
    assert gap_margin_s(BELT) == pytest.approx(5.0)
    assert gap_margin_s(Band(None, 60.8)) == pytest.approx(8 / 60.8)


def test_gap_is_masked_with_its_margins_and_the_ends_are_not(make_signal: Maker) -> None:
    """Missing from one margin before the gap to one margin behind it, present everywhere else."""
    signal = make_signal((0.0, noise(256 * 60, 1)), (100.0, noise(256 * 60, 2)), rate_hz=256)
    out = resample_wave(signal, band=EEG, rate_hz=128, start_s=0.0, n_sample=160 * 128)
    time_s = np.arange(160 * 128) / 128
    margin_s = gap_margin_s(EEG)
    missing = (time_s >= 60 - margin_s) & (time_s < 100 + margin_s)
    assert np.array_equal(missing, np.isnan(out.value))
    assert np.array_equal(np.where(missing, QualityFlag.NO_SIGNAL, 0), out.flag)


def test_segments_do_not_see_each_other(make_signal: Maker) -> None:
    """What is written behind a gap has no influence on what lies before it."""
    first = noise(256 * 60, 3)
    a, b = (
        resample_wave(
            make_signal((0.0, first), (70.0, second), rate_hz=256),
            band=EEG, rate_hz=128, start_s=0.0, n_sample=60 * 128,
        ).value
        for second in (noise(256 * 60, 4), np.full(256 * 60, 30000, np.int16))
    )  # fmt: skip
    assert np.array_equal(a, b, equal_nan=True)


def test_sub_sample_gap_keeps_the_clock(make_signal: Maker) -> None:
    """A second file that starts 3.3 ms off the first one's clock keeps its own phase."""
    start_s = 60.0033
    t1, t2 = np.arange(60 * 256) / 256, start_s + np.arange(60 * 256) / 256
    tone = [np.rint(20000 * np.sin(2 * np.pi * 10 * t)).astype(np.int16) for t in (t1, t2)]
    signal = make_signal((0.0, tone[0]), (start_s, tone[1]), rate_hz=256)
    out = resample_wave(signal, band=EEG, rate_hz=128, start_s=0.0, n_sample=120 * 128)
    time_s = np.arange(120 * 128) / 128
    far = (np.abs(time_s - 60) > 6) & (time_s > 6) & (time_s < 114)
    assert out.value[far] == pytest.approx(20000 * np.sin(2 * np.pi * 10 * time_s[far]), abs=20)


def test_segment_lost_between_two_margins(make_signal: Maker) -> None:
    """An island shorter than two margins is masked altogether; one with no samples does no harm."""
    signal = make_signal(
        (0.0, noise(256 * 30, 5)),
        (40.0, noise(256, 6)),
        (45.0, noise(0, 7)),
        (50.0, noise(256 * 30, 8)),
        rate_hz=256,
    )
    out = resample_wave(signal, band=EEG, rate_hz=128, start_s=0.0, n_sample=80 * 128)
    assert np.isnan(out.value[30 * 128 : 50 * 128]).all()
    assert np.isfinite(out.value[: 29 * 128]).all()
    assert np.isfinite(out.value[51 * 128 :]).all()


@pytest.mark.parametrize("phase", np.linspace(0, 6, 7))
def test_breathing_starts_without_a_transient(make_signal: Maker, phase: float) -> None:
    """At the night's first sample a breathing belt is wrong by less than a fifth, after 5 s by less than 3 %."""
    time_s = np.arange(10 * 300) / 10
    x = np.rint(20000 * np.sin(2 * np.pi * 0.25 * time_s + phase) + 9000).astype(np.int16)
    out = resample_wave(make_signal((0.0, x), rate_hz=10), band=BELT, rate_hz=4, start_s=0.0, n_sample=1200)
    error = np.abs(out.value - 20000 * np.sin(2 * np.pi * 0.25 * np.arange(1200) / 4 + phase)) / 20000
    assert error.max() < 0.2
    assert error[20:-20].max() < 0.03
    assert error[160:-160].max() < 0.001

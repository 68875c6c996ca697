"""Beats: all of them, at the same point of each, whatever the rate, the unit, the sign and the noise."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.derive.rpeaks import CLEAR, detect, detect_beats
from pipeline.synth.cardiac import NORMAL, VENTRICULAR, Beats, ecg_wave
from schemas.errors import SignalError

Floats = NDArray[np.float64]
RATES_HZ = (100, 125, 128, 200, 256, 360, 500, 512, 1000)
MINUTES = 4


def beat_train(seed: int = 3, mean_s: float = 0.95, variation: float = 0.04) -> Floats:
    """Times of beats from 0.8 s to a second before the end, with breathing and chance in the intervals."""
    rng = np.random.default_rng(seed)
    n = int(60 * MINUTES / mean_s * 1.2)
    breathing = 0.03 * np.sin(2 * np.pi * np.arange(n) * mean_s / 4.1)
    time_s = 0.8 + np.cumsum(mean_s * np.clip(1 + breathing + variation * rng.standard_normal(n), 0.45, 2.0))
    return time_s[time_s < 60 * MINUTES - 1]


def ecg_of(
    time_s: Floats, rate_hz: int, noise_mv: float = 0.01, kind: NDArray[np.int8] | None = None
) -> NDArray[np.float32]:
    """An ECG of 1 mV with breathing in height and baseline."""
    rng = np.random.default_rng(rate_hz)
    out = np.zeros(60 * MINUTES * rate_hz, np.float32)
    height = (1 + 0.1 * np.sin(2 * np.pi * time_s / 4.1)).astype(np.float32)
    types = np.full(time_s.size, NORMAL, np.int8) if kind is None else kind
    ecg_wave(out, rate_hz, Beats(time_s, types), height)
    clock_s = np.arange(out.size) / rate_hz
    drift = 0.1 * np.sin(2 * np.pi * clock_s / 4.1)
    return (out + noise_mv * rng.standard_normal(out.size) + drift).astype(np.float32)


def assert_same_beats(truth_s: Floats, found_s: Floats, within_s: float) -> None:
    assert found_s.size == truth_s.size
    np.testing.assert_allclose(found_s, truth_s, rtol=0, atol=within_s)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_every_beat_at_its_instant(rate_hz: int) -> None:
    """At all usual rates each beat is found within a fraction of a sample, and intervals within 2 ms."""
    truth_s = beat_train()
    found_s = detect(ecg_of(truth_s, rate_hz), rate_hz)
    assert_same_beats(truth_s, found_s, 0.003)
    error_s = np.abs(np.diff(found_s) - np.diff(truth_s))
    assert np.median(error_s) < 0.0005
    assert np.percentile(error_s, 95) < 0.002


def test_rate_need_not_be_whole() -> None:
    """Times follow the rate that is given, over the whole recording."""
    ecg = ecg_of(beat_train(), 256)
    np.testing.assert_allclose(detect(ecg, 255.9), detect(ecg, 256) * (256 / 255.9), rtol=0, atol=1e-3)
    np.testing.assert_array_equal(detect(ecg, Fraction(2559, 10)), detect(ecg, 255.9))


def test_sign_does_not_matter() -> None:
    """A reversed lead gives the same instants, and says that it is upside down."""
    ecg = ecg_of(beat_train(), 256)
    upright, reversed_lead = detect_beats(ecg, 256), detect_beats(-ecg, 256)
    np.testing.assert_array_equal(reversed_lead.time_s, upright.time_s)
    assert (upright.sign, reversed_lead.sign) == (1, -1)


@pytest.mark.parametrize("change", [lambda x: 1000 * x, lambda x: x / 4096, lambda x: x + 500])
def test_unit_and_offset_do_not_matter(change: Callable[[Floats], Floats]) -> None:
    """mV, uV or counts, on whatever constant: the same beats."""
    ecg = ecg_of(beat_train(), 256)
    np.testing.assert_allclose(detect(change(ecg.astype(float)), 256), detect(ecg, 256), rtol=0, atol=1e-4)


def test_integers_as_they_are_stored() -> None:
    """Samples of a file may be given without conversion."""
    counts = np.rint(ecg_of(beat_train(), 256) * 4096).astype(np.int16)
    np.testing.assert_allclose(detect(counts, 256), detect(counts.astype(np.float64), 256), rtol=0, atol=1e-6)


def test_time_origin_does_not_matter() -> None:
    """A recording that starts later has the same beats, earlier by that much."""
    ecg = ecg_of(beat_train(), 256)
    late_s = detect(ecg[10 * 256 :], 256) + 10
    whole_s = detect(ecg, 256)
    assert_same_beats(whole_s[whole_s > 10.5], late_s[late_s > 10.5], 1e-4)


def test_beats_are_increasing_and_apart() -> None:
    """Even in noise no two beats are within the refractory period."""
    noise = np.random.default_rng(5).standard_normal(256 * 600)
    assert np.diff(detect(noise, 256)).min() >= 0.2


def test_noise_is_told_from_beats() -> None:
    """Nothing found in noise is clear, and every beat of a clean ECG is."""
    noise = detect_beats(np.random.default_rng(5).standard_normal(256 * 600), 256)
    clean = detect_beats(ecg_of(beat_train(), 256), 256)
    assert (noise.height / noise.noise).max(initial=0) < CLEAR
    assert (clean.height / clean.noise).min() > CLEAR


def test_nothing_is_found_in_gaps() -> None:
    """Beats within missing samples are missing, and all others are there."""
    truth_s = beat_train()
    ecg = ecg_of(truth_s, 256)
    for begin_s, stop_s in ((0.0, 3.0), (60.0, 60.4), (100.0, 160.0)):
        ecg[int(begin_s * 256) : int(stop_s * 256)] = np.nan
    near_s = np.array([3.0, 60.0, 60.4, 100.0, 160.0])
    present = np.isfinite(ecg[np.rint(truth_s * 256).astype(int)])
    sure = present & (np.abs(truth_s[:, None] - near_s).min(axis=1) > 0.1)
    found_s = detect(ecg, 256)
    assert np.isfinite(ecg[np.rint(found_s * 256).astype(int)]).all()
    assert np.abs(found_s[:, None] - truth_s[sure]).min(axis=0).max() < 0.003
    assert sure.sum() <= found_s.size <= present.sum()


@pytest.mark.parametrize("wire_mv", [0.0, 0.01])
def test_nothing_is_found_where_the_lead_is_off(wire_mv: float) -> None:
    """A flat line, or what little an open wire picks up, is no heart; the beats around stay."""
    truth_s = beat_train()
    ecg = ecg_of(truth_s, 256)
    off = slice(100 * 256, 160 * 256)
    ecg[off] = wire_mv * np.random.default_rng(1).standard_normal(60 * 256)
    outside = (truth_s < 99.9) | (truth_s > 160.1)
    assert_same_beats(truth_s[outside], detect(ecg, 256), 0.003)


def _drift(clock_s: Floats) -> Floats:
    return 3 * np.sin(2 * np.pi * 0.3 * clock_s)


def _mains(clock_s: Floats) -> Floats:
    return 0.5 * np.sin(2 * np.pi * 50.02 * clock_s)


@pytest.mark.parametrize("rate_hz", [125, 256])
@pytest.mark.parametrize("disturbance", [_drift, _mains])
def test_drift_and_mains(rate_hz: int, disturbance: Callable[[Floats], Floats]) -> None:
    """A baseline that swings by 6 mV, or mains as high as the beats, hide nothing."""
    truth_s = beat_train()
    ecg = ecg_of(truth_s, rate_hz)
    assert_same_beats(truth_s, detect(ecg + disturbance(np.arange(ecg.size) / rate_hz), rate_hz), 0.004)


@pytest.mark.parametrize("rate_hz", [100, 125, 256, 500])
@pytest.mark.parametrize("ahead_s", [0.15, 0.03])
@pytest.mark.parametrize("pulse_mv", [0.5, 2.0, -5.0, 20.0])
def test_pacemaker_pulses_are_no_beats(rate_hz: int, ahead_s: float, pulse_mv: float) -> None:
    """Pulses of one sample, before the atria or the ventricles, however high, move and add nothing."""
    truth_s = beat_train()
    ecg = ecg_of(truth_s, rate_hz)
    ecg[np.rint((truth_s - ahead_s) * rate_hz).astype(int)] += pulse_mv
    assert_same_beats(truth_s, detect(ecg, rate_hz), 0.015)


@pytest.mark.parametrize("rate_hz", [100, 125, 256])
@pytest.mark.parametrize("pulse_mv", [0.5, -5.0])
def test_pacemaker_pulses_before_wide_complexes(rate_hz: int, pulse_mv: float) -> None:
    """Paced complexes have little at 24 Hz, their pulses much: beats are where the complexes are all the same."""
    truth_s = beat_train()
    ecg = ecg_of(truth_s, rate_hz, kind=np.full(truth_s.size, VENTRICULAR, np.int8))
    ecg[np.rint((truth_s - 0.1) * rate_hz).astype(int)] += pulse_mv
    assert_same_beats(truth_s, detect(ecg, rate_hz), 0.015)


def test_atrial_fibrillation() -> None:
    """Intervals that vary by a quarter from beat to beat cost no beat."""
    truth_s = beat_train(seed=8, mean_s=0.7, variation=0.22)
    assert_same_beats(truth_s, detect(ecg_of(truth_s, 256), 256), 0.003)


@pytest.mark.parametrize("mean_s", [0.4, 0.6, 1.7])
def test_fast_and_slow_hearts(mean_s: float) -> None:
    """From 35 to 150 beats a minute."""
    truth_s = beat_train(mean_s=mean_s, variation=0.02)
    assert_same_beats(truth_s, detect(ecg_of(truth_s, 256), 256), 0.003)


def test_pauses_are_not_filled() -> None:
    """Seconds without a beat stay so."""
    truth_s = beat_train()
    truth_s = truth_s[(truth_s < 60) | (truth_s > 65)]
    assert_same_beats(truth_s, detect(ecg_of(truth_s, 256), 256), 0.003)


def test_ventricular_beats_are_beats() -> None:
    """Premature and wide ones are found, and the sinus beats around keep their instants."""
    truth_s = beat_train()
    early = np.arange(10, truth_s.size - 2, 7)
    truth_s[early] -= 0.35 * (truth_s[early] - truth_s[early - 1])
    kind = np.zeros(truth_s.size, np.int8)
    kind[early] = VENTRICULAR
    found_s = detect(ecg_of(truth_s, 256, kind=kind), 256)
    assert_same_beats(truth_s, found_s, 0.05)
    np.testing.assert_allclose(found_s[kind == NORMAL], truth_s[kind == NORMAL], rtol=0, atol=0.003)


def test_fiducial_never_jumps_between_r_and_s() -> None:
    """Where R and S are in turn the higher, intervals stay what they are."""
    rate_hz, truth_s = 256, beat_train()
    clock_s = np.arange(60 * MINUTES * rate_hz) / rate_hz
    ecg = np.zeros(clock_s.size)
    for at_s in truth_s:
        tilt = 0.3 * np.sin(2 * np.pi * at_s / 40)
        here = slice(max(0, int((at_s - 0.2) * rate_hz)), int((at_s + 0.2) * rate_hz))
        away_s = clock_s[here] - at_s
        ecg[here] += (1 + tilt) * np.exp(-0.5 * (away_s / 0.01) ** 2)
        ecg[here] -= (1 - tilt) * np.exp(-0.5 * ((away_s - 0.035) / 0.01) ** 2)
    error_s = np.diff(detect(ecg, rate_hz)) - np.diff(truth_s)
    assert np.abs(error_s).max() < 0.002


@pytest.mark.parametrize(
    "ecg",
    [
        np.zeros(0, np.float32),
        np.ones(10, np.float32),
        np.zeros(256 * 60, np.float32),
        np.full(256 * 60, np.nan, np.float32),
        np.full(256 * 60, 7, np.int16),
    ],
    ids=["empty", "ten samples", "flat", "missing", "constant integers"],
)
def test_nothing_gives_no_beats(ecg: NDArray[np.float32]) -> None:
    """What holds no ECG holds no beat, and is no error."""
    assert detect(ecg, 256).size == 0


@pytest.mark.parametrize("length_s", [1, 2, 3, 4, 5, 7, 9, 11])
def test_short_recordings(length_s: int) -> None:
    """Seconds are enough."""
    truth_s = beat_train()
    found_s = detect(ecg_of(truth_s, 256)[256 : (1 + length_s) * 256], 256) + 1
    inside_s = truth_s[truth_s < 1 + length_s]
    assert_same_beats(inside_s, found_s, 0.004)


@pytest.mark.parametrize("rate_hz", [1.0, 64.0, float("nan")])
def test_too_slow_an_ecg_is_refused(rate_hz: float) -> None:
    """An envelope at 1 Hz holds no QRS complexes: an error, no guess."""
    with pytest.raises(SignalError, match="too slow"):
        detect(np.zeros(1000), rate_hz)

"""Waves on the output grid against sines known in closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.derive.band import Band, band_for
from pipeline.derive.kernel import zero_phase_response
from pipeline.derive.resample import resample_wave
from schemas.errors import SignalError
from schemas.kinds import KINDS, Kind
from schemas.quality import QualityFlag
from schemas.recording import Segment, Signal

AMPLITUDE = 30000
ODD_RATE = Fraction(2559997, 10000)  # 255.9997 Hz, seen in a public cohort
MINUTES = 12

Maker = Callable[..., Signal]


def sine(time_s: NDArray[np.float64], frequency_hz: float, phase: float = 0.4) -> NDArray[np.float64]:
    return np.asarray(AMPLITUDE * np.sin(2 * np.pi * frequency_hz * time_s + phase))


def native_sine(rate_hz: Fraction | int, frequency_hz: float, minutes: float = MINUTES) -> NDArray[np.int16]:
    time_s = np.arange(round(minutes * 60 * rate_hz)) / float(rate_hz)
    return np.asarray(np.rint(sine(time_s, frequency_hz)), np.int16)


def band_of(kind: Kind, rate_hz: Fraction | int) -> Band:
    band = band_for(KINDS[kind], Fraction(rate_hz), KINDS[kind].high_pass_hz)
    assert band is not None
    return band


def lag_ms_and_gain(
    value: NDArray[np.float32], time_s: NDArray[np.float64], frequency_hz: float
) -> tuple[float, float]:
    """Fit the sine's phase and amplitude by least squares."""
    angle = 2 * np.pi * frequency_hz * time_s + 0.4
    (a, b), *_ = np.linalg.lstsq(np.stack([np.sin(angle), np.cos(angle)], axis=1), value.astype(float), rcond=None)
    return float(-np.arctan2(b, a) / (2 * np.pi * frequency_hz) * 1e3), float(np.hypot(a, b) / AMPLITUDE)


@pytest.mark.parametrize(
    ("kind", "native", "frequency_hz"),
    [
        (Kind.EEG, 256, 10.0),
        (Kind.EEG, 125, 10.0),
        (Kind.EEG, 125, 50.0),
        (Kind.EEG, 128, 13.0),
        (Kind.EEG, 100, 2.0),
        (Kind.EOG, 50, 5.0),
        (Kind.EEG, 200, 10.0),
        (Kind.ECG, 250, 10.0),
        (Kind.ECG, 512, 17.0),
        (Kind.EEG, ODD_RATE, 10.0),
        (Kind.EEG, Fraction(1999, 10), 10.0),
        (Kind.EMG, 256, 30.0),
        (Kind.PLETH, 256, 5.0),
        (Kind.PLETH, ODD_RATE, 5.0),
        (Kind.BELT, 10, 1.0),
        (Kind.BELT, 8, 1.0),
        (Kind.BELT, 16, 1.0),
        (Kind.BELT, 32, 1.0),
        (Kind.BELT, 256, 1.0),
        (Kind.NASAL_PRESSURE, 32, 1.0),
    ],
)
@pytest.mark.parametrize("start_s", [0.0, 3.7182818])
def test_tone_keeps_time_and_size_all_night(
    make_signal: Maker, kind: Kind, native: Fraction | int, frequency_hz: float, start_s: float
) -> None:
    """Lag is at most 0.1 ms in the first, a middle and the last minute; inside, amplitude holds to 0.01 dB."""
    rate_hz = KINDS[kind].rate_class.rate_hz
    n_sample = int((MINUTES * 60 - start_s) * rate_hz)
    signal = make_signal((0.0, native_sine(native, frequency_hz)), rate_hz=native)
    out = resample_wave(signal, band=band_of(kind, native), rate_hz=rate_hz, start_s=start_s, n_sample=n_sample)
    time_s = start_s + np.arange(n_sample) / rate_hz
    for first in (0, n_sample // 2, n_sample - 60 * rate_hz):
        minute = slice(first, first + 60 * rate_hz)
        lag_ms, gain = lag_ms_and_gain(out.value[minute], time_s[minute], frequency_hz)
        assert abs(lag_ms) <= 0.1
        assert gain == pytest.approx(1, abs=2e-3)
    inner = slice(n_sample // 2, n_sample // 2 + 60 * rate_hz)
    error = out.value[inner] - sine(time_s[inner], frequency_hz)
    assert np.abs(error).max() < AMPLITUDE * 10 ** (0.01 / 20) - AMPLITUDE
    assert out.value.dtype == np.float32
    assert not out.flag.any()


@pytest.mark.parametrize(
    ("kind", "native", "limit_db"),
    [
        (Kind.EEG, 256, -80),
        (Kind.EEG, 200, -80),
        (Kind.ECG, 512, -80),
        (Kind.EEG, ODD_RATE, -80),
        (Kind.PLETH, 256, -80),
        (Kind.BELT, 10, -60),
        (Kind.BELT, 32, -60),
        (Kind.BELT, 256, -60),
    ],
)
@pytest.mark.parametrize("above_nyquist", [1.001, 1.05, 1.1, 1.25])
def test_nothing_aliases(
    make_signal: Maker, kind: Kind, native: Fraction | int, limit_db: float, above_nyquist: float
) -> None:
    """A tone just above the output's Nyquist frequency is gone, not folded, away from the ends."""
    rate_hz = KINDS[kind].rate_class.rate_hz
    signal = make_signal((0.0, native_sine(native, above_nyquist * rate_hz / 2, 5)), rate_hz=native)
    band = band_of(kind, native)
    out = resample_wave(signal, band=band, rate_hz=rate_hz, start_s=60.3, n_sample=180 * rate_hz)
    rms = np.sqrt(np.mean(out.value.astype(float) ** 2))
    assert 20 * np.log10(rms / (AMPLITUDE / np.sqrt(2))) <= limit_db


@pytest.mark.parametrize("native", [8, 10, 32, 255, ODD_RATE])
def test_constant_keeps_its_value_without_high_pass(make_signal: Maker, native: Fraction | int) -> None:
    """Gain at 0 Hz is exactly 1: the first and the last sample too."""
    signal = make_signal((0.0, np.full(60 * 256, 1234, np.int16)), rate_hz=native, gain=-0.37, offset=5.5)
    out = resample_wave(signal, band=Band(None, 1.9), rate_hz=4, start_s=0.1, n_sample=200)
    assert np.array_equal(np.full(200, -0.37 * 1234 + 5.5, np.float32), out.value)


@pytest.mark.parametrize("native", [10, 32, ODD_RATE])
def test_slow_drift_is_kept_without_high_pass(make_signal: Maker, native: Fraction | int) -> None:
    """A drift of one cycle in 100 s, slower than a block is long, comes out as it went in."""
    signal = make_signal((0.0, native_sine(native, 0.01, 10)), rate_hz=native)
    out = resample_wave(signal, band=Band(None, 1.9), rate_hz=4, start_s=0.0, n_sample=4 * 600)
    expected = sine(np.arange(4 * 600) / 4, 0.01)
    assert np.abs(out.value - expected).max() < 1e-3 * AMPLITUDE


@pytest.mark.parametrize("native", [100, 125, 256, ODD_RATE])
def test_constant_vanishes_with_high_pass(make_signal: Maker, native: Fraction | int) -> None:
    """A direct-current offset leaves exactly nothing, and no transient at either end."""
    signal = make_signal((0.0, np.full(60 * 256, -31000, np.int16)), rate_hz=native, gain=0.01, offset=700.0)
    out = resample_wave(signal, band=band_of(Kind.EEG, native), rate_hz=128, start_s=0.0, n_sample=7000)
    assert np.array_equal(np.zeros(7000, np.float32), out.value)


def test_offset_under_a_signal_changes_nothing(make_signal: Maker) -> None:
    """The same tone on a large offset comes out the same to single precision, ends included."""
    tone = (native_sine(256, 10, 2) // 8).astype(np.int16)
    band = band_of(Kind.EEG, 256)
    plain, lifted = (
        resample_wave(
            make_signal((0.0, (tone + lift).astype(np.int16)), rate_hz=256),
            band=band, rate_hz=128, start_s=0.2, n_sample=15000,
        ).value
        for lift in (0, 28000)
    )  # fmt: skip
    assert np.abs(plain - lifted).max() < 0.01


def test_negative_gain_and_factor(make_signal: Maker) -> None:
    """Gain and factor multiply, signs included."""
    tone = native_sine(125, 10, 1)
    band = band_of(Kind.EEG, 125)
    ask = {"band": band, "rate_hz": 128, "start_s": 0.0, "n_sample": 60 * 128}
    plain = resample_wave(make_signal((0.0, tone), rate_hz=125), **ask).value
    turned = resample_wave(
        make_signal((0.0, tone), rate_hz=125, gain=-0.25, offset=9.0), factor=1000.0, **ask
    ).value
    assert turned == pytest.approx(-250 * plain, rel=1e-5, abs=1.0)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32])
def test_records_of_any_length_and_width_give_the_same(make_signal: Maker, dtype: type) -> None:
    """Strided views of records are read as one run of samples."""
    x = np.random.default_rng(3).integers(-120, 120, 256 * 90).astype(dtype)
    interleaved = np.zeros((90, 3 * 256), dtype)
    interleaved[:, 256:512] = x.reshape(90, 256)
    plain = make_signal((0.0, x), rate_hz=256)
    view = replace(plain, segments=(Segment(0.0, interleaved[:, 256:512]),))
    ask = {"band": band_of(Kind.EEG, 256), "rate_hz": 128, "start_s": 0.5, "n_sample": 80 * 128}
    expected = resample_wave(plain, **ask)
    assert resample_wave(view, **ask).value == pytest.approx(expected.value, abs=1e-4)


def test_whole_native_delay_equals_a_shifted_grid(make_signal: Maker) -> None:
    """Starting the grid later equals cutting the front of a long enough result."""
    x = np.random.default_rng(4).integers(-3000, 3000, 125 * 240).astype(np.int16)
    signal = make_signal((0.0, x), rate_hz=125)
    band = band_of(Kind.EEG, 125)
    whole = resample_wave(signal, band=band, rate_hz=128, start_s=0.0, n_sample=240 * 128).value
    later = resample_wave(signal, band=band, rate_hz=128, start_s=30.5, n_sample=200 * 128).value
    assert later == pytest.approx(whole[30 * 128 + 64 :][: later.size], abs=0.05)


def test_noise_equals_a_plain_convolution(make_signal: Maker) -> None:
    """Block by block is the same as one long convolution with the same kernel, seams included."""
    x = np.random.default_rng(5).integers(-3000, 3000, 256 * 600).astype(np.int16)
    band = band_of(Kind.EEG, 256)
    kernel = np.fft.fftshift(np.fft.irfft(zero_phase_response(band, 256.0, 4096)))
    expected = np.convolve(x.astype(float), kernel)[2048:][: x.size : 2]
    actual = resample_wave(
        make_signal((0.0, x), rate_hz=256), band=band, rate_hz=128, start_s=0.0, n_sample=600 * 128
    )
    inner = slice(10 * 128, -10 * 128)
    assert np.abs(actual.value[inner] - expected[inner]).max() < 0.1


def test_grid_beyond_the_recording_is_missing(make_signal: Maker) -> None:
    """Before the first and after the last sample there is NO_SIGNAL, and the length is as asked."""
    signal = make_signal((2.5, native_sine(256, 10, 0.5)), rate_hz=256)
    out = resample_wave(signal, band=band_of(Kind.EEG, 256), rate_hz=128, start_s=0.0, n_sample=40 * 128)
    present = np.zeros(40 * 128, bool)
    present[320 : 320 + 30 * 128] = True
    assert np.array_equal(present, ~np.isnan(out.value))
    assert np.array_equal(np.where(present, 0, QualityFlag.NO_SIGNAL), out.flag)


def test_first_sample_survives_the_rounding_of_times(make_signal: Maker) -> None:
    """0.1 + 0.2 is not 0.3 in binary; a grid that starts there still has its first sample."""
    signal = make_signal((0.1 + 0.2, native_sine(256, 10, 0.5)), rate_hz=256)
    out = resample_wave(signal, band=band_of(Kind.EEG, 256), rate_hz=128, start_s=0.3, n_sample=30 * 128)
    assert not np.isnan(out.value).any()


@pytest.mark.parametrize("n_native", [1, 2, 5, 100, 700])
def test_segments_shorter_than_the_kernel(make_signal: Maker, n_native: int) -> None:
    """The shortest recordings give finite numbers of a sensible size."""
    x = np.random.default_rng(n_native).integers(-1000, 1000, n_native).astype(np.int16)
    for low_hz in (0.3, None):
        out = resample_wave(
            make_signal((0.0, x), rate_hz=100), band=Band(low_hz, 47.5), rate_hz=128, start_s=0.0, n_sample=2000
        )
        assert np.isfinite(out.value).sum() == -(-n_native * 128 // 100)
        assert np.nanmax(np.abs(out.value)) < 4000


def test_band_above_nyquist_is_refused(make_signal: Maker) -> None:
    """A band that would alias is an error and not a wrong number."""
    signal = make_signal((0.0, native_sine(100, 10, 1)), rate_hz=100)
    with pytest.raises(SignalError, match="stop band from 64 Hz, expected at most 50 Hz"):
        resample_wave(signal, band=Band(0.3, 60.8), rate_hz=128, start_s=0.0, n_sample=128)

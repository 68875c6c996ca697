"""Holds against a slow loop in exact arithmetic, and codes."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from pipeline.derive.steps import hold, hold_codes, hold_signal
from schemas.quality import QualityFlag
from schemas.recording import Signal

Maker = Callable[..., Signal]


def slow_hold(
    n_native: int, native_hz: Fraction, begin_s: Fraction, rate_hz: int, start_s: Fraction, n: int
) -> list[int | None]:
    """Return, for each output sample, the native sample whose interval holds it; exact fractions, one by one."""
    held: list[int | None] = []
    for k in range(n):
        index = (start_s + Fraction(k, rate_hz) - begin_s) * native_hz // 1
        held.append(int(index) if 0 <= index < n_native else None)
    return held


@pytest.mark.parametrize("native", ["1", "3", "4", "10", "16", "25", "1/10", "255.9997", "0.999"])
@pytest.mark.parametrize("begin", ["0", "0.1", "0.3", "7.7", "12345.678901"])
@pytest.mark.parametrize("shift", ["0", "0.1", "0.25", "1.9", "-0.7"])
@pytest.mark.parametrize("rate_hz", [1, 4])
def test_hold_equals_a_slow_loop(native: str, begin: str, shift: str, rate_hz: int) -> None:
    """Decimal times are meant as decimals: no sample is off by one at a boundary."""
    begin_s, native_hz = Fraction(begin), Fraction(native)
    start_s = begin_s + Fraction(shift)
    n_native = int(60 * native_hz) + 1
    out = hold(
        np.arange(n_native, dtype=np.float32),
        np.zeros(n_native, np.uint8),
        native_hz,
        float(begin_s),
        rate_hz=rate_hz,
        start_s=float(start_s),
        n_sample=70 * rate_hz,
    )
    expected = slow_hold(n_native, native_hz, begin_s, rate_hz, start_s, 70 * rate_hz)
    actual = [None if np.isnan(v) else int(v) for v in out.value]
    assert expected == actual
    assert [QualityFlag.NO_SIGNAL if e is None else 0 for e in expected] == out.flag.tolist()


def test_hold_over_a_long_night_does_not_drift() -> None:
    """After twelve hours at 3 Hz every output sample still holds the right native one."""
    n_native = 12 * 3600 * 3
    value = (np.arange(n_native) % 1000).astype(np.float32)
    out = hold(
        value, np.zeros(n_native, np.uint8), Fraction(3), 0.1, rate_hz=4, start_s=0.1, n_sample=12 * 3600 * 4
    )
    assert np.array_equal(value[np.arange(12 * 3600 * 4) * 3 // 4], out.value)


def test_flags_and_missing_values_travel_with_their_samples() -> None:
    """A masked native sample is masked, with its reason, wherever it is held."""
    value = np.array([97, np.nan, 100], np.float32)
    flag = np.array([0, QualityFlag.TOO_FAST, QualityFlag.CLIPPED], np.uint8)
    out = hold(value, flag, Fraction(1), 0.0, rate_hz=4, start_s=0.0, n_sample=12)
    assert np.array_equal(np.repeat(value, 4), out.value, equal_nan=True)
    assert np.array_equal(np.repeat(flag, 4), out.flag)


def test_segments_are_held_in_their_places(make_signal: Maker) -> None:
    """Cleaned samples of all segments, one after another, land where their segments are."""
    signal = make_signal((0.0, np.zeros(3, np.int16)), (10.0, np.zeros(2, np.int16)), rate_hz=1)
    value = np.array([1, 2, 3, 4, 5], np.float32)
    out = hold_signal(signal, value, np.zeros(5, np.uint8), rate_hz=1, start_s=1.0, n_sample=12)
    expected = [2, 3, None, None, None, None, None, None, None, 4, 5, None]
    assert expected == [None if np.isnan(v) else int(v) for v in out.value]
    assert [0 if v else QualityFlag.NO_SIGNAL for v in expected] == out.flag.tolist()


def test_a_map_is_applied_all_at_once(make_signal: Maker) -> None:
    """{1: 4, 4: 5} leaves a source's 1 at 4."""
    signal = make_signal((0.0, np.array([1, 4, 0, 4], np.int16)), rate_hz=1)
    out = hold_codes(signal, {0: 1, 1: 4, 4: 5}, rate_hz=1, start_s=0.0, n_sample=5)
    assert out.value.tolist() == [4, 5, 1, 5, -1]
    assert out.flag.tolist() == [0, 0, 0, 0, QualityFlag.NO_SIGNAL]
    assert out.value.dtype == np.int8


def test_unknown_codes_are_missing_and_flagged(make_signal: Maker) -> None:
    """A code without an entry, and a value that is no whole number, never become another code."""
    signal = make_signal((0.0, np.array([2, 7, 3, -2], np.int16)), rate_hz=1, gain=0.5)
    out = hold_codes(signal, {1: 0}, rate_hz=1, start_s=0.0, n_sample=4)
    assert out.value.tolist() == [0, -1, -1, -1]
    assert [0, *[QualityFlag.UNKNOWN_CODE] * 3] == out.flag.tolist()


def test_codes_survive_the_rounding_of_a_16_bit_gain(make_signal: Maker) -> None:
    """Positions 0 to 3 scaled over the whole 16-bit range come back as 0 to 3."""
    gain = 10 / 65535
    digital = np.rint((np.array([0, 1, 2, 3]) + 5) / gain - 32768).astype(np.int16)
    signal = make_signal((0.0, digital), rate_hz=1, gain=gain, offset=-5 + 32768 * gain)
    out = hold_codes(signal, None, rate_hz=1, start_s=0.0, n_sample=4)
    assert out.value.tolist() == [0, 1, 2, 3]


def test_codes_at_a_fast_rate_are_picked_and_never_averaged(make_signal: Maker) -> None:
    """A position that changes within a second reads as one of the two, not as the one between."""
    signal = make_signal((0.0, np.repeat(np.array([0, 2, 0], np.int16), [40, 8, 48])), rate_hz=32)
    out = hold_codes(signal, None, rate_hz=1, start_s=0.0, n_sample=3)
    assert out.value.tolist() == [0, 0, 0]

"""Oximeter readings: each rule by itself, and the drop-outs that made them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.derive.oximetry import clean_pulse_rate, clean_spo2
from schemas.quality import QualityFlag


def flat(n: int, value: float = 97) -> NDArray[np.float32]:
    return np.full(n, value, np.float32)


def masked(value: NDArray[np.float32]) -> list[int]:
    return np.flatnonzero(np.isnan(value)).tolist()


def test_a_good_night_is_left_alone() -> None:
    """Slow falls and rises of 4 % a second pass untouched, without a flag."""
    desaturation = np.concatenate([flat(60), np.arange(97, 75, -1), np.arange(75, 97, 4), flat(60)]).astype(
        np.float32
    )
    out = clean_spo2(desaturation, 1)
    assert np.array_equal(desaturation, out.value)
    assert not out.flag.any()
    assert out.counts == {}
    assert not out.was_fraction


def test_the_input_is_not_changed() -> None:
    """Cleaning returns new arrays."""
    value = np.array([97, 0, 127, 103], np.float32)
    clean_spo2(value, 1)
    assert value.tolist() == [97, 0, 127, 103]


def test_fractions_become_per_cent() -> None:
    """A night of 0.9 and more is recognised, its codes too."""
    value = flat(1000, 0.97)
    value[500:] = 0.95
    value[[5, 6]], value[100:300], value[300:303] = 1e-5, 1.27, 127
    out = clean_spo2(value, 1)
    assert out.was_fraction
    assert masked(out.value) == [5, 6, *range(100, 303)]
    assert out.value[50] == pytest.approx(97)
    assert out.value[600] == pytest.approx(95)
    assert out.counts == {"missing_code": 205}


def test_a_sensor_that_rests_at_one_per_cent_is_not_a_fraction() -> None:
    """A constant 1.0 all night is not 100 % all night."""
    out = clean_spo2(flat(3600, 1.0), 1)
    assert not out.was_fraction
    assert np.isnan(out.value).all()


@pytest.mark.parametrize("low", [0.1, 0.6, 1.0])
def test_a_few_low_readings_do_not_make_fractions(low: float) -> None:
    """Ten minutes below 1 % in a night of per cents are impossible values, not fractions."""
    value = flat(28800)
    value[1000:1600] = low
    out = clean_spo2(value, 1)
    assert not out.was_fraction
    assert np.isnan(out.value[1000:1600]).all()
    assert out.value[500] == 97


def test_noise_of_a_sensor_that_is_off_is_not_turned_into_saturation() -> None:
    """Values spread from 0 to 1 are no fractions; nothing of them is left."""
    noise = np.random.default_rng(0).uniform(0, 1, 3600).astype(np.float32)
    out = clean_spo2(noise, 1)
    assert not out.was_fraction
    assert np.isnan(out.value).all()


@pytest.mark.parametrize("code", [0, 0.002, 127, 105.5, 255, 511, 32767])
def test_missing_codes(code: float) -> None:
    """Codes for "no value" are masked exactly where they are."""
    value = flat(100)
    value[40:60] = code
    out = clean_spo2(value, 1)
    assert masked(out.value) == list(range(40, 60))
    assert out.counts == {"missing_code": 20}


def test_just_above_100_is_clipped() -> None:
    """100 to 105 becomes 100 with a flag; what rounding puts above 100 becomes 100 without one."""
    out = clean_spo2(np.array([99, 100, 100.002, 101, 105], np.float32), 1)
    assert out.value.tolist() == [99, 100, 100, 100, 100]
    assert out.flag.tolist() == [0, 0, 0, QualityFlag.CLIPPED, QualityFlag.CLIPPED]
    assert out.counts == {"clipped": 2}


def test_below_40_and_below_zero_is_out_of_range() -> None:
    """Impossible values are masked with their reason."""
    value = flat(100)
    value[50:53] = [39, 1.5, -3]
    out = clean_spo2(value, 1)
    assert (out.flag[50:53] == QualityFlag.OUT_OF_RANGE).all()
    assert out.counts["out_of_range"] == 3


@pytest.mark.parametrize("rate_hz", [1, 4, 10, 256])
@pytest.mark.parametrize("seconds", [1, 10, 60])
def test_drop_out_is_masked_with_a_margin(rate_hz: int, seconds: int) -> None:
    """97 to 60 at once and back at once: the excursion and two seconds on either side, nothing else."""
    value = flat(300 * rate_hz)
    value[100 * rate_hz : (100 + seconds) * rate_hz] = 60
    out = clean_spo2(value, rate_hz)
    missing = np.zeros(value.size, bool)
    missing[98 * rate_hz : (102 + seconds) * rate_hz] = True
    beyond = np.zeros(value.size, bool)
    beyond[98 * rate_hz : (103 + seconds) * rate_hz] = True
    assert np.isnan(out.value[missing]).all()
    assert (out.value[~beyond] == 97).all()
    assert set(out.counts) == {"too_fast"}


def test_nothing_is_believed_on_the_way_back_from_an_impossible_fall() -> None:
    """97, at once 60, then 2 % a second up: masked until 93 is reached."""
    back = np.arange(60, 97, 2)
    value = np.concatenate([flat(100), back, flat(100)]).astype(np.float32)
    out = clean_spo2(value, 1)
    reached = 100 + int(np.flatnonzero(back >= 93)[0])
    assert masked(out.value) == list(range(98, reached + 2))


def test_a_desaturation_that_ends_at_once_is_kept() -> None:
    """A slow fall to 70 with a step back to 97 loses the step, not the desaturation."""
    value = np.concatenate([flat(100), np.arange(97, 70, -1), flat(100)]).astype(np.float32)
    out = clean_spo2(value, 1)
    assert masked(out.value) == [125, 126, 127, 128, 129]
    assert out.value[123] == 74


def test_a_new_level_loses_only_the_step() -> None:
    """After a fall that never comes back the night goes on: only the margin is masked."""
    out = clean_spo2(np.concatenate([flat(1000, 97), flat(1000, 88)]), 1)
    assert masked(out.value) == [998, 999, 1000, 1001, 1002]
    assert out.value[1500] == 88


def test_missing_readings_give_time_to_change() -> None:
    """97 before and 88 after half a minute without readings is no step; after one second it is."""
    slow = np.concatenate([flat(100, 97), flat(30, 0), flat(300, 88)])
    assert clean_spo2(slow, 1).counts == {"missing_code": 30}
    fast = np.concatenate([flat(100, 97), flat(1, 0), flat(300, 88)])
    assert "too_fast" in clean_spo2(fast, 1).counts


def test_readings_beside_a_drop_out_to_zero_go_with_it() -> None:
    """97, 80, 0 …, 75, 97: the half-way readings are no saturations."""
    value = np.concatenate([flat(50), [80], np.zeros(20), [75], flat(50)]).astype(np.float32)
    out = clean_spo2(value, 1)
    assert np.isnan(out.value[48:74]).all()
    assert (out.value[:48] == 97).all()
    assert np.nanmin(out.value) == 97


def test_a_new_segment_is_no_step() -> None:
    """Nothing is judged across a break."""
    value = np.concatenate([flat(100, 97), flat(100, 88)])
    assert clean_spo2(value, 1, breaks=[100]).counts == {}


def test_whole_per_cents_of_a_fast_file_are_no_steps() -> None:
    """A device that renews 3 % at once each second at 256 Hz keeps within 4 % a second."""
    value = np.repeat(np.array([97, 94, 91, 88, 91, 94, 97], np.float32), 256)
    assert clean_spo2(value, 256).counts == {}


def test_a_slow_device_may_change_more_from_sample_to_sample() -> None:
    """At one reading in ten seconds 30 % is within the limit, 50 % is not."""
    assert clean_spo2(np.array([97, 67, 97, 97], np.float32), 0.1).counts == {}
    assert "too_fast" in clean_spo2(np.array([97, 47, 97, 97], np.float32), 0.1).counts


@pytest.mark.parametrize("value", [[], [np.nan] * 5, [0] * 5, [97]])
def test_empty_and_missing_nights(value: list[float]) -> None:
    """Nothing to judge is nothing to report but the codes."""
    out = clean_spo2(np.array(value, np.float32), 1)
    assert out.value.size == len(value)
    assert not out.was_fraction


def test_pulse_rate() -> None:
    """0, 255 and 511 are codes, 127 is a pulse, below 20 and above 250 is impossible."""
    out = clean_pulse_rate(np.array([60, 0, 127, 255, 511, 19, 251, 250, 20], np.float32))
    code, bad = QualityFlag.MISSING_CODE, QualityFlag.OUT_OF_RANGE
    assert [0, code, 0, code, code, bad, bad, 0, 0] == out.flag.tolist()
    assert masked(out.value) == [1, 3, 4, 5, 6]
    assert out.counts == {"missing_code": 3, "out_of_range": 2}

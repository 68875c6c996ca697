"""Inter-beat intervals: the formula, what is trusted, which beats are normal; truth from given beats alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.ibi import OFF_S, Score, score_case
from benchmarks.ibi_conditions import CONDITIONS, make_case
from pipeline.derive.beat_evidence import Between
from pipeline.derive.ibi import IBI_LIMITS_S, Ibi, derive_ibi
from pipeline.derive.rpeaks import Beats, detect_beats
from pipeline.synth.cardiac import NORMAL, VENTRICULAR, ecg_wave
from pipeline.synth.cardiac import Beats as TrueBeats
from schemas.vocabulary import BeatType

Floats = NDArray[np.float64]
RATE_HZ = 256
N_MINUTE = 5


def clear_beats(time_s: Floats) -> Beats:
    """Beats of which nothing bad is known."""
    full = np.ones(time_s.size, np.float32)
    between = Between(0.08 * full, 0.03 * full, 0.02 * full)
    return Beats(time_s, full, 0.03 * full, 1, full, between)


def ecg_of(time_s: Floats, kind: NDArray[np.int8] | None = None) -> NDArray[np.float32]:
    """An ECG of 1 mV with the noise of an amplifier."""
    out = np.zeros(60 * N_MINUTE * RATE_HZ, np.float32)
    types = np.full(time_s.size, NORMAL, np.int8) if kind is None else kind
    ecg_wave(out, RATE_HZ, TrueBeats(time_s, types), np.ones(time_s.size, np.float32))
    out += 0.008 * np.random.default_rng(1).standard_normal(out.size, dtype=np.float32)
    return out


def sinus(mean_s: float = 0.9, seed: int = 4, variation: float = 0.01) -> Floats:
    rng = np.random.default_rng(seed)
    n = int(60 * N_MINUTE / mean_s)
    breathing = 0.03 * np.sin(2 * np.pi * np.arange(n) * mean_s / 4.1)
    time_s = 0.6 + np.cumsum(mean_s * np.clip(1 + breathing + variation * rng.standard_normal(n), 0.5, 2))
    return time_s[time_s < 60 * N_MINUTE - 1]


def intervals(ecg: NDArray[np.float32]) -> Ibi:
    return derive_ibi(detect_beats(ecg, RATE_HZ), n_sample=4 * 60 * N_MINUTE)


# --- the formula -------------------------------------------------------------------------------------------


def test_an_instant_carries_the_interval_that_it_lies_in() -> None:
    """From a beat on, until just before the next; NaN before the first and from the last."""
    time_s = np.array([0.5, 1.25, 2.5, 3.0])
    value = derive_ibi(clear_beats(time_s), n_sample=14).value
    expected = [np.nan] * 2 + [0.75] * 3 + [1.25] * 5 + [0.5] * 2 + [np.nan] * 2
    np.testing.assert_array_equal(value, np.array(expected, np.float32))


def test_a_constant_train_gives_its_interval_whatever_the_origin() -> None:
    """Beats before the grid and beyond its end are those of a longer night."""
    for origin_s in (-3.21, 0.0, 0.1):
        found = derive_ibi(clear_beats(origin_s + 0.8 * np.arange(200)), n_sample=400)
        inside = found.value[4:]
        np.testing.assert_allclose(inside, 0.8, rtol=1e-6)
        assert found.nn_valid[4:].all()
        assert (found.beat_type == BeatType.NORMAL).all()
        assert found.beat_valid.all()
        assert found.findings == ()


def test_types_and_shapes() -> None:
    """What is stored has the store's types."""
    found = derive_ibi(clear_beats(np.arange(50.0)), n_sample=240)
    assert (found.value.dtype, found.nn_valid.dtype) == (np.float32, np.bool_)
    assert (found.beat_type.dtype, found.beat_valid.dtype) == (np.int8, np.bool_)
    assert (found.value.shape, found.beat_type.shape) == ((240,), (50,))


@pytest.mark.parametrize("n_beat", [0, 1, 2, 3])
def test_few_beats(n_beat: int) -> None:
    """Fewer than two beats have no interval, and are no error."""
    found = derive_ibi(clear_beats(1 + np.arange(float(n_beat))), n_sample=40)
    assert np.isfinite(found.value).sum() == 4 * max(0, n_beat - 1)
    assert found.beat_type.size == n_beat


@pytest.mark.parametrize(("interval_s", "there"), [(0.24, False), (0.25, True), (3.0, True), (3.02, False)])
def test_limits(interval_s: float, there: bool) -> None:
    """Intervals outside 0.25 to 3 s are missing; the limits themselves are there."""
    found = derive_ibi(clear_beats(np.arange(0, 40, interval_s)), n_sample=120)
    assert np.isfinite(found.value[8:]).any() == there
    known = found.value[np.isfinite(found.value)]
    assert ((known >= IBI_LIMITS_S[0]) & (known <= IBI_LIMITS_S[1])).all()


# --- what is trusted ---------------------------------------------------------------------------------------


def test_a_beat_in_noise_has_no_interval() -> None:
    """Neither before it nor after it, and its type is uncertain only if neither is there."""
    beats = clear_beats(np.arange(0.0, 100, 1.0))
    noise = beats.noise.copy()
    noise[[40, 41]] = 0.5
    found = derive_ibi(replace(beats, noise=noise), n_sample=400)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(found.value[:396])), np.arange(39 * 4, 42 * 4))
    np.testing.assert_array_equal(np.flatnonzero(found.beat_type == BeatType.UNCERTAIN), [40, 41])
    np.testing.assert_array_equal(np.flatnonzero(~found.beat_valid), [40, 41])


def between_of(beats: Beats, at: int, **changed: float) -> Beats:
    """Return the beats with other evidence after one of them."""
    new = {name: getattr(beats.between, name).copy() for name in ("peak", "mean", "quiet")}
    for name, value in changed.items():
        new[name][at] = value
    return replace(beats, between=Between(**new))


@pytest.mark.parametrize(
    ("changed", "there"),
    [
        ({}, True),  # a pause
        ({"peak": 0.9}, False),  # a beat passed over
        ({"peak": 0.2}, False),
        ({"quiet": 0.001}, False),  # the lead was off
    ],
)
def test_a_long_interval_needs_an_ecg_within(changed: dict[str, float], there: bool) -> None:
    """A pause is kept; where a beat may have been lost there is nothing."""
    time_s = np.delete(np.arange(0.0, 100, 1.0), 50)
    found = derive_ibi(between_of(clear_beats(time_s), 49, **changed), n_sample=390)
    assert np.isfinite(found.value[49 * 4 : 51 * 4]).all() == there
    assert np.isfinite(found.value[: 49 * 4]).all()
    assert not found.nn_valid[49 * 4 : 51 * 4].any()


def test_little_doubt_costs_an_interval_of_usual_length_nothing() -> None:
    """What would spoil an odd interval leaves one that is like its neighbours."""
    beats = between_of(clear_beats(np.arange(0.0, 100, 1.0)), 50, peak=0.2, quiet=0.001)
    assert np.isfinite(derive_ibi(beats, n_sample=390).value).all()


def test_a_strange_complex_on_time_is_not_trusted() -> None:
    """Its fiducial may be elsewhere; early and with a pause after it, it is an ectopic beat."""
    time_s = np.arange(0.0, 100, 1.0)
    likeness = np.ones(time_s.size, np.float32)
    likeness[50] = 0.5
    on_time = derive_ibi(replace(clear_beats(time_s), likeness=likeness), n_sample=390)
    time_s[50] -= 0.35
    early = derive_ibi(replace(clear_beats(time_s), likeness=likeness), n_sample=390)
    assert np.isnan(on_time.value[49 * 4 : 51 * 4]).all()
    assert on_time.beat_type[50] == BeatType.UNCERTAIN
    assert np.isfinite(early.value).all()
    assert early.beat_type[50] == BeatType.ECTOPIC


# --- kinds of beats ----------------------------------------------------------------------------------------


def test_early_beats_are_ectopic_and_keep_their_intervals() -> None:
    """A beat early by a third, and the pause after it: both intervals are there, neither is NN, all others are."""
    time_s = sinus()
    early = np.arange(20, time_s.size - 5, 15)
    time_s[early] -= 0.3
    found = derive_ibi(clear_beats(time_s), n_sample=int(4 * time_s[-1]))
    np.testing.assert_array_equal(np.flatnonzero(found.beat_type == BeatType.ECTOPIC), early)
    assert np.isfinite(found.value[8:]).all()
    held = np.searchsorted(time_s, np.arange(found.value.size) / 4, side="right") - 1
    beside = np.isin(held, np.concatenate([early - 1, early]))
    np.testing.assert_array_equal(found.nn_valid[8:], ~beside[8:])


def test_ventricular_beats_by_their_shape() -> None:
    """Wide early beats of an ECG are ectopic, the others normal, and all intervals are there."""
    time_s = sinus()
    early = np.arange(20, time_s.size - 5, 12)
    time_s[early] -= 0.25
    kind = np.zeros(time_s.size, np.int8)
    kind[early] = VENTRICULAR
    found = intervals(ecg_of(time_s, kind))
    np.testing.assert_array_equal(np.flatnonzero(found.beat_type == BeatType.ECTOPIC), early)
    assert np.isfinite(found.value[4:-8]).mean() > 0.99


def test_a_heart_that_only_becomes_faster_has_no_ectopic_beats() -> None:
    """From 50 to 90 beats a minute within ten seconds, and much sinus arrhythmia."""
    interval_s = np.concatenate([np.full(60, 1.2), np.linspace(1.2, 0.67, 12), np.full(90, 0.67)])
    interval_s *= 1 + 0.08 * np.sin(2 * np.pi * np.cumsum(interval_s) / 5)
    found = derive_ibi(clear_beats(np.cumsum(interval_s)), n_sample=400)
    assert (found.beat_type == BeatType.NORMAL).all()
    assert found.findings == ()


def test_atrial_fibrillation_is_data() -> None:
    """Every interval is there, none is NN, beats are normal, and one finding says where."""
    rng = np.random.default_rng(2)
    irregular_s = 0.75 * np.clip(rng.gamma(20, 1 / 20, 400), 0.55, 2)
    found = derive_ibi(
        clear_beats(np.concatenate([np.arange(0, 300, 0.9), 300 + np.cumsum(irregular_s)])), n_sample=2280
    )
    assert np.isfinite(found.value).all()
    assert found.nn_valid[:1080].all()
    assert not found.nn_valid[1320:].any()
    assert (found.beat_type == BeatType.NORMAL).mean() > 0.99
    (remark,) = found.findings
    assert (remark.code, remark.severity.value, remark.channel) == ("PSG-S030", "info", "ibi")
    ((first, stop),) = remark.epochs
    assert 9 <= first <= 11
    assert stop == 19


@pytest.mark.parametrize("period", [2, 3, 4])
def test_bigeminy_is_a_regular_rhythm(period: int) -> None:
    """Every second, third or fourth beat early: those are ectopic, the rhythm is not irregular."""
    time_s = np.arange(0, 300, 0.9)
    time_s[5::period] -= 0.3
    found = derive_ibi(clear_beats(time_s), n_sample=1190)
    assert found.findings == ()
    np.testing.assert_array_equal(
        np.flatnonzero(found.beat_type == BeatType.ECTOPIC)[2:], np.arange(5, time_s.size, period)[2:]
    )


def test_a_night_with_few_intervals_is_told() -> None:
    """A quarter of the night has beats."""
    found = derive_ibi(clear_beats(np.arange(0.0, 100, 1.0)), n_sample=1600)
    assert [remark.code for remark in found.findings] == ["PSG-S031"]


# --- conditions of nights: a small form of benchmarks.ibi ----------------------------------------------------


@pytest.fixture(scope="module")
def scores() -> dict[tuple[str, int], Score]:
    """A quarter of an hour of every condition at the lowest rate and the usual one."""
    return {
        (name, rate_hz): score_case(make_case(name, rate_hz, seed=31, hours=0.25))
        for name in CONDITIONS
        for rate_hz in (100, 256)
    }


@pytest.mark.parametrize("condition", CONDITIONS)
def test_nothing_wrong_is_called_valid(scores: dict[tuple[str, int], Score], condition: str) -> None:
    """At most 0.5 % of what is valid is more than 20 ms off, and undisturbed parts are covered."""
    found = [scores[condition, rate_hz] for rate_hz in (100, 256)]
    assert sum(score.n_off for score in found) <= 0.005 * sum(score.n_valid for score in found)
    assert min(score.coverage_elsewhere for score in found) >= 0.8


@pytest.mark.parametrize("rate_hz", [100, 256])
def test_clean_nights_are_exact(scores: dict[tuple[str, int], Score], rate_hz: int) -> None:
    """Median and 95th percentile of the error, RMSSD and coverage."""
    found = scores["clean", rate_hz]
    assert found.median_ms <= 2
    assert found.p95_ms <= 8
    assert abs(found.rmssd_error_ms) <= 2
    assert found.coverage >= 0.999


def test_what_is_scored_is_scored_right() -> None:
    """The score of a derivation that is 30 ms off in a tenth of the night says so."""
    case = make_case("clean", 256, seed=5, hours=0.1)
    found = derive_ibi(clear_beats(case.beats.time_s), n_sample=1440)
    exact = score_case(case, found)
    wrong = found.value.copy()
    wrong[100:244] += OFF_S + 0.01
    spoiled = score_case(case, replace(found, value=wrong))
    assert exact.off_share == 0
    assert spoiled.off_share == pytest.approx(144 / np.isfinite(found.value).sum())

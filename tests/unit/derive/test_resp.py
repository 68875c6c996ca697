"""Respiration from belts or flow: weights, signs, scale, losses, polarity, gain steps, phase."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.derive.breaths import find_breaths
from pipeline.derive.resp import Resp, derive_resp
from tests.breathing import RATE_HZ, Breathing, Floats, breathe, drift, noise, respiration, sensors


@pytest.fixture(scope="module")
def asleep() -> Breathing:
    return breathe()


def codes(resp: Resp) -> set[str]:
    return {found.code for found in resp.findings}


def size(value: Floats) -> float:
    return float(np.sqrt(np.nanmean(np.square(value))))


def between(begin_s: float, end_s: float) -> slice:
    return slice(round(begin_s * RATE_HZ), round(end_s * RATE_HZ))


def test_value_is_the_weighted_sum(asleep: Breathing) -> None:
    """One weight a belt for the whole night, and nothing else."""
    given = sensors(thor=asleep.volume, abdo=0.3 * asleep.volume + noise(0.02, asleep.volume))
    resp = derive_resp(given)
    assert resp is not None
    assert resp.source == "belts"
    expected = sum(resp.weights[one.channel] * one.value.astype(float) for one in given)
    np.testing.assert_allclose(resp.value, expected, atol=1e-5)


def test_belts_have_equal_shares(asleep: Breathing) -> None:
    """What counts is the breathing in a belt, not its amplifier."""
    resp = respiration(thor=asleep.volume, abdo=1000 * asleep.volume)
    assert resp.weights["thor"] == pytest.approx(1000 * resp.weights["abdo"], rel=1e-3)
    same = respiration(thor=asleep.volume, abdo=asleep.volume)
    np.testing.assert_allclose(resp.value, same.value, atol=1e-4)


def test_scale_is_the_night_s(asleep: Breathing) -> None:
    """Half the range from the 5th to the 95th percentile is 1: the factor that a store would divide by."""
    resp = respiration(thor=0.01 * asleep.volume, abdo=0.02 * asleep.volume)
    low, high = np.percentile(resp.value, [5, 95])
    assert (high - low) / 2 == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize(("thor", "abdo"), [(-1, 1), (1, -1), (-1, -1)])
def test_swapped_signs_change_weights_only(asleep: Breathing, thor: int, abdo: int) -> None:
    """A belt that is upside down gives the same respiration."""
    right = respiration(thor=asleep.volume, abdo=0.5 * asleep.volume)
    swapped = respiration(thor=thor * asleep.volume, abdo=abdo * 0.5 * asleep.volume)
    np.testing.assert_allclose(swapped.value, right.value, atol=1e-5)
    assert swapped.polarity == "inspiration_up"
    assert {n: np.sign(w) for n, w in swapped.weights.items()} == {"thor": thor, "abdo": abdo}


def opposed(asleep: Breathing, *, seconds: float = 20.0) -> Floats:
    """Return an abdomen that works against the rib cage for some seconds of every minute."""
    time_s = np.arange(asleep.volume.size) / RATE_HZ
    return np.where(time_s % 60 < seconds, -0.8, 1.0) * asleep.volume


def test_paradox_does_not_turn_the_night(asleep: Breathing) -> None:
    """Obstruction in a third of the night leaves the sign of both belts as it is in quiet breathing."""
    resp = respiration(thor=asleep.volume, abdo=opposed(asleep))
    assert all(weight > 0 for weight in resp.weights.values())
    inside, outside = resp.value[between(606, 616)], resp.value[between(626, 656)]
    assert size(inside) < 0.3 * size(outside)
    assert np.isfinite(resp.value).all()


@pytest.mark.parametrize("seconds", [30, 36, 42])
@pytest.mark.parametrize("with_flow", [True, False])
def test_paradox_for_most_of_the_night(asleep: Breathing, seconds: float, with_flow: bool) -> None:
    """In the severest apnea belts go together when air moves: flow tells, or that they move more."""
    apnea = np.arange(asleep.volume.size) / RATE_HZ % 60 < seconds
    belts = {
        "thor": np.where(apnea, 0.7, 1.0) * asleep.volume,
        "abdo": np.where(apnea, 0.7, 1.0) * opposed(asleep, seconds=seconds),
    }
    flow = {"airflow": np.where(apnea, 0.0, -1.0) * asleep.flow} if with_flow else {}
    resp = respiration(**belts, **flow)
    assert all(weight > 0 for weight in resp.weights.values())
    assert set(resp.weights) == {"thor", "abdo"}


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.5, 0.7])
def test_hypopneas_keep_their_size(ratio: float) -> None:
    """Fallen amplitude stays fallen, for minutes too; a working sensor in apnea is no missing one."""
    sleeper = breathe(depth=lambda t: ratio if 600 <= t < 720 else 1.0, wander=0.03)
    resp = respiration(thor=sleeper.volume, abdo=sleeper.volume)
    inside, before = resp.value[between(620, 700)], resp.value[between(400, 580)]
    assert size(inside) / size(before) == pytest.approx(ratio, abs=0.05)
    assert np.isfinite(resp.value).all()


@pytest.mark.parametrize("end", ["flat", "noise"])
def test_a_belt_lost_for_a_while(asleep: Breathing, end: str) -> None:
    """The other one goes on alone on the same scale, and it is said."""
    thor = asleep.volume.copy()
    thor[between(895, 1405)] = 0
    flat = np.zeros(thor.size, bool)
    if end == "flat":
        flat[between(900, 1380)] = True  # whole epochs only
    else:
        thor += noise(0.005, thor)
    resp = respiration({"thor": flat}, thor=thor, abdo=-0.2 * asleep.volume)
    whole = respiration(thor=asleep.volume, abdo=-0.2 * asleep.volume)
    assert resp.source == "belts"
    np.testing.assert_allclose(resp.value, whole.value, atol=0.05)
    assert "PSG-S024" in codes(resp)
    (found,) = (found for found in resp.findings if found.code == "PSG-S024")
    assert found.channel == "thor"
    assert "PSG-S022" not in codes(resp)


def test_both_belts_lost_is_missing(asleep: Breathing) -> None:
    """NaN where no belt works, and forty seconds on either side of those epochs, and nowhere else."""
    value = asleep.volume.copy()
    value[between(895, 1405)] = 0
    flat = np.zeros(value.size, bool)
    flat[between(900, 1380)] = True
    resp = respiration({"thor": flat, "abdo": flat}, thor=value, abdo=value)
    missing = np.flatnonzero(np.isnan(resp.value)) / RATE_HZ
    assert missing[0] == pytest.approx(860, abs=0.3)
    assert missing[-1] == pytest.approx(1420, abs=0.3)
    assert np.isnan(resp.value[between(missing[0], missing[-1])]).all()


def test_missing_samples_stay_missing(asleep: Breathing) -> None:
    """A gap of the file is a gap of the only sensor, to the sample."""
    value = asleep.volume.copy()
    value[between(300, 310)] = np.nan
    resp = respiration(abdo=value)
    np.testing.assert_array_equal(np.isnan(resp.value), np.isnan(value))


def test_input_is_not_changed(asleep: Breathing) -> None:
    """Channels go to the store as well."""
    given = sensors({"thor": np.ones(asleep.volume.size, bool)}, thor=asleep.volume, abdo=asleep.volume)
    before = [one.value.copy() for one in given]
    derive_resp(given)
    for one, value in zip(given, before, strict=True):
        np.testing.assert_array_equal(one.value, value)


@pytest.mark.parametrize("nothing", ["noise", "drift", "flat", "zero", "missing"])
def test_a_sensor_without_breathing_is_not_used(asleep: Breathing, nothing: str) -> None:
    """Blown up to the size of the other belt it would drown it; alone it is no respiration at all."""
    like = asleep.volume
    value = {
        "noise": noise(1, like),
        "drift": drift(like),
        "flat": like,
        "zero": np.zeros(like.size),
        "missing": np.full(like.size, np.nan),
    }[nothing]
    flat = {"abdo": np.full(like.size, nothing == "flat")}
    resp = respiration(flat, thor=like, abdo=value)
    assert resp.source == "thor"
    assert "PSG-S020" in codes(resp)
    assert derive_resp(sensors(flat, abdo=value)) is None


def test_no_sensor_is_no_respiration() -> None:
    """Absence is None, never zeros."""
    assert derive_resp([]) is None


def test_belts_without_a_common_sign_are_not_added(asleep: Breathing) -> None:
    """A quarter of a cycle apart neither sign is right: one belt stands for both."""
    time_s = np.arange(asleep.volume.size) / RATE_HZ
    sine, cosine = np.sin(2 * np.pi * 0.25 * time_s), np.cos(2 * np.pi * 0.25 * time_s)
    resp = respiration(thor=sine + noise(0.1, sine), abdo=cosine)
    assert resp.source == "abdo"  # the more regular one
    assert "PSG-S021" in codes(resp)


@pytest.mark.parametrize(
    ("channels", "source"),
    [
        (("airflow", "nasal_pressure", "abdo"), "abdo"),
        (("airflow", "nasal_pressure"), "nasal_pressure"),
        (("airflow",), "airflow"),
    ],
)
def test_order_of_sources(asleep: Breathing, channels: tuple[str, ...], source: str) -> None:
    """Belts, else nasal pressure, else thermal airflow, whatever the order in the file."""
    resp = respiration(**{name: asleep.volume if name == "abdo" else asleep.flow for name in channels})
    assert resp.source == source
    assert resp.is_flow == (source != "abdo")


def test_a_source_for_less_than_half_the_night_gives_way(asleep: Breathing) -> None:
    """A belt that fell off early leaves the night to the cannula."""
    belt = asleep.volume.copy()
    belt[between(600, 1800)] = np.nan
    assert respiration(thor=belt, nasal_pressure=asleep.flow).source == "nasal_pressure"
    flow = asleep.flow.copy()
    flow[between(300, 1800)] = np.nan
    assert respiration(thor=belt, nasal_pressure=flow).source == "thor"


@pytest.mark.parametrize("per_minute", [8, 12, 16, 24, 32])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("channel", ["thor", "nasal_pressure"])
def test_polarity_is_found(per_minute: int, sign: int, channel: str) -> None:
    """Inspiration is the shorter part of a breath, and the rest is after expiration."""
    sleeper = breathe(per_minute)
    wave = sleeper.volume if channel == "thor" else sleeper.flow
    resp = respiration(**{channel: sign * wave})
    assert resp.polarity == "inspiration_up"
    assert np.sign(resp.weights[channel]) == sign


def test_polarity_of_a_sine_is_unknown(asleep: Breathing) -> None:
    """What rises as it falls tells nothing, and that is said."""
    sine = np.sin(2 * np.pi * 0.25 * np.arange(asleep.volume.size) / RATE_HZ)
    resp = respiration(thor=sine, abdo=sine)
    assert resp.polarity == "unknown"
    assert "PSG-S023" in codes(resp)


@pytest.mark.parametrize("sign", [1, -1])
def test_flow_helps_where_belts_do_not_tell(sign: int) -> None:
    """A flow whose own asymmetry is plain decides for belts that are symmetric."""
    time_s = np.arange(1800 * RATE_HZ) / RATE_HZ
    wave = 2 * np.pi * 0.25 * time_s
    flow = np.cos(wave) + 0.4 * np.cos(2 * wave)  # short in, long out
    resp = respiration(thor=sign * np.sin(wave), nasal_pressure=flow)
    assert resp.source == "thor"
    assert resp.polarity == "inspiration_up"
    assert np.sign(resp.weights["thor"]) == sign
    assert resp.evidence["nasal_pressure_agreement"] * sign > 0.8


def test_gain_steps_are_flagged_not_corrected(asleep: Breathing) -> None:
    """A belt that slips to a third stays at a third, and one step says when and by how much."""
    slipped = asleep.volume * np.where(np.arange(asleep.volume.size) < 900 * RATE_HZ, 1, 1 / 3)
    resp = respiration(thor=slipped)
    (step,) = resp.gain_steps
    assert step.channel == "thor"
    assert step.time_s == pytest.approx(900, abs=60)
    assert step.ratio == pytest.approx(1 / 3, rel=0.1)
    assert size(resp.value[between(1000, 1700)]) / size(resp.value[between(100, 800)]) == pytest.approx(
        1 / 3, rel=0.1
    )
    assert "PSG-S022" in codes(resp)


def test_events_are_no_gain_steps() -> None:
    """Amplitude that returns within ten minutes is breathing."""
    sleeper = breathe(depth=lambda t: 0.4 if t % 300 < 120 else 1.0)
    assert respiration(thor=sleeper.volume).gain_steps == ()


@pytest.mark.parametrize("sign", [1, -1])
def test_phase_between_belts(sign: int) -> None:
    """Zero in quiet breathing however the belts are wired, 180 degrees in paradox, the lag between."""
    time_s = np.arange(1800 * RATE_HZ) / RATE_HZ
    lag = np.select([time_s < 900, time_s < 1200], [0, np.pi / 4], np.pi)
    wave = 2 * np.pi * 0.25 * time_s
    thor, abdo = np.sin(wave) + 0.2 * np.sin(2 * wave), np.sin(wave - lag) + 0.2 * np.sin(2 * (wave - lag))
    resp = respiration(thor=thor, abdo=sign * abdo)
    assert np.median(resp.phase_deg[:30]) == pytest.approx(0, abs=2)
    assert np.median(resp.phase_deg[30:40]) == pytest.approx(45, abs=5)
    assert np.median(np.abs(resp.phase_deg[40:])) == pytest.approx(180, abs=2)


def test_phase_needs_both_belts(asleep: Breathing) -> None:
    """No second belt, no phase; no second belt for some epochs, none there."""
    assert np.isnan(respiration(thor=asleep.volume).phase_deg).all()
    gone = asleep.volume.copy()
    gone[between(600, 690)] = np.nan
    phase = respiration(thor=gone, abdo=asleep.volume).phase_deg
    assert np.flatnonzero(np.isnan(phase)).tolist() == [20, 21, 22]


@pytest.mark.parametrize("minutes", [0.5, 1, 8])
def test_short_recordings(minutes: float) -> None:
    """Half a minute of breathing is respiration, of unknown polarity where it is too little to tell."""
    sleeper = breathe(minutes=minutes)
    resp = respiration(thor=sleeper.volume, abdo=sleeper.volume)
    assert np.isfinite(resp.value).all()
    assert (resp.polarity == "unknown") == (minutes < 8)


@pytest.mark.parametrize("seed", range(25))
def test_whatever_comes(seed: int) -> None:
    """Channels that breathe, do not, rest, jump or have holes: arrays of the right form, or nothing."""
    rng = np.random.default_rng(seed)
    n = 120 * int(rng.integers(1, 60))
    channels = {}
    for name in ("thor", "abdo", "nasal_pressure", "airflow"):
        breathing = breathe(float(rng.integers(6, 40)), seed=seed, wander=0.2).volume[:n]
        spikes = np.where(rng.random(n) < 0.01, 1e6, 0.0)
        choices = [breathing, breathing, breathing, rng.standard_normal(n), np.zeros(n), spikes]
        value = np.resize(choices[int(rng.integers(6))], n) * 10.0 ** rng.integers(-6, 7)
        for first in rng.integers(0, n, 3):
            value[first : first + int(rng.integers(1, 600))] = rng.choice([np.nan, 0.0, 5.0])
        channels[name] = value
    flat = {name: np.repeat(rng.random(n // 120) < 0.05, 120) for name in channels}
    resp = derive_resp(sensors(flat, **channels))
    if resp is None:
        return
    breaths = find_breaths(resp)
    assert (resp.value.shape, resp.value.dtype) == ((n,), np.float32)
    assert (breaths.bbi.shape, breaths.bbi.dtype) == ((n,), np.float32)
    assert (resp.phase_deg.shape, resp.phase_deg.dtype) == ((n // 120,), np.float32)
    assert not np.isinf(resp.value).any()
    assert not np.isfinite(breaths.bbi[np.isnan(resp.value)]).any()
    assert np.isfinite([*resp.weights.values(), *resp.weights_alone.values(), *resp.evidence.values()]).all()

"""Derived channels of whole nights against the sleeper's truth: the right channel, or an honest absence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from pipeline.derive.breaths import BBI_LIMITS_S
from pipeline.derive.ibi import IBI_LIMITS_S
from pipeline.verify.store import verify_store
from pipeline.write.store import write_store
from schemas.kinds import POSSIBLE, Kind
from schemas.quality import QualityFlag
from schemas.store import ARRAYS
from tests.derived_nights import Sensor, Sleeper, converted, sleeper

Floats = NDArray[np.float64]
HOURS = 0.75
N_SECOND = round(HOURS * 3600)
BELTS = ("thor", "abdo")
BREATHING = (*BELTS, "nasal_pressure", "airflow")
TABLES = ("beat_time_s", "breath_time_s", "desaturation_onset_s")


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Sleeper:
    """A sleeper with apneas, hypopneas, desaturations and ectopic beats, every sensor sound."""
    return sleeper(tmp_path_factory.mktemp("download"), hours=HOURS, seed=1)


@pytest.fixture(scope="module")
def whole(person: Sleeper, tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """The night with every sensor."""
    return converted(tmp_path_factory.mktemp("whole"), person.sensors)


def flat(ds: xr.Dataset, channel: str) -> Floats:
    return np.asarray(ds[channel].values.reshape(-1), np.float64)


def codes(ds: xr.Dataset) -> set[str]:
    """Findings about derived channels and what they come from."""
    return {row["code"] for row in ds.attrs["findings"] if row["code"] >= "PSG-S020"}


def bits(ds: xr.Dataset, channel: str) -> NDArray[np.uint16]:
    return np.asarray(ds["quality"].sel(channel=channel).values)


def wiped(sensor: Sensor, begin_s: float, end_s: float) -> Sensor:
    """Return a sensor that rests on its rail for a time."""
    value, rate_hz, unit = sensor
    value = value.copy()
    value[round(begin_s * rate_hz) : round(end_s * rate_hz)] = np.abs(value).max()
    return value, rate_hz, unit


def nearest_s(found_s: Floats, truth_s: Floats) -> Floats:
    """Return how far each found time is from the nearest true one."""
    after = np.clip(np.searchsorted(truth_s, found_s), 1, truth_s.size - 1)
    return np.minimum(np.abs(truth_s[after] - found_s), np.abs(found_s - truth_s[after - 1]))


# --- the whole night ---------------------------------------------------------------------------------------


def test_intervals_are_those_of_the_heart(person: Sleeper, whole: xr.Dataset) -> None:
    """An instant carries the interval that it lies in: 2 ms off in the median, 8 ms in 95 of 100."""
    beat_s = person.truth["beat_time_s"]
    time_s = np.arange(N_SECOND * 4) / 4
    held = np.searchsorted(beat_s, time_s, side="right") - 1
    inside = (held >= 0) & (held < beat_s.size - 1)
    error_s = np.abs(flat(whole, "ibi")[inside] - np.diff(beat_s)[held[inside]])
    known = np.isfinite(error_s)
    assert known.mean() > 0.95
    assert np.median(error_s[known]) <= 0.002
    assert np.quantile(error_s[known], 0.95) <= 0.008


def test_table_of_beats(person: Sleeper, whole: xr.Dataset) -> None:
    """Every beat of the night is a row at its instant, in order, with a type and a judgement."""
    time_s, truth_s = whole["beat_time_s"].values, person.truth["beat_time_s"]
    truth_s = truth_s[(truth_s > 1) & (truth_s < N_SECOND - 1)]
    assert (np.diff(time_s) > 0).all()
    assert (nearest_s(truth_s, time_s) < 0.02).mean() > 0.99
    assert abs(time_s.size - truth_s.size) <= 5
    assert set(whole["beat_type"].values) <= {0, 1, 2}
    assert whole["beat_valid"].values.mean() > 0.95


def test_normal_intervals_are_among_the_intervals(whole: xr.Dataset) -> None:
    """``nn_valid`` is -1 where there is no interval, and 1 for most others of a healthy heart."""
    nn, known = whole["nn_valid"].values, np.isfinite(whole["ibi"].values)
    np.testing.assert_array_equal(nn >= 0, known)
    assert (nn[known] == 1).mean() > 0.9


def test_respiration_and_breaths(person: Sleeper, whole: xr.Dataset) -> None:
    """Inspiration is up, the belts are named, and breaths begin when the sleeper's do."""
    attrs = whole["resp"].attrs
    assert (attrs["source"], attrs["source_label"], attrs["derived_from"]) == ("belts", "thor + abdo", [*BELTS])
    assert (attrs["polarity"], attrs["primary"], attrs["modality"]) == ("inspiration_up", 1, "resp")
    assert np.isfinite(whole["resp"].values).all()
    breath_s, truth_s = whole["breath_time_s"].values, person.truth["breath_time_s"]
    assert (np.diff(breath_s) > 0).all()
    real = breath_s[whole["breath_obstructed"].values == 0]
    assert (nearest_s(real, truth_s) < 0.5).mean() > 0.95


def test_hypopneas_keep_their_ratios(person: Sleeper, whole: xr.Dataset) -> None:
    """A hypopnea's swings over those of the breathing around have the generator's ratio to within a tenth."""
    resp, truth = flat(whole, "resp"), person.truth
    swing = np.ptp(np.lib.stride_tricks.sliding_window_view(resp, 24), axis=1)  # six seconds hold a breath
    onset_s, end_s = truth["event_onset_s"], truth["event_onset_s"] + truth["event_duration_s"]
    breathing = np.isin(truth["event_type"], ["hypopnea", "obstructive_apnea", "central_apnea", "mixed_apnea"])
    quiet = np.ones(swing.size, bool)
    for begin, stop in zip(onset_s[breathing], end_s[breathing], strict=True):
        quiet[max(0, int(4 * begin) - 40) : int(4 * stop) + 100] = False  # recovery breaths are large
    usual = np.median(swing[quiet])
    hypopneas = np.flatnonzero(truth["event_type"] == "hypopnea")
    ratios = [
        np.median(swing[int(4 * onset_s[k]) + 20 : int(4 * end_s[k]) - 36]) / usual / truth["event_effort_ratio"][k]
        for k in hypopneas
        if end_s[k] - onset_s[k] > 16
    ]
    assert len(ratios) >= 10
    assert np.median(ratios) == pytest.approx(1, abs=0.1)


def test_desaturations(person: Sleeper, whole: xr.Dataset) -> None:
    """Rows of both rules are sorted by onset, fall as far as they say, and are the sleeper's."""
    rule, onset_s = whole["desaturation_rule_percent"].values, whole["desaturation_onset_s"].values
    fall = whole["desaturation_baseline_percent"].values - whole["desaturation_nadir_percent"].values
    assert (np.diff(onset_s) >= 0).all()
    assert (fall >= rule - 0.05).all()
    three, four = (onset_s[rule == percent] for percent in (3, 4))
    assert 0 < four.size <= three.size
    truth_s = person.truth["event_onset_s"][person.truth["event_type"] == "desaturation"]
    assert (nearest_s(truth_s, three) < 15).mean() > 0.9


def test_store_holds_what_was_derived(whole: xr.Dataset, tmp_path: Path) -> None:
    """Written, verified, read back; stored belts with stored weights add up to stored respiration."""
    attrs = {"sources": [], "fingerprint": "f"}
    write_store(whole.assign_attrs(attrs), tmp_path / "n.zarr")
    assert verify_store(tmp_path / "n.zarr").problems == ()
    opened = xr.open_zarr(tmp_path / "n.zarr")
    for name in (name for name in ARRAYS if name not in {"quality", "channel"}):
        np.testing.assert_array_equal(opened[name].values, whole[name].values)
    np.testing.assert_allclose(opened["ibi"].values, whole["ibi"].values, atol=2**-14)
    np.testing.assert_allclose(opened["bbi"].values, whole["bbi"].values, atol=2**-12)
    source = {c: opened[c].values * opened[c].attrs["night_factor"] for c in ("resp", *BELTS)}
    weights = opened["resp"].attrs["weights"]
    added = sum(weights[belt] * source[belt] for belt in BELTS)
    np.testing.assert_allclose(added, source["resp"], atol=0.01)


def test_limits_are_said_once() -> None:
    """What a store may hold is what the derivations give."""
    assert (POSSIBLE[Kind.IBI], POSSIBLE[Kind.BBI]) == (IBI_LIMITS_S, BBI_LIMITS_S)


def test_order_of_channels_in_the_file_does_not_matter(person: Sleeper, whole: xr.Dataset, tmp_path: Path) -> None:
    """The same sensors in another order give the same derived channels and tables."""
    turned = converted(tmp_path / "n", dict(reversed(person.sensors.items())))
    for name in ("ibi", "resp", "bbi", "nn_valid", "resp_phase_deg", *TABLES):
        np.testing.assert_array_equal(turned[name].values, whole[name].values)


# --- sensors that fail -------------------------------------------------------------------------------------


@pytest.mark.parametrize("belt", BELTS)
def test_a_belt_lost_in_the_night(person: Sleeper, whole: xr.Dataset, tmp_path: Path, belt: str) -> None:
    """The other belt goes on alone on the same scale, without a hole, and a finding says where."""
    ds = converted(tmp_path / "n", {**person.sensors, belt: wiped(person.sensors[belt], 1200, 2100)})
    assert np.isfinite(ds["resp"].values).all()
    assert ds["resp"].attrs["source"] == "belts"
    assert "PSG-S024" in codes(ds)
    alone = slice(4 * 1300, 4 * 2000)
    ratio = np.std(flat(ds, "resp")[alone]) / np.std(flat(whole, "resp")[alone])
    assert ratio == pytest.approx(1, abs=0.2)
    assert np.corrcoef(flat(ds, "resp")[alone], flat(whole, "resp")[alone])[0, 1] > 0.9


def test_both_belts_lost_for_a_time(person: Sleeper, tmp_path: Path) -> None:
    """Respiration is missing there and nowhere else, and quality says that the sensor was."""
    lost = {belt: wiped(person.sensors[belt], 1200, 1800) for belt in BELTS}
    ds = converted(tmp_path / "n", {**person.only(*BELTS), **lost})
    gone = np.isnan(flat(ds, "resp"))
    assert gone[4 * 1200 : 4 * 1800].all()
    assert not gone[: 4 * 1100].any()
    assert not gone[4 * 1900 :].any()
    np.testing.assert_array_equal(
        np.isnan(ds["resp"].values).any(axis=1), bits(ds, "resp") == QualityFlag.NO_SIGNAL
    )
    assert np.isnan(flat(ds, "bbi"))[gone].all()


def test_a_turned_belt_is_turned_back(person: Sleeper, whole: xr.Dataset, tmp_path: Path) -> None:
    """Swapped wires change the weight's sign and nothing else."""
    value, *rest = person.sensors["thor"]
    ds = converted(tmp_path / "n", {**person.sensors, "thor": (-value, *rest)})
    assert ds["resp"].attrs["weights"]["thor"] == pytest.approx(-whole["resp"].attrs["weights"]["thor"], rel=1e-2)
    np.testing.assert_allclose(flat(ds, "resp"), flat(whole, "resp"), atol=0.02)


def test_airflow_alone(person: Sleeper, tmp_path: Path) -> None:
    """Without belts and cannula the thermistor tells, upright although it cools with inspiration."""
    ds = converted(tmp_path / "n", person.only("ecg", "airflow"))
    assert (ds["resp"].attrs["source"], ds["resp"].attrs["source_label"]) == ("airflow", "airflow")
    truth_s = person.truth["breath_time_s"]
    assert (nearest_s(ds["breath_time_s"].values, truth_s) < 0.6).mean() > 0.9
    assert np.isnan(ds["resp_phase_deg"].values).all()


def test_no_sensor_of_respiration(person: Sleeper, tmp_path: Path) -> None:
    """Neither ``resp`` nor ``bbi`` is there, the table is empty, and a finding says why."""
    ds = converted(tmp_path / "n", person.only("ecg"))
    assert not {"resp", "bbi"} & set(ds["channel"].values)
    assert ds.sizes["breath"] == 0
    assert np.isnan(ds["resp_phase_deg"].values).all()
    assert "PSG-S028" in codes(ds)


def test_sensors_that_nobody_wears(person: Sleeper, tmp_path: Path) -> None:
    """Noise on every respiratory channel is no respiration."""
    rng = np.random.default_rng(4)
    noise = {name: (rng.standard_normal(person.sensors[name][0].size), *person.sensors[name][1:]) for name in BELTS}
    ds = converted(tmp_path / "n", {**person.only("ecg"), **noise})
    assert "resp" not in ds["channel"].values
    assert "PSG-S029" in codes(ds)


@pytest.mark.parametrize("rate_hz", [None, 1, 64], ids=["no ECG", "1 Hz", "64 Hz"])
def test_no_ecg_to_find_beats_in(person: Sleeper, tmp_path: Path, rate_hz: int | None) -> None:
    """No ``ibi``, no beats, -1 in ``nn_valid``, a finding, and a sound store."""
    sensors = person.without("ecg")
    if rate_hz is not None:
        value, native_hz, unit = person.sensors["ecg"]
        sensors["ecg"] = (value[:: round(native_hz / rate_hz)], rate_hz, unit)
    ds = converted(tmp_path / "n", sensors)
    assert "ibi" not in ds["channel"].values
    assert (ds.sizes["beat"], set(np.unique(ds["nn_valid"]))) == (0, {-1})
    assert "PSG-S025" in codes(ds)
    write_store(ds.assign_attrs(sources=[], fingerprint="f"), tmp_path / "n.zarr")
    assert verify_store(tmp_path / "n.zarr").problems == ()


def test_an_ecg_that_nobody_wears(person: Sleeper, tmp_path: Path) -> None:
    """Noise has maxima, and none that can be trusted: no intervals, and a finding."""
    value, *rest = person.sensors["ecg"]
    noise = 0.05 * np.random.default_rng(3).standard_normal(value.size)
    ds = converted(tmp_path / "n", {"ecg": (noise, *rest), **person.only("thor")})
    intervals = np.isfinite(flat(ds, "ibi")).mean() if "ibi" in ds["channel"].values else 0.0
    assert intervals < 0.005
    assert not (ds["nn_valid"].values == 1).any()


def test_the_lead_comes_off(person: Sleeper, tmp_path: Path) -> None:
    """While the ECG rests on its rail there is neither beat nor interval, and quality says no signal."""
    ds = converted(tmp_path / "n", {**person.sensors, "ecg": wiped(person.sensors["ecg"], 900, 1500)})
    beat_s = ds["beat_time_s"].values[ds["beat_valid"].values == 1]
    assert not ((beat_s > 901) & (beat_s < 1499)).any()
    assert np.isnan(flat(ds, "ibi")[4 * 902 : 4 * 1498]).all()
    assert np.isfinite(flat(ds, "ibi")[4 * 1520 :]).mean() > 0.95
    assert (bits(ds, "ibi")[31:49] & QualityFlag.NO_SIGNAL != 0).all()


def test_another_lead_stands_in(person: Sleeper, whole: xr.Dataset, tmp_path: Path) -> None:
    """Where the primary ECG has no beats for most of the night, the second lead's are taken, and it is said."""
    dead = wiped(person.sensors["ecg"], 0, 0.8 * N_SECOND)
    ds = converted(tmp_path / "n", {"ecg": dead, "ecg_2": person.sensors["ecg"], **person.only("thor")})
    assert ds["ecg"].attrs["primary"] == 1
    assert ds["ibi"].attrs["derived_from"] == ["ecg_2"]
    assert {row["channel"] for row in ds.attrs["findings"] if row["code"] == "PSG-S027"} == {"ecg_2"}
    np.testing.assert_allclose(flat(ds, "ibi"), flat(whole, "ibi"), atol=0.002)


def test_a_bad_status_of_the_ecg_masks_its_beats(person: Sleeper, tmp_path: Path) -> None:
    """While the electrode-off signal is up no beat is found, and the bit says why."""
    off = np.zeros(N_SECOND)
    off[600:700] = 1
    mask = {"masked_by": [{"label": "ECG_Off", "bad": [1], "source": "made up"}]}
    ds = converted(tmp_path / "n", {**person.sensors, "ECG_Off": (off, 1, "")}, {"ecg": mask})
    beat_s = ds["beat_time_s"].values
    assert not ((beat_s >= 600) & (beat_s < 700)).any()
    assert ((beat_s > 590) & (beat_s < 600)).any()
    assert (bits(ds, "ibi")[20:23] & QualityFlag.BAD_STATUS != 0).all()
    assert (bits(ds, "ibi")[30:] & QualityFlag.BAD_STATUS == 0).all()


def test_intervals_of_the_file_stand(person: Sleeper, tmp_path: Path) -> None:
    """An ``ibi`` that the montage reads from the file is not derived as well."""
    wearable = np.full(N_SECOND * 4, 0.875)
    ds = converted(tmp_path / "n", {**person.sensors, "ibi": (wearable, 4, "s")})
    assert ds["ibi"].attrs["resampler"] == "sample and hold"
    assert np.nanmax(np.abs(ds["ibi"].values - 0.875)) < 1e-3
    assert ds.sizes["beat"] == 0


def leads(person: Sleeper) -> Iterator[tuple[str, Sensor]]:
    """Two electrodes whose difference is the ECG; each has a hum far larger than it."""
    value, rate_hz, unit = person.sensors["ecg"]
    hum = 3 * np.sin(2 * np.pi * 50 * np.arange(value.size) / rate_hz)
    yield "LA", (value + hum, rate_hz, unit)
    yield "RA", (hum, rate_hz, unit)


def test_beats_in_a_difference_of_leads(person: Sleeper, whole: xr.Dataset, tmp_path: Path) -> None:
    """A derivation is subtracted before beats are looked for."""
    rule = {"labels": [], "derivation": {"plus": "LA", "minus": "RA"}}
    ds = converted(tmp_path / "n", {**dict(leads(person)), **person.only("thor")}, {"ecg": rule})
    np.testing.assert_allclose(flat(ds, "ibi"), flat(whole, "ibi"), atol=0.004)

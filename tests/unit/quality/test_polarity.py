"""Evidence about signs: exact where it can be, true to synthetic truth, silent where there is little."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from pipeline.channels import ChannelPlan, Lead
from pipeline.files.discover import discover
from pipeline.harmonise import harmonise
from pipeline.manifests.load import load_manifest
from pipeline.process import Channel
from pipeline.quality.polarity import polarity_attributes
from pipeline.synth import synthesise
from pipeline.verify.store import verify_store
from pipeline.write.store import write_store
from schemas.montage import ChannelRule
from schemas.quality import QualityFlag
from schemas.units import Unit
from schemas.vocabulary import Polarity, Stage

FAST = 3840  # samples of an epoch
NAMES = ("eeg_c4_m1", "eeg_c3_m2", "eog_l", "eog_r")
Night = dict[str, np.ndarray[Any, Any]]


def channel(name: str, value: np.ndarray[Any, Any]) -> Channel:
    """A channel without a remark; missing where NaN."""
    rule = ChannelRule.model_validate({"channel": name, "labels": ["A"]})
    plan = ChannelPlan(rule, (Lead(0, 1.0),), "A", Unit.MICROVOLT, Fraction(128), None, Polarity.AS_HEADER, ())
    usable = np.isfinite(value).mean(axis=1, dtype=np.float32)
    return Channel(plan, value.astype(np.float32), np.zeros(len(value), np.uint16), usable)


def evidence(night: Night, stage: np.ndarray[Any, Any]) -> dict[str, dict[str, Any]]:
    return polarity_attributes([channel(name, value) for name, value in night.items()], stage)


def scored(**n_epoch: int) -> np.ndarray[Any, Any]:
    """Stages in the order given, e.g. ``scored(W=3, N2=10)``."""
    return np.concatenate([np.full(n, Stage[name], np.int8) for name, n in n_epoch.items()])


@pytest.fixture
def night() -> Night:
    """Forty epochs in which the channels share a part that is not symmetric; in the outer ones the eyes turn."""
    rng = np.random.default_rng(5)
    common, eyes = np.exp(rng.standard_normal((40, 240))), 5 * rng.standard_normal((40, 240))
    eyes[10:30] = 0
    blocks = {"eeg_c4_m1": -common, "eeg_c3_m2": -common, "eog_l": eyes - common, "eog_r": -eyes - common}
    return {
        name: np.repeat(20 * (block + rng.standard_normal((40, 240))), 16, axis=1).astype(np.float32)
        for name, block in blocks.items()
    }


STAGES = scored(W=10, N2=10, N3=10, REM=10)


def flipped_evidence(found: dict[str, dict[str, Any]], channel: str) -> dict[str, dict[str, Any]]:
    """What the evidence must be when one channel is turned: its own numbers and those with it change the sign."""
    turned: dict[str, dict[str, Any]] = json.loads(json.dumps(found))
    for name, attrs in turned.items():
        for key in {"polarity_sleep_correlation", "polarity_eye_correlation"} & set(attrs):
            attrs[key] = {o: -r if channel in (name, o) else r for o, r in attrs[key].items()}
    turned[channel]["polarity_slow_wave_asymmetry"] *= -1
    return turned


@pytest.mark.parametrize("turned", NAMES)
def test_flipping_a_channel_changes_the_sign_of_its_evidence_and_nothing_else(night: Night, turned: str) -> None:
    """Exactly, to the last digit."""
    before = evidence(night, STAGES)
    assert evidence(night | {turned: -night[turned]}, STAGES) == flipped_evidence(before, turned)


def test_flipping_all_channels_leaves_correlations_as_they_were(night: Night) -> None:
    """Only the asymmetry can tell that a whole night is upside down."""
    before, after = evidence(night, STAGES), evidence({name: -v for name, v in night.items()}, STAGES)
    for name in NAMES:
        assert after[name]["polarity_sleep_correlation"] == before[name]["polarity_sleep_correlation"]
        assert after[name]["polarity_slow_wave_asymmetry"] == -before[name]["polarity_slow_wave_asymmetry"] != 0


def test_what_is_told_of_each_channel(night: Night) -> None:
    """EEG has what sleep tells, EOG also what moving eyes tell, of the epochs of each."""
    found = evidence(night, STAGES)
    sleep = {
        *("polarity_stages", "polarity_n_sleep_epoch"),
        *("polarity_slow_wave_asymmetry", "polarity_sleep_correlation"),
    }
    eyes = {"polarity_n_eye_epoch", "polarity_eye_correlation"}
    assert {name: set(attrs) for name, attrs in found.items()} == {
        name: sleep | eyes if name.startswith("eog") else sleep for name in NAMES
    }
    assert (found["eog_l"]["polarity_n_sleep_epoch"], found["eog_l"]["polarity_n_eye_epoch"]) == (20, 20)
    assert {name: list(attrs["polarity_sleep_correlation"]) for name, attrs in found.items()} == {
        name: [other for other in NAMES if other != name] for name in NAMES
    }
    assert list(found["eog_l"]["polarity_eye_correlation"]) == ["eog_r"]


def test_asymmetry_is_the_skewness_of_means_of_an_eighth_of_a_second() -> None:
    """A wave of one block at -2 and two at 1 has skewness -1/sqrt(2), whatever moves faster than a block."""
    wave = np.repeat(np.tile([-2.0, 1.0, 1.0], 80), 16) + np.tile([5.0, -5.0], FAST // 2)
    found = evidence({"eeg_c4_m1": np.tile(wave, (10, 1))}, scored(N3=10))
    assert found == {
        "eeg_c4_m1": {
            "polarity_stages": "N2 N3",
            "polarity_n_sleep_epoch": 10,
            "polarity_slow_wave_asymmetry": -0.7071,
        }
    }


def test_correlations_are_those_of_numpy(night: Night) -> None:
    """Median over epochs of Pearson's coefficient, of the right stages."""
    block = {name: value.reshape(40, 240, 16).mean(axis=2) for name, value in night.items()}
    found = evidence(night, STAGES)
    for rows, key in (
        (slice(10, 30), "polarity_sleep_correlation"),
        (np.r_[0:10, 30:40], "polarity_eye_correlation"),
    ):
        r = [np.corrcoef(a, b)[0, 1] for a, b in zip(block["eog_l"][rows], block["eog_r"][rows], strict=True)]
        assert found["eog_l"][key]["eog_r"] == pytest.approx(np.median(r), abs=6e-5)


def test_gain_and_offset_do_not_matter(night: Night) -> None:
    """A sign is evidence of electrodes, not of amplifiers."""
    louder = {name: np.float32(8) * value for name, value in night.items()}
    shifted = {name: value + np.float32(1000) for name, value in night.items()}
    assert evidence(louder, STAGES) == evidence(night, STAGES)
    for name, attrs in evidence(shifted, STAGES).items():
        for key, value in evidence(night, STAGES)[name].items():
            assert attrs[key] == (pytest.approx(value, abs=1e-3) if not isinstance(value, str) else value)


# --- too little to tell --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "is_told"), [(9, False), (10, True)])
def test_ten_epochs_are_enough_and_nine_are_too_few(night: Night, n: int, is_told: bool) -> None:
    """Below the limit nothing is said at all, above it everything."""
    of_sleep = evidence(night, scored(N1=40 - n, N2=n))
    assert {name for name, attrs in of_sleep.items() if attrs} == (set(NAMES) if is_told else set())
    of_eyes = evidence(night, scored(N1=40 - n, REM=n))
    assert {name for name, attrs in of_eyes.items() if attrs} == ({"eog_l", "eog_r"} if is_told else set())


def test_a_pair_needs_ten_epochs_in_common(night: Night) -> None:
    """Two channels that were on in different halves of the night have evidence of their own, none together."""
    night["eeg_c4_m1"][20:], night["eeg_c3_m2"][:20] = np.nan, np.nan
    found = evidence(night, scored(N3=40))
    assert "eeg_c3_m2" not in found["eeg_c4_m1"]["polarity_sleep_correlation"]
    assert found["eeg_c4_m1"]["polarity_n_sleep_epoch"] == found["eeg_c3_m2"]["polarity_n_sleep_epoch"] == 20
    assert set(found["eog_l"]["polarity_sleep_correlation"]) == {"eeg_c4_m1", "eeg_c3_m2", "eog_r"}


def test_nothing_varies_nothing_is_told(night: Night) -> None:
    """A dead channel has no evidence, and the others none with it; nothing becomes NaN, nothing warns."""
    night["eeg_c3_m2"] = np.full_like(night["eeg_c3_m2"], 3.0)
    found = evidence(night, STAGES)
    assert found["eeg_c3_m2"] == {}
    assert set(found["eeg_c4_m1"]["polarity_sleep_correlation"]) == {"eog_l", "eog_r"}
    json.dumps(found, allow_nan=False)


def test_other_kinds_are_passed_over(night: Night) -> None:
    """The ECG has a polarity too, but not this evidence."""
    assert evidence({"ecg": night["eog_l"], "thor": night["eog_l"][:, :120]}, STAGES) == {}


# --- which epochs count --------------------------------------------------------------------------------------


def test_masked_and_remarked_epochs_do_not_matter(night: Night) -> None:
    """Whatever stands in an epoch with a missing sample or a remark, the evidence is that of the others."""
    channels = [channel(name, value.copy()) for name, value in night.items()]
    for one in channels:
        one.value[12:15, 100] = np.nan
        one.usable[12:15] = 1 - 1 / FAST
        one.value[12:15, 200:] = 1e6
        one.flag[25] = QualityFlag.FLAT
        one.value[25] = np.arange(FAST)
    rest = np.r_[0:12, 15:25, 26:40]
    found = polarity_attributes(channels, STAGES)
    assert found == evidence({name: value[rest] for name, value in night.items()}, STAGES[rest])
    assert found["eeg_c4_m1"]["polarity_n_sleep_epoch"] == 16


def test_a_few_epochs_of_movement_do_not_decide(night: Night) -> None:
    """The same large swing on all wires in a fifth of the epochs leaves every sign."""
    swing = np.float32(3000) * np.sin(np.arange(FAST) / 400, dtype=np.float32)
    shaken = {name: value.copy() for name, value in night.items()}
    for value in shaken.values():
        value[::5] += swing
    calm, moved = evidence(night, STAGES), evidence(shaken, STAGES)
    for name in NAMES:
        assert np.sign(moved[name]["polarity_slow_wave_asymmetry"]) == np.sign(
            calm[name]["polarity_slow_wave_asymmetry"]
        )
    assert moved["eog_l"]["polarity_eye_correlation"]["eog_r"] < -0.4


def test_a_night_without_stages_uses_all_epochs(night: Night) -> None:
    """Nobody scored it, so all epochs count, and none is known to have moving eyes."""
    found = evidence(night, np.full(40, Stage.UNSCORED, np.int8))
    assert {attrs["polarity_n_sleep_epoch"] for attrs in found.values()} == {40}
    assert {attrs["polarity_stages"] for attrs in found.values()} == {"unscored"}
    assert not [name for name, attrs in found.items() if "polarity_eye_correlation" in attrs]


def test_sleep_without_stages_is_told_from_wake(night: Night) -> None:
    """Where only sleep and wake were scored, sleep is unscored: it counts, and wake does not."""
    found = evidence(night, scored(W=15, UNSCORED=25))
    assert {attrs["polarity_n_sleep_epoch"] for attrs in found.values()} == {25}
    assert found["eog_l"]["polarity_n_eye_epoch"] == 15


def test_unscored_epochs_of_a_scored_night_do_not_count(night: Night) -> None:
    """One epoch of sleep makes a scored night, and without N2 and N3 it tells nothing of slow waves."""
    assert "polarity_stages" not in evidence(night, scored(N1=1, UNSCORED=39))["eeg_c4_m1"]


# --- whole nights --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", ["shhs", "mesa", "synthetic"])
def test_signs_of_synthetic_nights(recipe: str, tmp_path: Path) -> None:
    """An EEG channel's asymmetry has the sign opposite to the truth's, a correlation that of its two signs."""
    synthesise(tmp_path, recipe=recipe, nights=2, hours=0.75, seed=3, faults=False, workers=1)
    manifest = load_manifest(recipe)
    for source in discover(manifest, tmp_path):
        ds = harmonise(source, manifest)
        truth = np.load(tmp_path / "truth" / f"{source.signals[0].stem}.npz")
        by_label = dict(zip(truth["label"].tolist(), truth["sign"].tolist(), strict=True))
        sign = {
            name: by_label[ds[name].attrs["source_label"]]
            for name in map(str, ds["channel"].values)
            if name.startswith("eeg_")
        }
        assert len(sign) >= 2
        for name, true in sign.items():
            attrs = ds[name].attrs
            assert np.sign(attrs["polarity_slow_wave_asymmetry"]) == -true
            assert {o: np.sign(r) for o, r in attrs["polarity_sleep_correlation"].items() if o in sign} == {
                other: true * sign[other] for other in sign if other != name
            }
        assert ds["eog_l"].attrs["polarity_eye_correlation"]["eog_r"] < -0.3
        assert ds["eog_l"].attrs["polarity_sleep_correlation"]["eog_r"] > 0.3


def test_evidence_of_a_real_bipolar_night(data: Path, tmp_path: Path) -> None:
    """Nobody calls Fpz-Cz turned, yet it is skewed upwards: bipolar leads are why evidence is no verdict."""
    folder, excerpt = tmp_path / "sleep-cassette", data / "sleep-edf"
    folder.mkdir()
    shutil.copy(excerpt / "SC4001E0_rec0960-1319-PSG.edf", folder / "SC4001E0-PSG.edf")
    shutil.copy(excerpt / "SC4001E0_rec0960-1319-Hypnogram.edf", folder / "SC4001EC-Hypnogram.edf")
    manifest = load_manifest("sleep_edf")
    ds = harmonise(discover(manifest, tmp_path)[0], manifest)
    attrs = ds["eeg_fpz_cz"].attrs
    assert (attrs["polarity"], attrs["polarity_n_sleep_epoch"]) == ("as_header", 252)
    assert attrs["polarity_slow_wave_asymmetry"] == pytest.approx(0.13, abs=0.01)
    assert attrs["polarity_sleep_correlation"] == pytest.approx({"eeg_pz_oz": -0.44, "eog_h": -0.11}, abs=0.01)


# --- the store -----------------------------------------------------------------------------------------------

GOOD = {
    "polarity_stages": "N2 N3",
    "polarity_n_sleep_epoch": 340,
    "polarity_slow_wave_asymmetry": -0.21,
    "polarity_sleep_correlation": {"eeg_c3_m2": 0.75, "eog_l": -1.0},
    "polarity_n_eye_epoch": 90,
    "polarity_eye_correlation": {},
}


def stored(make_night: Callable[..., xr.Dataset], path: Path, **attrs: object) -> Path:
    ds = make_night()
    ds["eeg_c4_m1"].attrs.update(attrs)
    write_store(ds, path)
    return path


def test_evidence_goes_into_the_store_and_out_again(make_night: Callable[..., xr.Dataset], tmp_path: Path) -> None:
    """Plain xarray gives the numbers back, and verify has nothing against them."""
    store = stored(make_night, tmp_path / "a.zarr", **GOOD)
    attrs = xr.open_zarr(store)["eeg_c4_m1"].attrs
    assert {key: attrs[key] for key in GOOD} == GOOD
    assert verify_store(store).is_good


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("polarity_stages", "N1"),
        ("polarity_stages", None),
        ("polarity_n_sleep_epoch", 3.5),
        ("polarity_n_sleep_epoch", True),
        ("polarity_slow_wave_asymmetry", "-0.2"),
        ("polarity_sleep_correlation", [0.7]),
        ("polarity_sleep_correlation", {"eeg_c3_m2": 1.01}),
        ("polarity_sleep_correlation", {"eeg_c3_m2": None}),
        ("polarity_sleep_correlation", {"eeg_c4_m1": 1.0}),
        ("polarity_eye_correlation", {"eog_r": -1.5}),
    ],
)
def test_verify_names_impossible_evidence(
    make_night: Callable[..., xr.Dataset], tmp_path: Path, key: str, value: object
) -> None:
    """V7: of another type, of other stages, beyond what a correlation can be, or with itself."""
    problems = verify_store(stored(make_night, tmp_path / "a.zarr", **GOOD | {key: value})).problems
    assert [(p.rule, p.array) for p in problems] == [("V7", "eeg_c4_m1")]
    assert key in problems[0].what

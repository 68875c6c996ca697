"""Channels made from files: derivations, status masks, codes, missing samples and their reasons."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import edfio
import numpy as np
import pytest
import xarray as xr

from pipeline.files.discover import discover
from pipeline.harmonise import harmonise
from schemas.manifest import CohortManifest
from schemas.quality import QualityFlag
from tests.made_up_terms import TERMS

BLANK = {"unit": "1", "source": "made up for this test"}
SECONDS = 120
RANGES = {"mV": (-2, 2)}


def sine(rate_hz: int, hz: float = 8.0, amplitude: float = 50.0) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hz * np.arange(SECONDS * rate_hz) / rate_hz)


def steps(*values: float) -> np.ndarray:
    """One value a second, each held for an equal share of the recording."""
    return np.repeat(np.array(values, float), SECONDS // len(values))


def night(
    tmp_path: Path, montage: list[dict[str, Any]], signals: Mapping[str, tuple[np.ndarray, int, str]]
) -> xr.Dataset:
    """Write signals as (values, rate, unit) into an EDF and harmonise it."""
    edf = [
        edfio.EdfSignal(v, rate, label=label, physical_dimension=unit, physical_range=RANGES.get(unit, (-500, 500)))
        for label, (v, rate, unit) in signals.items()
    ]
    edfio.Edf(edf).write(tmp_path / "one.edf")
    manifest = CohortManifest.model_validate(
        {
            "manifest_version": 1,
            "cohort": "clinic",
            "title": "A clinic",
            "terms": TERMS,
            "layout": {"signals": "{subject}.edf"},
            "montage": montage,
        }
    )
    (source,) = discover(manifest, tmp_path)
    return harmonise(source, manifest)


def flag_of(ds: xr.Dataset, channel: str) -> list[int]:
    return [int(v) for v in ds["quality"].sel(channel=channel).values]


def codes_of(ds: xr.Dataset, channel: str) -> list[str]:
    return [f["code"] for f in ds.attrs["findings"] if f.get("channel") == channel]


@pytest.mark.parametrize("rates", [(256, 256), (256, 512)])
def test_derivation_is_the_difference(tmp_path: Path, rates: tuple[int, int]) -> None:
    """A minus B, each at its own rate, leaves what only A has."""
    common = 30.0
    signals = {
        "C4": (sine(rates[0]) + sine(rates[0], 11.0, common), rates[0], "uV"),
        "M1": (sine(rates[1], 11.0, common), rates[1], "uV"),
    }
    ds = night(tmp_path, [{"channel": "eeg_c4_m1", "derivation": {"plus": "C4", "minus": "M1"}}], signals)
    inner = ds["eeg_c4_m1"].values.reshape(-1)[640:-640]
    np.testing.assert_allclose(inner, sine(128)[640:-640], atol=0.1)
    assert ds["eeg_c4_m1"].attrs["source_label"] == "C4 - M1"


def test_derivation_converts_each_unit(tmp_path: Path) -> None:
    """One lead in mV and one in µV subtract in µV."""
    signals = {"C4": (sine(256) / 1000, 256, "mV"), "M1": (sine(256, 11.0), 256, "uV")}
    ds = night(tmp_path, [{"channel": "eeg_c4_m1", "derivation": {"plus": "C4", "minus": "M1"}}], signals)
    inner = ds["eeg_c4_m1"].values.reshape(-1)[640:-640]
    np.testing.assert_allclose(inner, (sine(128) - sine(128, 11.0))[640:-640], atol=0.1)


def test_flip_turns_the_sign_and_says_so(tmp_path: Path) -> None:
    """A manifest's flip, and nothing else, inverts a channel."""
    flip = {"source": "a made-up report", "release": "1"}
    ds = night(tmp_path, [{"channel": "ecg", "labels": "ECG", "flip": flip}], {"ECG": (sine(128) / 50, 128, "mV")})
    inner = ds["ecg"].values.reshape(-1)[640:-640]
    np.testing.assert_allclose(inner, -sine(128)[640:-640] / 50, atol=0.02)
    assert ds["ecg"].attrs["polarity"] == "flipped_by_manifest"
    assert "PSG-C008" in codes_of(ds, "ecg")


def test_status_signal_masks_its_seconds_and_a_margin(tmp_path: Path) -> None:
    """While the electrode-off flag is up, and as long as the filter smears it, the samples are missing."""
    off = np.zeros(SECONDS)
    off[40:43] = 1
    rule = {
        "channel": "eeg_c4_m1",
        "labels": "EEG",
        "masked_by": [{"label": "EEG_Off", "bad": [1], "source": "made up"}],
    }
    ds = night(tmp_path, [rule], {"EEG": (sine(256), 256, "uV"), "EEG_Off": (off, 1, "")})
    missing = np.flatnonzero(np.isnan(ds["eeg_c4_m1"].values.reshape(-1)))
    margin = 8 / ds["eeg_c4_m1"].attrs["band_high_hz"]  # eight cycles, docs/adr/0003-resampling.md
    margin = max(margin, 0.25 / ds["eeg_c4_m1"].attrs["band_low_hz"])
    expected = np.arange(np.ceil((40 - margin) * 128), np.ceil((43 + margin) * 128))
    np.testing.assert_array_equal(missing, expected)
    assert flag_of(ds, "eeg_c4_m1") == [0, QualityFlag.BAD_STATUS, 0, 0]
    assert float(ds["usable_fraction"].sel(channel="eeg_c4_m1")[1]) == pytest.approx(
        1 - (3 + 2 * margin) / 30, abs=1e-3
    )


def test_codes_are_mapped_and_unknown_ones_missing(tmp_path: Path) -> None:
    """Position codes become ours; a code that the manifest does not know is missing and told."""
    rule = {
        "channel": "position",
        "labels": "Pos",
        "value_map": {0: 1, 1: 2},
        "value_meanings": {1: "supine", 2: "left"},
    }
    ds = night(
        tmp_path,
        [rule, {"channel": "spo2", "labels": "S"}],
        {"Pos": (steps(0, 1, 7, 0), 1, ""), "S": (steps(97), 1, "%")},
    )
    assert [int(v) for v in ds["position"].values[:, 15]] == [1, 2, -1, 1]
    assert flag_of(ds, "position") == [0, 0, QualityFlag.UNKNOWN_CODE, 0]
    assert ds["position"].attrs["flag_meanings"] == "supine left"


def test_manifest_missing_codes_are_masked(tmp_path: Path) -> None:
    """A cohort's own code for no value is missing, whatever the kind's rules say."""
    rule = {"channel": "pulse_rate", "labels": "PR", "missing_codes": [99]}
    ds = night(tmp_path, [rule], {"PR": (steps(60, 99, 61, 62), 1, "bpm")})
    assert [float(v) for v in ds["pulse_rate"].values[:, 60]] == pytest.approx(
        [60, np.nan, 61, 62], nan_ok=True, abs=0.01
    )
    assert flag_of(ds, "pulse_rate") == [0, QualityFlag.MISSING_CODE, 0, 0]


def test_resting_sensor_is_flagged_not_hidden(tmp_path: Path) -> None:
    """A belt that stays on one count for an epoch is flagged; the samples stay."""
    belt = sine(16, 0.25)
    belt[16 * 60 : 16 * 90] = 0.0
    rule = {"channel": "thor", "labels": "Chest", "unit_when_blank": BLANK}
    ds = night(tmp_path, [rule], {"Chest": (belt, 16, "")})
    assert flag_of(ds, "thor") == [0, 0, QualityFlag.FLAT, 0]
    assert codes_of(ds, "thor") == ["PSG-C003", "PSG-S011"]


def test_second_choice_of_a_modality_is_marked(tmp_path: Path) -> None:
    """Without the first EEG of the montage the second is primary, and the night says that it stands in."""
    montage = [{"channel": "eeg_c4_m1", "labels": "C4-M1"}, {"channel": "eeg_c3_m2", "labels": "C3-M2"}]
    ds = night(tmp_path, montage, {"C3-M2": (sine(128), 128, "uV")})
    assert ds["eeg_c3_m2"].attrs["primary"] == 1
    assert "PSG-C006" in codes_of(ds, "eeg_c3_m2")

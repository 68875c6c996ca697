"""The real Sleep-EDF excerpt, from its files to a store, against what was published with it."""

from __future__ import annotations

import shutil
from pathlib import Path

import edfio
import numpy as np
import pytest
import xarray as xr
from scipy import signal as sps

from pipeline.files.discover import discover
from pipeline.harmonise import harmonise
from pipeline.manifests.load import load_manifest

_STAGES = {
    "Sleep stage W": 0,
    "Sleep stage 1": 1,
    "Sleep stage 2": 2,
    "Sleep stage 3": 3,
    "Sleep stage 4": 3,
    "Sleep stage R": 4,
}


@pytest.fixture(scope="module")
def excerpt(data: Path) -> Path:
    return data / "sleep-edf"


@pytest.fixture(scope="module")
def night(excerpt: Path, tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """The excerpt in the layout of the download, harmonised."""
    root = tmp_path_factory.mktemp("sleep-edfx")
    folder = root / "sleep-cassette"
    folder.mkdir()
    shutil.copy(excerpt / "SC4001E0_rec0960-1319-PSG.edf", folder / "SC4001E0-PSG.edf")
    shutil.copy(excerpt / "SC4001E0_rec0960-1319-Hypnogram.edf", folder / "SC4001EC-Hypnogram.edf")
    manifest = load_manifest("sleep_edf")
    (source,) = discover(manifest, root)
    return harmonise(source, manifest)


def published_stages(excerpt: Path) -> np.ndarray:
    rows = (excerpt / "SC4001E0_rec0960-1319-stages.tsv").read_text().splitlines()[1:]
    runs = [row.split("\t") for row in rows]
    return np.concatenate([np.full(int(float(n)) // 30, _STAGES[stage], np.int8) for _, n, stage in runs])


def test_stages_equal_the_published_ones(night: xr.Dataset, excerpt: Path) -> None:
    """Every epoch has the stage that the table beside the recording gives."""
    np.testing.assert_array_equal(night["stage"].values, published_stages(excerpt))


def test_key_subject_and_scheme(night: xr.Dataset) -> None:
    """The key is the file's first eight characters, the subject its first five."""
    attrs = night.attrs
    assert (attrs["recording"], attrs["subject"], attrs["visit"]) == ("SC4001E0", "SC400", "night1")
    assert attrs["stage_scheme"] == "rk"


@pytest.mark.parametrize(
    ("channel", "label"),
    [("eeg_fpz_cz", "EEG Fpz-Cz"), ("eeg_pz_oz", "EEG Pz-Oz"), ("eog_h", "EOG horizontal")],
)
def test_waves_follow_the_source_in_microvolt(night: xr.Dataset, excerpt: Path, channel: str, label: str) -> None:
    """At 128 Hz, in µV and in place: an independent reader and resampler give the same wave in the same band."""
    edf = edfio.read_edf(excerpt / "SC4001E0_rec0960-1319-PSG.edf")
    source = next(s for s in edf.signals if s.label == label)
    assert (source.physical_dimension, source.sampling_frequency) == ("uV", 100)
    reference = sps.resample_poly(source.data, 32, 25, window=("kaiser", 12.0))
    band = sps.butter(4, (1.0, 35.0), "bandpass", fs=128, output="sos")
    ours = sps.sosfiltfilt(band, night[channel].values.reshape(-1).astype(float))
    theirs = sps.sosfiltfilt(band, reference)
    assert night[channel].shape == (360, 3840)
    assert night[channel].attrs["units"] == "uV"
    assert night[channel].attrs["source_rate_hz"] == 100
    assert np.corrcoef(ours, theirs)[0, 1] > 0.9999
    assert np.std(ours) == pytest.approx(np.std(theirs), rel=1e-3)


def test_envelope_is_not_passed_off_as_emg(night: xr.Dataset) -> None:
    """The 1-Hz envelope is left out, and the night says why."""
    assert not [c for c in night["channel"].values if str(c).startswith("emg")]
    found = [f for f in night.attrs["findings"] if f["code"] == "PSG-C007"]
    assert [f["channel"] for f in found] == ["emg_chin"]


def test_rectal_temperature_is_held_not_filtered(night: xr.Dataset) -> None:
    """Temperature at 4 Hz takes only values that the source has."""
    assert night["temp_rectal"].attrs["units"] == "degC"
    assert 36 < float(night["temp_rectal"].median()) < 38
    changes = np.flatnonzero(np.diff(night["temp_rectal"].values.reshape(-1)))
    assert changes.size > 10
    np.testing.assert_array_equal((changes + 1) % 4, 0)


def test_no_date_and_no_header_text_is_kept(night: xr.Dataset) -> None:
    """Disagreeing start dates do no harm, because only the time of day survives."""
    assert night.attrs["clock_start_s"] == pytest.approx(13 * 60)
    text = str(night.attrs)
    for word in ("1989", "1985", "Startdate", "Female", "Male", "33yr"):
        assert word not in text

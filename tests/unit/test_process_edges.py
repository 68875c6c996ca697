"""Missing codes that a file cannot hold exactly, and sensors that rest, in files of any record length."""

from __future__ import annotations

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


def made(root: Path, signal: edfio.EdfSignal, record_s: float, **rule: Any) -> xr.Dataset:
    """Harmonise a file of one signal."""
    edfio.Edf([signal], data_record_duration=record_s).write(root / "n1.edf")
    manifest = CohortManifest.model_validate(
        {
            "manifest_version": 1,
            "cohort": "one",
            "title": "One signal",
            "terms": TERMS,
            "layout": {"signals": "{subject}.edf"},
            "montage": [{"labels": [signal.label], **rule}],
        }
    )
    (source,) = discover(manifest, root)
    return harmonise(source, manifest)


@pytest.mark.parametrize("record_s", [1, 10, 30, 60])
def test_an_epoch_that_never_changes_is_flat(tmp_path: Path, record_s: int) -> None:
    """A minute of one count is flagged in both its epochs, however long the file's records are."""
    value = np.random.default_rng(1).standard_normal(300 * 100)
    value[120 * 100 : 180 * 100] = 0.25
    signal = edfio.EdfSignal(value, 100, label="EEG", physical_dimension="uV", physical_range=(-10, 10))
    ds = made(tmp_path, signal, record_s, channel="eeg_c4_m1")
    flat = np.flatnonzero(ds["quality"].values[:, 0] & QualityFlag.FLAT)
    assert flat.tolist() == [4, 5]


def test_a_missing_code_is_known_by_the_nearest_count(tmp_path: Path) -> None:
    """A code that the file's range cannot hold exactly is recognised, and its neighbours are not taken for it."""
    value = np.full(120, 60.0)
    value[30:40] = 201.0
    value[40:50] = 200.0
    signal = edfio.EdfSignal(value, 1, label="PR", physical_dimension="bpm", physical_range=(0, 250))
    ds = made(tmp_path, signal, 1, channel="pulse_rate", missing_codes=[201])
    held = ds["pulse_rate"].values.reshape(-1)
    assert np.flatnonzero(np.isnan(held)).tolist() == list(range(120, 160))
    np.testing.assert_allclose(held[160:200], 200, atol=0.01)
    assert np.flatnonzero(ds["quality"].values[:, 0] & QualityFlag.MISSING_CODE).tolist() == [1]

"""A channel that stands for a modality instead of its primary one: same array, its own values and unit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from pipeline.shards.build import Recipe, build_set
from pipeline.shards.read import open_shards
from pipeline.shards.verify import verify_set
from schemas.errors import ChannelError
from schemas.vocabulary import Modality
from tests.command_line import in_process
from tests.unit.shards.conftest import add_night

MODALITIES = (Modality.EEG, Modality.RESP)


@pytest.fixture
def breathing(tmp_path: Path, make_night: Callable[..., xr.Dataset]) -> Path:
    """Three nights with respiration; the last has no intervals between breaths."""
    for number in range(3):
        night = _with_breaths(make_night(n_epoch=4 + number, channels=("eeg_c4_m1", "thor", "spo2")))
        if number == 2:
            night = night.drop_vars("bbi").sel(channel=["eeg_c4_m1", "resp"])
        add_night(tmp_path / "out", night, recording=f"night-{number}", subject=str(number))
    return tmp_path / "out"


def _with_breaths(night: xr.Dataset) -> xr.Dataset:
    """Make the belt respiration and the saturation intervals between breaths."""
    night = night.rename(thor="resp", spo2="bbi").assign_coords(channel=["eeg_c4_m1", "resp", "bbi"])
    night["resp"].attrs |= {"kind": "resp", "modality": "resp"}
    night["bbi"].attrs |= {"kind": "bbi", "modality": "resp", "primary": 0, "units": "s"}
    seconds = np.random.default_rng(1).uniform(1, 10, night["bbi"].shape)
    night["bbi"] = night["bbi"].copy(data=seconds.astype(np.float32))
    return night


def test_intervals_stand_for_respiration(breathing: Path, tmp_path: Path) -> None:
    """The array holds seconds, to the nearest count of its scale, and says so; who has no intervals has none."""
    target = tmp_path / "set"
    report = build_set(breathing, target, Recipe(MODALITIES, instead={Modality.RESP: "bbi"}))
    assert not verify_set(target).problems
    assert json.loads((target / "set.json").read_bytes())["instead"] == {"resp": "bbi"}
    for split in report.splits:
        shards = open_shards(target, split)
        array = zarr.open_group(target / f"{split}.zarr", mode="r")["resp"]
        assert (array.attrs["units"], array.attrs["long_name"]) == ("s", "breath-to-breath interval")
        for i, name in enumerate(shards.nights.recording):
            here = slice(int(shards.nights.start[i]), int(shards.nights.start[i] + shards.nights.length[i]))
            value = np.where(array[here] == -32768, np.nan, array[here] * array.attrs["scale_factor"])
            night = xr.open_zarr(breathing / f"{name}.zarr")
            expected = night["bbi"].values if "bbi" in night else np.full_like(value, np.nan)
            np.testing.assert_allclose(value, expected, atol=array.attrs["scale_factor"] / 2)


@pytest.mark.parametrize("channel", ["spo2", "thor", "nothing", ""])
def test_a_channel_of_another_modality_is_refused(channel: str) -> None:
    """Neither a saturation nor a name that nobody knows is respiration."""
    with pytest.raises(ChannelError, match=f"saw resp={channel}"):
        Recipe(MODALITIES, instead={Modality.RESP: channel})


def test_the_command_takes_it(breathing: Path, tmp_path: Path) -> None:
    """Named on the command line; what is no modality with one of its channels is a usage error."""
    told = ("shards", "build", breathing, "--out", "set", "--modalities", "eeg", "resp", "--instead")
    assert in_process(*told, "resp=bbi", cwd=tmp_path).returncode == 0
    assert in_process(*told, "breath=bbi", cwd=tmp_path).returncode == 2
    assert "cannot stand for the modality" in in_process(*told, "resp=spo2", cwd=tmp_path).stderr

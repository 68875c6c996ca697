"""The store against the CF conventions 1.11, clause by clause, read from its JSON and not through our code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from pipeline.write.store import write_store
from schemas.store import ARRAYS

N = {
    "epoch": 2,
    "channel": 3,
    "event": 1,
    "beat": 1,
    "breath": 1,
    "desaturation": 1,
    "fast_sample": 3840,
    "slow_sample": 120,
    "step_sample": 30,
}
CHANNELS = {
    "ecg": ("fast_sample", "float32", {}),
    "thor": ("slow_sample", "float32", {"source_unit": "V"}),
    "position": ("step_sample", "int8", {"flag_values": [0, 1], "flag_meanings": "supine prone"}),
}
UDUNITS = {"uV", "mV", "s", "%", "1", "degree"}  # those used here; all in the UDUNITS database
NUMPY = {"int8": np.int8, "int16": np.int16, "uint16": np.uint16, "float32": np.float32, "float64": np.float64}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The root document of a small store with a packed, an arbitrary and a coded channel."""
    ds = xr.Dataset(attrs={"findings": []})
    for name, spec in ARRAYS.items():
        data = np.zeros([N[dim] for dim in spec.dims], object if name == "channel" else spec.data_type)
        ds[name] = (
            spec.dims,
            data,
            {"flag_values": [0], "flag_meanings": "any"} if name.startswith("event_") else {},
        )
    ds = ds.assign_coords(channel=list(CHANNELS))
    for name, (dim, data_type, attrs) in CHANNELS.items():
        ds[name] = (("epoch", dim), np.zeros((2, N[dim]), data_type), {"long_name": name, **attrs})
    path: Path = tmp_path_factory.mktemp("cf") / "night.zarr"
    write_store(ds, path)
    document: dict[str, Any] = json.loads((path / "zarr.json").read_text())
    return document


@pytest.fixture(scope="module")
def arrays(root: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Metadata of every array."""
    metadata: dict[str, dict[str, Any]] = root["consolidated_metadata"]["metadata"]
    return metadata


def test_2_3_names(arrays: dict[str, Any]) -> None:
    """2.3: variable and dimension names begin with a letter and hold letters, digits and underscores."""
    names = set(arrays) | {dim for array in arrays.values() for dim in array["dimension_names"]}
    assert [name for name in names if not (name[0].isalpha() and name.replace("_", "").isalnum())] == []


def test_2_4_dimensions(arrays: dict[str, Any]) -> None:
    """2.4: every dimension is named, and one name has one size throughout."""
    sizes = {(dim, n) for a in arrays.values() for dim, n in zip(a["dimension_names"], a["shape"], strict=True)}
    assert sizes == set(N.items())


def test_2_5_1_missing_data(arrays: dict[str, Any]) -> None:
    """2.5.1: _FillValue has the variable's type, and is what an unwritten chunk holds."""
    for array in arrays.values():
        if "_FillValue" in array["attributes"]:
            value = array["attributes"]["_FillValue"]
            assert NUMPY[array["data_type"]](value) == value == array["fill_value"]


def test_2_6_1_conventions(root: dict[str, Any]) -> None:
    """2.6.1: the conventions are named globally."""
    assert root["attributes"]["Conventions"] == "CF-1.11"


def test_2_6_2_title(root: dict[str, Any]) -> None:
    """2.6.2: a title says what is in the file."""
    assert root["attributes"]["title"] == "harmonised polysomnogram"


def test_3_1_units(arrays: dict[str, Any]) -> None:
    """3.1: every variable but text has units that UDUNITS knows."""
    units = {name: array["attributes"].get("units") for name, array in arrays.items()}
    assert units.pop("channel") is None
    assert set(units.values()) <= UDUNITS
    assert (units["ecg"], units["thor"], units["epoch_start_s"]) == ("mV", "1", "s")


def test_3_2_long_name(arrays: dict[str, Any]) -> None:
    """3.2: every variable says in words what it is."""
    assert all(array["attributes"]["long_name"] for array in arrays.values())


def test_3_4_ancillary_data(arrays: dict[str, Any]) -> None:
    """3.4: signals name the variables that tell of their quality, and those exist."""
    for name in CHANNELS:
        assert arrays[name]["attributes"]["ancillary_variables"].split() == ["usable_fraction", "quality"]
    assert {"usable_fraction", "quality"} <= set(arrays)


def test_3_5_flags(arrays: dict[str, Any]) -> None:
    """3.5: codes pair with words, one each; masks are bits that do not overlap."""
    coded = {name: a["attributes"] for name, a in arrays.items() if "flag_meanings" in a["attributes"]}
    assert {"stage", "in_bed", "quality", "position", "event_type"} <= set(coded)
    for attrs in coded.values():
        codes = attrs.get("flag_values", attrs.get("flag_masks"))
        assert len(set(codes)) == len(codes) == len(attrs["flag_meanings"].split())
    masks = coded["quality"]["flag_masks"]
    assert sum(masks) == int(np.bitwise_or.reduce(masks))


def test_5_coordinates(arrays: dict[str, Any]) -> None:
    """5: variables along epochs name their auxiliary coordinate; it is no coordinate of itself."""
    along = {name for name, array in arrays.items() if array["dimension_names"][0] == "epoch"} - {"epoch_start_s"}
    assert {arrays[name]["attributes"].get("coordinates") for name in along} == {"epoch_start_s"}
    assert "coordinates" not in arrays["epoch_start_s"]["attributes"]


def test_8_1_packed_data(arrays: dict[str, Any]) -> None:
    """8.1: packed variables are short integers with a scale and a fill outside the packed range."""
    packed = {name for name, array in arrays.items() if "scale_factor" in array["attributes"]}
    assert packed == {"ecg", "thor"}
    for name in packed:
        assert arrays[name]["data_type"] == "int16"
        assert arrays[name]["attributes"]["_FillValue"] == -32768
        assert "add_offset" not in arrays[name]["attributes"]
    assert arrays["ecg"]["attributes"]["scale_factor"] == 2**-12
    assert arrays["thor"]["attributes"]["scale_factor"] == 2**-10

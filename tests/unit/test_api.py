"""What programs that open recordings rely on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from zarr.core.buffer import default_buffer_prototype

from pipeline.api import continuous, open_recording
from schemas.errors import ChannelError, SpecTooNew, SpecViolation, StoreCorrupt, StoreIncomplete


def test_decodes_to_float32_what_xarray_decodes_to_float64(store: Path) -> None:
    """Both doors show the same values; codes, stages and seconds have the same types."""
    ours, plain = open_recording(store), xr.open_zarr(store)
    for name in plain.variables:
        is_packed = "scale_factor" in plain[name].encoding
        assert ours[name].dtype == (np.float32 if is_packed else plain[name].dtype)
        np.testing.assert_array_equal(ours[name].values, plain[name].values)
    assert ours.attrs == plain.attrs


def test_reads_lazily_and_imports_little(store: Path) -> None:
    """Nothing is read before it is asked for, in no dask chunks, with no heavy import."""
    program = (
        "import sys; from pipeline.api import open_recording; ds = open_recording(sys.argv[1]);"
        "assert not ds.eeg_c4_m1._in_memory and not ds.chunks; assert ds.eeg_c4_m1[1:2].values.shape == (1, 3840);"
        "assert not {'torch', 'prefect', 'neurokit2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program, store], check=True)


def test_a_damaged_chunk_raises_when_it_is_read(store: Path) -> None:
    """Opening is quick and does not read; reading a damaged chunk raises."""
    file = store / "thor" / "c" / "0" / "0"
    content = bytearray(file.read_bytes())
    content[20] ^= 1
    file.write_bytes(bytes(content))
    opened = open_recording(store)
    with pytest.raises(ValueError, match="checksum"):
        opened.thor.load()


@pytest.mark.parametrize("name", ["spo2/c/0/0", "stage/zarr.json"])
def test_a_missing_file_is_incomplete(store: Path, name: str) -> None:
    """A store without one of its files is refused, by name and with what to do."""
    (store / name).unlink()
    with pytest.raises(StoreIncomplete, match=rf"night-1.zarr: 1 of 62 files are missing: saw no {name}.*again"):
        open_recording(store)


def test_no_store_is_incomplete(tmp_path: Path) -> None:
    """A folder that is not there, or has no root document, is refused without its absolute path."""
    for path in (tmp_path / "none.zarr", tmp_path):
        with pytest.raises(StoreIncomplete) as raised:
            open_recording(path)
        assert str(tmp_path.parent) not in str(raised.value)


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("spec_version", 2, SpecTooNew),
        ("spec_version", 0, SpecViolation),
        ("spec_version", "1", SpecViolation),
        ("spec", "another", SpecViolation),
        ("files", None, SpecViolation),
    ],
)
def test_other_specifications_are_refused(store: Path, key: str, value: Any, error: type[Exception]) -> None:
    """A later version asks for an update; what is not a recording store is not read as one."""
    root = json.loads((store / "zarr.json").read_text())
    root["attributes"][key] = value
    (store / "zarr.json").write_text(json.dumps(root))
    with pytest.raises(error):
        open_recording(store)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"attributes": 3}'])
def test_a_broken_root_document_is_corrupt(store: Path, content: str) -> None:
    """Whatever the root document holds, the error is one of ours."""
    (store / "zarr.json").write_text(content)
    with pytest.raises(StoreCorrupt):
        open_recording(store)


@pytest.mark.parametrize(("channel", "rate_hz"), [("eeg_c4_m1", 128), ("pleth", 32), ("thor", 4), ("position", 1)])
def test_continuous_is_the_night_in_a_row(store: Path, channel: str, rate_hz: int) -> None:
    """Sample k of the flat signal lies at k / rate seconds and is the matrix's k-th."""
    ds = open_recording(store)
    flat = continuous(ds, channel)
    assert flat.dims == ("time_s",)
    np.testing.assert_array_equal(flat.time_s, np.arange(90 * rate_hz) / rate_hz)
    np.testing.assert_array_equal(flat.values, ds[channel].values.reshape(-1))
    assert flat.dtype == ds[channel].dtype
    assert flat.attrs == ds[channel].attrs


def test_continuous_keeps_the_time_of_selected_epochs(store: Path) -> None:
    """After a selection of epochs every sample keeps its time."""
    flat = continuous(open_recording(store).isel(epoch=[0, 2]), "thor")
    assert flat.time_s.values[[0, 119, 120, 239]].tolist() == [0.0, 29.75, 60.0, 89.75]


def test_continuous_selects_by_time(store: Path) -> None:
    """Seconds are the index: a slice of time gives the samples in it."""
    flat = continuous(open_recording(store), "thor")
    assert flat.sel(time_s=slice(29.5, 30.25)).time_s.values.tolist() == [29.5, 29.75, 30.0, 30.25]


def test_an_unknown_channel_lists_the_known(store: Path) -> None:
    """A channel that this night has not is an error that names those it has."""
    with pytest.raises(ChannelError, match="saw ecg, expected eeg_c4_m1, pleth, thor, spo2, position"):
        continuous(open_recording(store), "ecg")


@pytest.mark.parametrize(
    "alter",
    [
        lambda root: root["consolidated_metadata"]["metadata"]["eeg_c4_m1"]["attributes"].update(
            scale_factor=0.3125
        ),
        lambda root: root["consolidated_metadata"]["metadata"]["quality"]["dimension_names"].reverse(),
        lambda root: root["consolidated_metadata"]["metadata"]["spo2"].update(fill_value=0),
        lambda root: root["attributes"].update(age_years=7.0),
        lambda root: root["attributes"]["files"].update({"stage/zarr.json": "0" * 64}),
        lambda root: root["attributes"].pop("self_digest"),
    ],
    ids=["scale", "dimensions", "fill", "age", "files", "no digest"],
)
def test_an_altered_root_is_refused(store: Path, alter: Any) -> None:
    """Zarr has no checksum of its documents; ours notices what would read as another plausible number."""
    root = json.loads((store / "zarr.json").read_text())
    alter(root)
    (store / "zarr.json").write_text(json.dumps(root, indent=2))
    with pytest.raises(StoreCorrupt, match="not what was written"):
        open_recording(store)


def test_documents_are_those_of_zarr_python(store: Path) -> None:
    """Metadata that we write ourselves reads back through zarr-python as the very same documents."""
    for name, array in zarr.open_group(str(store), use_consolidated=False).arrays():
        ours = json.loads((store / name / "zarr.json").read_text())
        assert json.loads(array.metadata.to_buffer_dict(default_buffer_prototype())["zarr.json"].to_bytes()) == ours

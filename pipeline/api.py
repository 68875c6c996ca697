"""Open recording stores: what programs that use our output import.

Plain ``xr.open_zarr(path)`` works as well and decodes to float64; this door checks version and completeness
and decodes to float32. Reading is lazy: opening costs milliseconds, chunks are read when they are asked for,
and nothing is kept, so call ``.load()`` before using a channel more than once. dask is not needed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from pipeline.files.places import files_below, place, storage_errors, storage_options
from pipeline.opened import Recording
from pipeline.write.documents import document_digest, self_digest
from schemas.errors import ChannelError, SpecTooNew, SpecViolation, StoreCorrupt, StoreIncomplete
from schemas.kinds import RateClass
from schemas.store import ARRAY_FILE, SPEC, SPEC_VERSION

__all__ = ["continuous", "open_recording"]

_REWRITE = "Run the conversion again: it rewrites this recording."


def open_recording(path: str | Path) -> Recording:
    """Open one recording store.

    Parameters
    ----------
    path : str or Path
        The store's folder, e.g. ``out/shhs/shhs1-200001.zarr``, or its URL, ``s3://bucket/out/shhs/….zarr``.

    Returns
    -------
    Recording
        An `xr.Dataset` with ``plot_night()``. Channels (epoch, <class>_sample) as lazy float32 in their
        ``units``, NaN where missing; codes and stages as int8. A chunk whose checksum fails raises when it is
        read.

    Raises
    ------
    StoreIncomplete
        When the store, or a file that it lists, is not there.
    StoreCorrupt
        When the root document cannot be parsed or has been altered.
    SpecTooNew
        When a later version of the specification wrote it.
    SpecViolation
        When it is not a recording store.
    StorageError
        When the disk or the object store refuses.
    """
    path = place(path)
    root = _root(path)
    attributes = root["attributes"]
    _check_version(attributes, path)
    _check_documents(root, path)
    _check_files(attributes["files"], path)
    with storage_errors("the store cannot be read", where=path.name):
        raw = xr.open_zarr(str(path), chunks=None, decode_cf=False, storage_options=storage_options(path))
    for variable in raw.variables.values():
        if "scale_factor" in variable.attrs:  # xarray decodes int16 to the scale's type: float32 is exact here
            variable.attrs["scale_factor"] = np.float32(variable.attrs["scale_factor"])
    decoded = xr.decode_cf(raw)
    return Recording(decoded.data_vars, decoded.coords, decoded.attrs)


def _root(path: Path) -> dict[str, Any]:
    try:
        root: dict[str, Any] = json.loads(_root_document(path))
        sound = isinstance(root["attributes"], dict)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreCorrupt("the root document cannot be parsed", where=path.name, do=_REWRITE) from error
    if not sound:
        raise StoreCorrupt("the root document cannot be parsed", where=path.name, do=_REWRITE)
    return root


def _root_document(path: Path) -> bytes:
    with storage_errors("the store cannot be read", where=path.name):
        try:
            return (path / ARRAY_FILE).read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise StoreIncomplete(
                "no recording store here", where=path.name, saw="no root document", do=_REWRITE
            ) from error


def _check_version(attributes: dict[str, Any], path: Path) -> None:
    spec, version = attributes.get("spec"), attributes.get("spec_version")
    if spec != SPEC or not isinstance(version, int) or version < 1 or not isinstance(attributes.get("files"), dict):
        raise SpecViolation(
            "not a recording store", where=path.name, saw=(spec, version), expected=(SPEC, SPEC_VERSION)
        )
    if version > SPEC_VERSION:
        raise SpecTooNew(
            "the store was written by a later version",
            where=path.name,
            saw=f"specification {version}",
            expected=f"at most {SPEC_VERSION}",
            do="Update sleep2vec to read it.",
        )


def _check_documents(root: dict[str, Any], path: Path) -> None:
    """Refuse a root in which a byte has changed: Zarr has no checksum of its documents, so it holds its own."""
    attributes, files = root["attributes"], root["attributes"]["files"]
    try:
        arrays = root["consolidated_metadata"]["metadata"].items()
        sound = attributes["self_digest"] == self_digest(attributes) and all(
            files[f"{name}/{ARRAY_FILE}"] == document_digest(document) for name, document in arrays
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        sound = False
    if not sound:
        raise StoreCorrupt(
            "the root document is not what was written",
            where=path.name,
            why="Scales and meanings of all arrays are in it.",
            do=_REWRITE,
        )


def _check_files(files: dict[str, str], path: Path) -> None:
    with storage_errors("the store cannot be read", where=path.name):
        there = files_below(path)
    absent = [name for name in files if name not in there]
    if absent:
        raise StoreIncomplete(
            f"{len(absent)} of {len(files)} files are missing",
            where=path.name,
            saw=f"no {absent[0]}",
            why="What they held would read as missing data.",
            do=_REWRITE,
        )


def continuous(ds: xr.Dataset, channel: str) -> xr.DataArray:
    """Return a channel as one flat signal, epoch after epoch.

    Parameters
    ----------
    ds : xr.Dataset
        An opened recording, or any selection of its epochs.
    channel : str
        Canonical channel, e.g. ``eeg_c4_m1``.

    Returns
    -------
    xr.DataArray, shape (n_epoch * n_per_epoch,), dimension ``time_s``
        Loaded, with the channel's type, unit and attributes; coordinate ``time_s`` (float64, seconds) counts
        from the grid's origin.

    Raises
    ------
    ChannelError
        When the recording has no such channel.
    """
    if channel not in ds["channel"].values:
        raise ChannelError(
            "the recording has no such channel", saw=channel, expected=", ".join(ds["channel"].values)
        )
    array = ds[channel]
    rate_hz = RateClass(str(array.dims[1]).removesuffix("_sample")).rate_hz
    sample_s = np.arange(array.shape[1]) / rate_hz
    time_s = (ds["epoch_start_s"].values[:, None] + sample_s).reshape(-1)
    return xr.DataArray(
        array.values.reshape(-1),
        coords={"time_s": ("time_s", time_s, {"units": "s"})},
        dims="time_s",
        name=channel,
        attrs=array.attrs,
    )

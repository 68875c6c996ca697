"""Write one recording as a Zarr v3 group: arrays first, the root document with all digests last.

`write_store` fills a temporary folder, `pipeline.write.publish` makes it durable and gives it its name. Until
the root document is there, nothing opens; until it has its name, nothing is found.

Source: docs/store-spec.md, docs/adr/0002-store-layout.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pipeline.epoch_runs import runs
from pipeline.files.places import storage_errors
from pipeline.write.digest import stat_digest
from pipeline.write.documents import array_document, encoded, root_document
from pipeline.write.pack import Packed, night_factor, pack
from pipeline.write.shard import plain_chunk, shard
from schemas.errors import OutputBusy, SpecViolation
from schemas.findings import Finding, finding
from schemas.kinds import Shape
from schemas.quality import QualityFlag
from schemas.store import (
    ARRAY_FILE,
    ARRAYS,
    CHUNK_EPOCH,
    CONVENTIONS,
    MISSING,
    OPTIONAL_ARRAYS,
    SPEC,
    SPEC_VERSION,
    ArraySpec,
    channel_array,
    channel_kind,
    code_meanings,
)

__all__ = ["StoreSummary", "write_store"]


@dataclass(frozen=True)
class StoreSummary:
    """What the ledger keeps of a store.

    Parameters
    ----------
    root_digest : str
        SHA-256 of the root ``zarr.json``, which holds the digests of all other files.
    stat_digest : str
        `pipeline.write.digest.stat_digest` of the folder; unchanged by a rename.
    findings : tuple of Finding
        The recording's findings, those of packing included.
    """

    root_digest: str
    stat_digest: str
    n_file: int
    n_byte: int
    n_epoch: int
    findings: tuple[Finding, ...]


def write_store(ds: xr.Dataset, path: Path) -> StoreSummary:
    """Write a harmonised recording to ``path``, which must not exist; nothing is renamed.

    Parameters
    ----------
    ds : xr.Dataset
        One recording in physical units, as `pipeline.harmonise` returns it; not changed.
    path : Path
        A name from `pipeline.write.publish.temporary_name`; its parents are made.

    Raises
    ------
    OutputBusy
        When ``path`` exists.
    SpecViolation
        When the dataset cannot be stored as version 1.
    StorageError
        When the disk refuses.
    """
    _check_names(ds)
    with storage_errors("the store cannot be written"):
        _make_folder(path)
        files = _Files(path)
        found = [Finding.from_json(row) for row in ds.attrs.get("findings", ())]
        quality = ds["quality"].values.astype(np.uint16)
        for index, channel in enumerate(map(str, ds["channel"].values)):
            packed = _write_channel(ds[channel], files)
            if packed is not None and packed.n_saturated.any():
                quality[packed.n_saturated > 0, index] |= np.uint16(QualityFlag.SATURATED)
                found.append(_saturation(channel, packed))
        for name, spec in {**ARRAYS, **{n: s for n, s in OPTIONAL_ARRAYS.items() if n in ds}}.items():
            _write_fixed(ds[name].copy(data=quality) if name == "quality" else ds[name], spec, files)
        root_digest = files.write_root(ds.attrs | {"findings": [f.to_json() for f in found]})
        return StoreSummary(
            root_digest, stat_digest(path), files.n_file, files.n_byte, int(ds.sizes["epoch"]), tuple(found)
        )


def _check_names(ds: xr.Dataset) -> None:
    channels = [str(channel) for channel in ds["channel"].values]
    unknown = {str(name) for name in ds.variables} - set(channels) - set(ARRAYS) - set(OPTIONAL_ARRAYS)
    absent = (set(channels) | set(ARRAYS)) - set(ds.variables)
    if unknown or absent or not ds.sizes["epoch"]:
        raise SpecViolation(
            "the dataset is not a recording",
            saw=f"unknown {sorted(unknown)}, absent {sorted(absent)}, {ds.sizes['epoch']} epochs",
            expected="every array of the specification, every channel, an epoch at least",
        )


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True)
    except FileExistsError as error:
        raise OutputBusy(
            "the temporary store exists already", where=path.name, do="Remove it, or let the other run finish."
        ) from error


# --- arrays ------------------------------------------------------------------------------------------------


def _write_channel(array: xr.DataArray, files: _Files) -> Packed | None:
    name = str(array.name)
    spec, kind = channel_array(name), channel_kind(name)
    _check_dims(array, spec, kind.rate_class.n_per_epoch)
    attrs = array.attrs | {
        "units": kind.unit.value,
        "coordinates": "epoch_start_s",
        "ancillary_variables": "usable_fraction quality",
    }
    if kind.shape is Shape.CODE:
        _write_sharded(name, spec, array.values, attrs | {"n_saturated": 0}, files)
        return None
    if kind.is_arbitrary:
        attrs["night_factor"] = night_factor(array.values)
    packed = pack(array.values, kind.scale * attrs.get("night_factor", 1.0))
    attrs |= {"scale_factor": kind.scale, "_FillValue": MISSING, "n_saturated": int(packed.n_saturated.sum())}
    _write_sharded(name, spec, packed.count, attrs, files)
    return packed


def _saturation(channel: str, packed: Packed) -> Finding:
    message = f"{packed.n_saturated.sum()} samples beyond the packing range, set to its end"
    return finding("PSG-S002", message, channel=channel, epochs=runs(packed.n_saturated > 0))


def _write_fixed(array: xr.DataArray, spec: ArraySpec, files: _Files) -> None:
    """Samples go into one shard, all else into one plain chunk; an empty array has no chunk."""
    _check_dims(array, spec)
    attrs: dict[str, Any] = {"long_name": spec.long_name}
    if spec.units is not None:
        attrs["units"] = spec.units
    if spec.dims[0] == "epoch" and array.name != "epoch_start_s":
        attrs["coordinates"] = "epoch_start_s"
    if spec.codes != "none":
        attrs |= {k: array.attrs[k] for k in ("flag_values", "flag_meanings") if k in array.attrs}
    attrs |= code_meanings(spec)
    if spec.is_sharded:
        _write_sharded(str(array.name), spec, array.values, attrs, files)
        return
    if array.size:
        files.write(f"{array.name}/{_chunk_name(array.ndim)}", plain_chunk(array.values, spec.data_type))
    files.write_document(str(array.name), array_document(spec, array.shape, _plain(attrs)))


def _write_sharded(name: str, spec: ArraySpec, data: NDArray[Any], attrs: Mapping[str, Any], files: _Files) -> None:
    """One shard holds the night, inner chunks of half an hour; chunks of missing samples are written too."""
    chunk = min(CHUNK_EPOCH, data.shape[0])
    data = np.ascontiguousarray(data, spec.data_type)
    files.write(f"{name}/{_chunk_name(2)}", shard(data, chunk, int(spec.fill)))
    files.write_document(name, array_document(spec, data.shape, _plain(attrs), inner_chunk=chunk))


def _chunk_name(n_dim: int) -> str:
    return "/".join(["c", *["0"] * n_dim])


def _check_dims(array: xr.DataArray, spec: ArraySpec, n_per_epoch: int | None = None) -> None:
    if array.dims != spec.dims:
        raise SpecViolation(f"{array.name} has other dimensions", saw=array.dims, expected=spec.dims)
    if n_per_epoch is not None and array.shape[1] != n_per_epoch:
        raise SpecViolation(f"{array.name} has another rate", saw=array.shape[1], expected=n_per_epoch)


# --- files -------------------------------------------------------------------------------------------------


class _Files:
    """The files of one store as they are written, with their digests; the root document comes last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digests: dict[str, str] = {}
        self._documents: dict[str, dict[str, Any]] = {}
        self.n_byte = 0

    def write(self, name: str, content: bytes) -> str:
        """Write one file and return its SHA-256."""
        file = self._path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        self.n_byte += len(content)
        self._digests[name] = hashlib.sha256(content).hexdigest()
        return self._digests[name]

    def write_document(self, array: str, document: dict[str, Any]) -> None:
        """Write an array's document and keep it for the root."""
        self._documents[array] = document
        self.write(f"{array}/{ARRAY_FILE}", encoded(document))

    def write_root(self, attrs: Mapping[str, Any]) -> str:
        """Write the root document and return its SHA-256."""
        own = {
            "Conventions": CONVENTIONS,
            "title": "harmonised polysomnogram",
            "spec": SPEC,
            "spec_version": SPEC_VERSION,
        }
        files = dict(sorted(self._digests.items()))
        attrs = _plain(own | dict(attrs) | {"files": files})
        return self.write(ARRAY_FILE, encoded(root_document(attrs, dict(sorted(self._documents.items())))))

    @property
    def n_file(self) -> int:
        """How many have been written."""
        return len(self._digests)


def _plain(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes as JSON gives them back: NumPy scalars and arrays become numbers and lists."""
    try:
        text = json.dumps(attrs, allow_nan=False, default=lambda value: value.tolist())
    except (TypeError, ValueError, AttributeError) as error:
        raise SpecViolation("an attribute is not JSON", expected="text, finite numbers, lists, maps") from error
    plain: dict[str, Any] = json.loads(text)
    return plain

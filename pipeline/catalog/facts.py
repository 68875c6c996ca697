"""What the catalog says of one recording, from the store's root document and its small arrays alone."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.catalog.columns import FLAG_COUNTS
from pipeline.catalog.night import NIGHT_ARRAYS, night_facts
from pipeline.files.places import files_below, is_remote, storage_errors
from pipeline.write.plain import read_plain
from schemas.errors import SpecTooNew, SpecViolation, StoreCorrupt, StoreIncomplete
from schemas.kinds import RateClass
from schemas.store import ARRAY_FILE, SPEC_VERSION
from schemas.subjects import CONDITIONS
from schemas.vocabulary import BeatType, Modality

__all__ = ["Facts", "store_facts"]

_USABLE = 0.5  # part of an epoch from which on it counts as usable; the model's tokens are valid from there, too
_READ = (*NIGHT_ARRAYS, "quality", "beat_type")


class Facts(NamedTuple):
    """One row of the catalog, and the rows of its channels."""

    recording: dict[str, Any]
    channels: list[dict[str, Any]]


class _Store(NamedTuple):
    """A store's root document, and its small arrays."""

    path: Path
    digest: str
    attrs: Mapping[str, Any]
    documents: Mapping[str, Mapping[str, Any]]
    values: Mapping[str, NDArray[Any]]

    def length(self, name: str) -> int:
        return int(self.documents[name]["shape"][0])


def store_facts(path: Path, *, expected_digest: str | None = None) -> Facts:
    """Return the rows of one store.

    Parameters
    ----------
    path : Path
        ``OUT/<cohort>/<recording>.zarr``.
    expected_digest : str, optional
        SHA-256 of the root document as the ledger has it.

    Raises
    ------
    StoreIncomplete, StoreCorrupt, SpecViolation, SpecTooNew
        When the store is not whole; `pipeline.verify.store` says all that is wrong with it.
    StorageError
        When the disk or the object store refuses.
    """
    with storage_errors("the store cannot be read", where=path.name):
        try:
            return _facts(_open(path, expected_digest))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise StoreCorrupt(
                "the store's documents cannot be understood", where=path.name, saw=type(error).__name__
            ) from None


def _facts(store: _Store) -> Facts:
    names = [str(name) for name in store.values["channel"]]
    quality = store.values["quality"]
    counts = _counts(store.values["usable_fraction"], quality)
    channels = [_channel(store, name) | row for name, row in zip(names, counts, strict=True)]
    primary = [column for column, row in enumerate(channels) if row["primary"]]
    row = _identity(store) | night_facts(store.attrs, store.values) | _derived(store, names) | _record(store)
    row |= _signals(channels) | {"n_flagged": int((quality[:, primary] != 0).any(axis=1).sum())}
    return Facts(row, channels)


def _open(path: Path, expected_digest: str | None) -> _Store:
    try:
        content = (path / ARRAY_FILE).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise StoreIncomplete("the store has no root document", where=path.name) from None
    digest = hashlib.sha256(content).hexdigest()
    if expected_digest not in (None, digest):
        raise StoreCorrupt("the root document is not the one that the ledger knows", where=path.name)
    root = json.loads(content)
    attrs, documents = root["attributes"], root["consolidated_metadata"]["metadata"]
    if int(attrs["spec_version"]) > SPEC_VERSION:
        raise SpecTooNew("the store was written by a later version", where=path.name, saw=attrs["spec_version"])
    if absent := set(_READ) - set(documents):
        raise SpecViolation(
            "the store lacks an array", where=path.name, saw=f"no {min(absent)}", do="Convert again."
        )
    return _Store(path, digest, attrs, documents, read_plain(path, documents, _READ))


# --- the recording -----------------------------------------------------------------------------------------


def _identity(store: _Store) -> dict[str, Any]:
    attrs, cohort = store.attrs, store.attrs["cohort"]
    family = attrs.get("family")
    return {
        "recording": f"{cohort}/{attrs['recording']}",
        "cohort": cohort,
        "subject": f"{cohort}/{attrs['subject']}",
        "family": f"{cohort}/{family}" if family else None,
        "visit": attrs["visit"] or None,
        "site": attrs["site"],
        "overlaps_with": sorted({row["cohort"] for row in attrs["manifest"].get("overlaps_with", ())}),
        "study_type": attrs["study_type"],
        "age_years": _number(attrs["age_years"]),
        "age_top_coded": bool(attrs.get("age_top_coded", 0)),
        "sex": attrs["sex"],
        "race": attrs.get("race", "unknown"),
        "ethnicity": attrs.get("ethnicity", "unknown"),
        "bmi": _number(attrs.get("bmi")),
        **{f"history_{name}": attrs.get("history", {}).get(name) for name in CONDITIONS},
        "path": f"{store.path.parent.name}/{store.path.name}",
    }


def _derived(store: _Store, names: list[str]) -> dict[str, Any]:
    """What was measured and derived; null where a channel that it comes from is not there or not ours."""
    measured = store.attrs.get("quality_measures", {})
    row: dict[str, Any] = {name: _number(measured.get(name)) for name in ("belt_correlation", "ecg_upright")}
    derived = {name for name in names if "derived_from" in store.documents[name]["attributes"]}
    if Modality.IBI in derived:
        kinds = store.values["beat_type"]
        row |= {"n_beat": len(kinds), "n_ectopic_beat": int((kinds == BeatType.ECTOPIC).sum())}
    if Modality.RESP in derived:
        row["n_breath"] = store.length("breath_time_s")
    return row


def _record(store: _Store) -> dict[str, Any]:
    attrs, terms = store.attrs, store.attrs["terms"]
    severities = Counter(finding["severity"] for finding in attrs["findings"])
    sizes = _sizes(store)
    return {
        "findings": sorted({finding["code"] for finding in attrs["findings"]}),
        **{f"n_finding_{name}": severities[name] for name in ("info", "warning", "severe")},
        "n_byte": sum(sizes),
        "n_file": len(sizes),
        "fingerprint": attrs["fingerprint"],
        "root_digest": store.digest,
        "spec_version": attrs["spec_version"],
        "processing_version": attrs["processing"].get("version"),
        **{
            f"terms_{name}": terms.get(name)
            for name in ("agreement", "redistribution", "commercial", "citation", "release", "url")
        },
    }


def _sizes(store: _Store) -> list[int]:
    """Return the size of every file; one that is gone is noticed on the way."""
    names = [ARRAY_FILE, *store.attrs["files"]]
    try:
        if is_remote(store.path):
            found = files_below(store.path)
            return [found[name].size for name in names]
        return [os.stat(f"{store.path}/{name}").st_size for name in names]
    except (FileNotFoundError, KeyError):
        raise StoreIncomplete("a file of the store is missing", where=store.path.name) from None


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


# --- its channels ------------------------------------------------------------------------------------------


def _channel(store: _Store, name: str) -> dict[str, Any]:
    document = store.documents[name]
    attrs = document["attributes"]
    measured = attrs.get("quality_measures", {})
    return {
        "recording": f"{store.attrs['cohort']}/{store.attrs['recording']}",
        "channel": name,
        "modality": attrs["modality"],
        "kind": attrs["kind"],
        "primary": attrs["primary"] == 1,
        "unit": attrs["units"],
        "source_label": attrs["source_label"],
        "source_rate_hz": _number(attrs["source_rate_hz"]),
        "rate_hz": float(RateClass(document["dimension_names"][1].removesuffix("_sample")).rate_hz),
        "reference": attrs["reference"],
        "band_low_hz": _number(attrs["band_low_hz"]),
        "band_high_hz": _number(attrs["band_high_hz"]),
        "polarity": attrs["polarity"],
        "night_factor": _number(attrs.get("night_factor")),
        "source_unit": attrs.get("source_unit"),
        "unit_factor": _number(attrs["unit_factor"]),
        **{name: _number(measured.get(name)) for name in ("amplitude", "mains_hz", "mains_amplitude")},
        "slow_wave_asymmetry": _number(attrs.get("polarity_slow_wave_asymmetry")),
        "n_saturated": attrs["n_saturated"],
    }


def _counts(usable: NDArray[Any], quality: NDArray[Any]) -> list[dict[str, Any]]:
    """Return what is counted over the epochs, a row a channel; both arrays are (epoch, channel)."""
    columns = {
        "coverage": usable.mean(axis=0, dtype=np.float64).tolist(),
        "n_usable": np.count_nonzero(usable >= _USABLE, axis=0).tolist(),
        **{name: np.count_nonzero(quality & bit, axis=0).tolist() for name, bit in FLAG_COUNTS.items()},
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _signals(channels: list[dict[str, Any]]) -> dict[str, Any]:
    coverage = {row["modality"]: row["coverage"] for row in channels if row["primary"]}
    return {
        "channels": [row["channel"] for row in channels],
        "modalities": [str(modality) for modality in Modality if modality in coverage],
        **{f"{modality}_coverage": coverage.get(modality) for modality in Modality},
    }

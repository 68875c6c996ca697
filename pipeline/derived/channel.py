"""A channel that is computed from other channels, as a store holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.findings import Finding
from schemas.quality import QualityFlag
from schemas.store import ARRAYS, DERIVED, channel_kind
from schemas.vocabulary import Polarity

__all__ = ["Derived", "DerivedChannel", "empty_tables", "interval_flags"]

Tables = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class DerivedChannel:
    """One derived channel on the epoch grid.

    Parameters
    ----------
    channel : str
        Canonical name; its kind fixes rate, unit and packing.
    value : ndarray, shape (n_epoch, n_per_epoch), float32
        In the kind's unit; NaN where missing.
    flag : ndarray, shape (n_epoch,), uint16
        `QualityFlag` bits that hold for any sample of the epoch.
    derived_from : sequence of str
        Canonical channels that it was computed from.
    source_rate_hz : float
        Native rate of the slowest of them.
    method : str
        What computed it, with a version.
    details : mapping of str to JSON values
        Further attributes.
    """

    channel: str
    value: NDArray[np.float32]
    flag: NDArray[np.uint16]
    derived_from: Sequence[str]
    source_rate_hz: float
    method: str
    primary: bool
    polarity: Polarity = Polarity.AS_HEADER
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def usable(self) -> NDArray[np.float32]:
        """Share of samples that are present; shape (n_epoch,)."""
        return np.asarray(np.isfinite(self.value).mean(axis=1, dtype=np.float32))

    @property
    def attributes(self) -> dict[str, Any]:
        """The store's attributes, without those of packing."""
        kind = channel_kind(self.channel)
        attrs: dict[str, Any] = {
            "kind": self.channel,
            "modality": kind.modality.value if kind.modality else "none",
            "primary": int(self.primary),
            "source_label": " + ".join(self.derived_from),
            "source_rate_hz": self.source_rate_hz,
            "reference": None,
            "band_low_hz": None,
            "band_high_hz": None,
            "resampler": DERIVED,
            "polarity": self.polarity.value,
            "unit_factor": 1.0,
            "units": kind.unit.value,
            "long_name": kind.long_name,
            "derived_from": list(self.derived_from),
            "method": self.method,
            **self.details,
        }
        if kind.is_arbitrary:
            attrs["source_unit"] = kind.unit.value
        return attrs


@dataclass(frozen=True)
class Derived:
    """What is derived from the channels of a night.

    Parameters
    ----------
    tables : dict of str to ndarray
        Arrays of `schemas.store.ARRAYS` by name.
    """

    channels: tuple[DerivedChannel, ...]
    tables: Tables
    findings: tuple[Finding, ...]


def empty_tables(n_epoch: int, *prefixes: str) -> Tables:
    """Return the arrays whose names begin with one of the prefixes, as they are where nothing was found.

    Tables have no rows; what has an epoch holds its fill value.
    """
    tables: Tables = {}
    for name, spec in ARRAYS.items():
        if name.startswith(prefixes):
            n_sample = channel_kind("ibi").rate_class.n_per_epoch
            sizes = {"epoch": n_epoch, "slow_sample": n_sample}
            shape = [sizes.get(dim, 0) for dim in spec.dims]
            tables[name] = np.full(shape, spec.fill, spec.data_type)
    return tables


def interval_flags(missing: NDArray[np.bool_], sensor_lost: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """Return why an interval is missing, epoch by epoch.

    Parameters
    ----------
    missing : ndarray, shape (n_epoch, n_per_epoch), bool
        Where there is no interval.
    sensor_lost : ndarray, shape (n_epoch, n_per_epoch), bool
        Where there is no signal to find one in.
    """
    no_signal = np.any(missing & sensor_lost, axis=1) * np.uint16(QualityFlag.NO_SIGNAL)
    no_interval = np.any(missing & ~sensor_lost, axis=1) * np.uint16(QualityFlag.NO_INTERVAL)
    return np.asarray(no_signal | no_interval, np.uint16)

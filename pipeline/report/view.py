"""One recording as its pictures need it: an axis of time, bins along it, and channels reduced to these bins.

A night has a hundred million samples and a screen some thousand columns: of every bin the least and the greatest
value are kept, so that no spike is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from schemas.errors import SelectionError
from schemas.store import ARRAYS, meanings_of, primary_of
from schemas.vocabulary import EPOCH_S

__all__ = ["Bins", "Night"]

_PARTS = (15, 10, 6, 5, 3, 2, 1)  # into which an epoch of any rate can be cut: 3840, 960, 120 and 30 samples
_DAY_S = 86400
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Bins:
    """Equal bins along a night.

    Parameters
    ----------
    n_epoch : int
        Of the night.
    n_part, n_together : int
        Bins in an epoch, and epochs in a bin; one of them is 1.
    """

    n_epoch: int
    n_part: int
    n_together: int

    @classmethod
    def at_most(cls, n_most: int, n_epoch: int) -> Bins:
        """Return the finest bins of which a night has no more than ``n_most``."""
        n_part = next((n for n in _PARTS if n * n_epoch <= n_most), 1)
        return cls(n_epoch, n_part, -(-n_epoch // n_most))

    @property
    def step_s(self) -> float:
        """Length of a bin in seconds."""
        return EPOCH_S * self.n_together / self.n_part

    def cut(self, values: NDArray[Any]) -> Floats:
        """Return samples bin by bin: (epoch, sample) → (bin, sample), NaN after the night's end."""
        n_bin = -(-self.n_epoch // self.n_together) * self.n_part
        flat = np.asarray(values, np.float32).reshape(-1)
        n_per_bin = values.shape[1] * self.n_together // self.n_part
        lacking = n_bin * n_per_bin - flat.size
        if lacking:
            flat = np.concatenate([flat, np.full(lacking, np.nan, np.float32)])
        return flat.reshape(n_bin, n_per_bin)

    def envelope(self, values: NDArray[Any]) -> Floats:
        """Return least and greatest value of every bin in turn; (epoch, sample) → (2 · bin,), NaN where none is."""
        cut = self.cut(values)
        return np.stack([np.fmin.reduce(cut, axis=1), np.fmax.reduce(cut, axis=1)], axis=1).reshape(-1)

    def means(self, values: NDArray[Any]) -> Floats:
        """Return the mean of what there is in every bin; (epoch, sample) → (bin,), NaN where nothing is."""
        cut = self.cut(values)
        is_there = np.isfinite(cut)
        n = is_there.sum(axis=1)
        total = np.where(is_there, cut, 0).sum(axis=1)
        return np.where(n > 0, total / np.maximum(n, 1), np.nan).astype(np.float32)


@dataclass(frozen=True)
class Night:
    """A recording, opened, with its axis of time.

    Parameters
    ----------
    ds : xr.Dataset
        As `pipeline.api.open_recording` gives it, or a selection of its epochs, one after the other.

    Raises
    ------
    SelectionError
        When arrays or epochs between are missing.
    """

    ds: xr.Dataset

    def __post_init__(self) -> None:
        absent = [name for name in ARRAYS if name not in self.ds.variables]
        if absent or not {"recording", "clock_start_s"} <= set(self.ds.attrs):
            raise SelectionError(
                "this is a part of a recording that cannot be shown",
                saw=f"no {', '.join(absent[:3])}" if absent else "no attributes",
                do="Take what open_recording gives, or a selection of its epochs.",
            )
        start_s = self.ds["epoch_start_s"].values
        if not start_s.size or np.any(np.diff(start_s) != EPOCH_S):
            raise SelectionError("epochs are not one after the other", do="Select a slice of epochs.")

    @cached_property
    def n_epoch(self) -> int:
        """Number of epochs."""
        return int(self.ds.sizes["epoch"])

    @cached_property
    def has_clock(self) -> bool:
        """Whether the time of day is known."""
        return self.ds.attrs["clock_start_s"] is not None

    @cached_property
    def origin_s(self) -> float:
        """Time of day of the grid's origin in seconds; 0 where it is not known."""
        clock_s = self.ds.attrs["clock_start_s"]
        return 0.0 if clock_s is None else float(clock_s + self.ds.attrs["grid_offset_s"]) % _DAY_S

    @cached_property
    def start_s(self) -> float:
        """Time of day of the first epoch, which a selection may begin later."""
        return self.origin_s + float(self.ds["epoch_start_s"].values[0])

    @property
    def end_s(self) -> float:
        """The end of the last epoch on the same axis."""
        return self.start_s + EPOCH_S * self.n_epoch

    @cached_property
    def channels(self) -> tuple[str, ...]:
        """Canonical channels as the store lists them."""
        return tuple(str(name) for name in self.ds["channel"].values)

    def bins(self, n_most: int) -> Bins:
        """Return at most so many equal bins of the night."""
        return Bins.at_most(n_most, self.n_epoch)

    def primary(self, modality: str) -> str | None:
        """Return the channel that stands for a modality, or None."""
        return primary_of(((name, self.ds[name].attrs) for name in self.channels), modality)

    def codes(self, array: str) -> dict[int, str]:
        """Return the codes of an array with their meanings."""
        return meanings_of(self.ds[array].attrs)

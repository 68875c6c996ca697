"""Derived channels of a store against what the store itself says of their sources.

Respiration is computed again from the stored sensors with the stored weights, intervals from the stored beats and
breaths: closed forms, without any detector. The sensors themselves are compared with the source elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from schemas.kinds import RateClass
from schemas.store import DERIVED, LIMIT, channel_kind

__all__ = ["derived_problems"]

Floats = NDArray[np.float64]
_TABLES = {"ibi": "beat_time_s", "bbi": "breath_time_s"}
_ROUNDED = 2.0  # packed counts: of the channel and of each source, all rounded


def derived_problems(ds: xr.Dataset) -> Iterator[tuple[str, str]]:
    """Yield channel and what is wrong with it, for every derived channel of a store.

    Parameters
    ----------
    ds : xr.Dataset
        From `pipeline.api.open_recording`.
    """
    for channel in map(str, ds["channel"].values):
        if ds[channel].attrs["resampler"] != DERIVED:
            continue
        if channel in _TABLES:
            wrong = _interval_differs(ds, channel)
        else:
            wrong = _sum_differs(ds, channel)
        if wrong.any():
            epoch = int(np.flatnonzero(wrong)[0]) // RateClass.SLOW.n_per_epoch
            yield channel, f"{int(wrong.sum())} samples do not follow from its sources, the first in epoch {epoch}"


def _flat(ds: xr.Dataset, channel: str) -> Floats:
    """Return a channel in its source's unit, NaN where it is saturated."""
    array = ds[channel]
    count = array.values.reshape(-1).astype(np.float64) / channel_kind(channel).scale
    count[np.abs(count) > LIMIT - 0.5] = np.nan
    return count * _step(ds, channel)


def _step(ds: xr.Dataset, channel: str) -> float:
    return float(channel_kind(channel).scale * ds[channel].attrs.get("night_factor", 1.0))


def _interval_differs(ds: xr.Dataset, channel: str) -> NDArray[np.bool_]:
    """Return where a stored interval is not the one between the two stored times around it."""
    stored, time_s = _flat(ds, channel), ds[_TABLES[channel]].values
    at_s = np.arange(stored.size) / RateClass.SLOW.rate_hz
    held = np.searchsorted(time_s, at_s, side="right") - 1
    inside = (held >= 0) & (held < time_s.size - 1)  # the beats beyond the grid's ends are not stored
    interval_s = np.diff(time_s)[held[inside]]
    wrong = np.zeros(stored.size, bool)
    wrong[inside] = np.abs(stored[inside] - interval_s) > 0.51 * _step(ds, channel)
    return wrong


def _sum_differs(ds: xr.Dataset, channel: str) -> NDArray[np.bool_]:
    """Return where the stored value is neither the sources' weighted sum nor one of them alone.

    A belt on its rail is lost and still has samples, so each is allowed to stand alone.
    """
    attrs, stored = ds[channel].attrs, _flat(ds, channel)
    sources = {name: _flat(ds, name) for name in attrs["weights"]}
    known = np.isfinite(stored) & np.all([np.isfinite(source) for source in sources.values()], axis=0)
    choices = [dict(attrs["weights"]), *({name: weight} for name, weight in attrs["weights_alone"].items())]
    wrong: NDArray[np.bool_] = np.asarray(known)
    for weights in choices:
        total = sum(weight * sources[name] for name, weight in weights.items())
        wrong &= np.abs(stored - total) > _tolerance(ds, channel, weights)
    return wrong


def _tolerance(ds: xr.Dataset, channel: str, weights: Mapping[str, float]) -> float:
    steps = sum(abs(weight) * _step(ds, name) for name, weight in weights.items())
    return _ROUNDED * 0.5 * (_step(ds, channel) + steps)

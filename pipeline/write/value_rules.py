"""The rules of one array's values that `pipeline.verify.store` checks: V10 of docs/store-spec.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.write.rules import Wrong
from schemas.kinds import POSSIBLE, kind_of_channel
from schemas.store import ARRAYS, LIMIT, MISSING, OPTIONAL_ARRAYS, channel_array, channel_kind
from schemas.vocabulary import EPOCH_S

__all__ = ["value_rules"]

# Tables whose rows are sorted by a time; True where no two rows may have the same one.
_ORDER = {"event_onset_s": False, "beat_time_s": True, "breath_time_s": True, "desaturation_onset_s": False}
_WITHIN = {*_ORDER, "desaturation_nadir_s", "desaturation_end_s"} - {"event_onset_s"}  # scorers may go beyond
_DETECTED = ("beat", "breath", "desaturation")  # tables of our own: every row has a code


def value_rules(
    name: str,
    value: NDArray[Any],
    attrs: dict[str, Any],
    usable_fraction: NDArray[Any] | None,
    *,
    n_epoch: int | None,
) -> Iterator[Wrong]:
    """Yield what is wrong with an array's stored values.

    Parameters
    ----------
    value : ndarray
        As stored: counts where packed.
    attrs : dict
        The array's attributes.
    usable_fraction : ndarray, shape (n_epoch,), or None
        The channel's column, for a channel.
    n_epoch : int or None
        Length of the night, None where it is not known.
    """
    if name not in ARRAYS and name not in OPTIONAL_ARRAYS:
        yield from _channel_values(name, value, attrs, usable_fraction)
        return
    if name in _ORDER or name in _WITHIN:
        yield from _times(name, value, n_epoch)
    elif name == "epoch_start_s":
        if not np.array_equal(value, EPOCH_S * np.arange(value.size)):
            yield "V10", f"epochs do not start every {EPOCH_S} s from 0"
    elif name == "usable_fraction":
        if not bool(np.all((value >= 0) & (value <= 1))):
            yield "V10", "a fraction is not between 0 and 1"
    elif name == "quality":
        if bool(np.any(value & ~np.uint16(sum(attrs["flag_masks"])))):
            yield "V10", "a bit is set that no mask names"
    elif name == "event_duration_s":
        if not bool(np.all((value >= 0) & np.isfinite(value))):
            yield "V10", "a duration is negative or not finite"
    elif name == "resp_phase_deg":
        if bool(np.any(np.abs(value) > 180)):
            yield "V10", "a phase is not between -180 and 180 degrees"
    elif name.startswith("desaturation_") and name.endswith("_percent") and value.dtype.kind == "f":
        if not bool(np.all((value >= 0) & (value <= 100))):
            yield "V10", "a saturation is not between 0 and 100 %"
    else:
        yield from _known_codes(value, attrs, is_complete=name.startswith(_DETECTED))


def _times(name: str, value: NDArray[Any], n_epoch: int | None) -> Iterator[Wrong]:
    if not np.isfinite(value).all():
        yield "V10", "a time is not finite"
        return
    step = np.diff(value)
    if name in _ORDER and bool(np.any(step <= 0 if _ORDER[name] else step < 0)):
        yield "V10", "times are not sorted"
    if name in _WITHIN and n_epoch is not None and bool(np.any((value < 0) | (value > EPOCH_S * n_epoch))):
        yield "V10", "a time is outside the night"


def _channel_values(
    name: str, value: NDArray[Any], attrs: dict[str, Any], usable_fraction: NDArray[Any] | None
) -> Iterator[Wrong]:
    spec = channel_array(name)
    if not spec.is_packed:
        yield from _known_codes(value, attrs)
        return
    n_limit = np.count_nonzero(value == LIMIT) + np.count_nonzero(value == -LIMIT)
    if attrs["n_saturated"] > n_limit:
        yield "V10", f"n_saturated is {attrs['n_saturated']}, but {n_limit} samples are at the limit"
    possible = POSSIBLE.get(kind_of_channel(name))
    if possible is not None:
        low, high = (edge / channel_kind(name).scale for edge in possible)
        if bool(np.any((value != MISSING) & ((value < low) | (value > high)))):
            yield "V10", f"a value is not between {possible[0]:g} and {possible[1]:g} {spec.units}"
    if usable_fraction is not None:
        is_empty = value.max(axis=1) == MISSING
        if bool(np.any(usable_fraction[is_empty] > 0)):
            yield "V10", "an epoch without a sample is called usable"


def _known_codes(value: NDArray[Any], attrs: dict[str, Any], *, is_complete: bool = False) -> Iterator[Wrong]:
    if "flag_values" not in attrs:
        return
    unknown = set(np.unique(value).tolist()) - set(attrs["flag_values"])
    if not is_complete:
        unknown -= {-1}
    if unknown:
        yield "V10", f"codes without a meaning: {sorted(unknown)}"

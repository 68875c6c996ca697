"""Derived channels that follow from their sources pass; those that do not are named."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from pipeline.api import open_recording
from pipeline.verify.derived import derived_problems
from pipeline.write.store import write_store
from tests.derived_nights import converted, sleeper

LOST_S = (600, 900)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """A stored night with a belt off its wearer for five minutes."""
    folder = tmp_path_factory.mktemp("night")
    sensors = dict(sleeper(folder / "download", hours=0.5, seed=4).sensors)
    value, rate_hz, unit = sensors["thor"]
    value = value.copy()
    value[round(LOST_S[0] * rate_hz) : round(LOST_S[1] * rate_hz)] = 0.0
    ds = converted(folder / "edf", {**sensors, "thor": (value, rate_hz, unit)})
    write_store(ds.assign_attrs(sources=[], fingerprint="f"), folder / "n.zarr")
    return open_recording(folder / "n.zarr").load()


def found(ds: xr.Dataset) -> list[str]:
    return [channel for channel, _ in derived_problems(ds)]


def test_a_sound_store_passes(stored: xr.Dataset) -> None:
    """Sums with both belts and with one alone, intervals of beats and of breaths: all follow."""
    assert {"ibi", "resp", "bbi"} <= set(stored["channel"].values)
    assert np.isfinite(stored["resp"].values).all()
    assert found(stored) == []


def changed(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[xr.Dataset], xr.Dataset]:
    return lambda ds: ds.assign({name: ds[name].copy(data=change(ds[name].values))})


CHANGES = {
    "respiration upside down": (changed("resp", np.negative), ["resp"]),
    "respiration a sample late": (changed("resp", lambda v: np.roll(v.ravel(), 1).reshape(v.shape)), ["resp"]),
    "respiration 1 % larger": (changed("resp", lambda v: v * np.float32(1.01)), ["resp"]),
    "a belt turned": (changed("abdo", np.negative), ["resp"]),
    "intervals 1 ms longer": (changed("ibi", lambda v: v + np.float32(1e-3)), ["ibi"]),
    "beats late": (changed("beat_time_s", lambda v: v + np.linspace(0, 1, v.size)), ["ibi"]),
    "a beat missing": (lambda ds: ds.isel(beat=np.arange(ds.sizes["beat"]) != 400), ["ibi"]),
    "breaths of another night": (changed("breath_time_s", lambda v: v * 1.1), ["bbi"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_does_not_follow_is_named(stored: xr.Dataset, change: str) -> None:
    """A change of a channel or of what it comes from is seen, and nothing else is called wrong."""
    spoil, expected = CHANGES[change]
    assert found(spoil(stored)) == expected

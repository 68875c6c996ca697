"""An output of small hand-made nights of several persons, and sets of shards made of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from pipeline.shards.build import Recipe, build_set
from pipeline.write.ledger import LedgerWriter, Row, Stored, now, store_path
from pipeline.write.store import write_store
from schemas.event_terms import EVENT_TYPES
from schemas.vocabulary import Modality, Outcome

Make = Callable[..., xr.Dataset]
MODALITIES = (Modality.EEG, Modality.BELT, Modality.SPO2, Modality.RESP)
CHANNELS = ("eeg_c4_m1", "thor", "spo2")
EVENTS = np.array([EVENT_TYPES[name].code for name in ("obstructive_apnea", "arousal")], np.int16)
EVENT_ATTRS = {"flag_values": EVENTS.tolist(), "flag_meanings": "obstructive_apnea arousal"}
LENGTHS = (61, 3, 130, 59, 1, 77, 60, 45, 20, 12, 33, 5)  # epochs: below, at and above a chunk of 60
TERMS = {"agreement": "made up", "redistribution": True, "commercial": False, "citation": "nobody", "release": "1"}


def add_night(out: Path, night: xr.Dataset, **attrs: Any) -> None:
    """Write a night's store and its row of the ledger."""
    night = night.assign_attrs({"terms": TERMS} | attrs)
    cohort, key = night.attrs["cohort"], night.attrs["recording"]
    summary = write_store(night, store_path(out, cohort, key))
    with LedgerWriter(out) as writer:
        writer.append(Row(cohort, key, Outcome.CONVERTED, now(), fingerprint="f", store=Stored.of(summary)))


def make_output(out: Path, make_night: Make) -> Path:
    """Write twelve nights of ten persons: two persons have two; every third night has no belt."""
    for number, length in enumerate(LENGTHS):
        channels = CHANNELS if number % 3 else ("eeg_c4_m1", "spo2")
        night = make_night(n_epoch=length, channels=channels)
        night["eeg_c4_m1"][0, :100] = np.nan
        night["event_type"] = ("event", EVENTS[night["event_type"].values], EVENT_ATTRS)
        add_night(
            out, night, recording=f"night-{number:02d}", subject=f"{number % 10}", event_scored=_scored(number)
        )
    return out


def _scored(number: int) -> dict[str, str]:
    return {"respiratory": "yes", "arousal": "no" if number % 2 else "partly"}


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory, make_night: Make) -> Path:
    """The output; not to be changed."""
    return make_output(tmp_path_factory.mktemp("shards") / "out", make_night)


RECIPE = Recipe(modalities=MODALITIES, seed=3, shard_epoch=120)


@pytest.fixture(scope="session")
def built(converted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of it, with several files an array; not to be changed."""
    target = tmp_path_factory.mktemp("built") / "set"
    build_set(converted, target, RECIPE)
    return target


@pytest.fixture
def shards(built: Path, tmp_path: Path) -> Path:
    """A copy of the set, to be changed."""
    return Path(shutil.copytree(built, tmp_path / "set"))

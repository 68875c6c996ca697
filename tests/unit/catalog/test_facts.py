"""What the catalog says of a store is what is in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from pipeline.catalog.columns import CHANNELS, RECORDINGS
from pipeline.catalog.facts import store_facts
from pipeline.catalog.night import night_facts
from pipeline.write.plain import read_plain
from pipeline.write.store import write_store
from schemas.errors import PsgError, SpecTooNew, SpecViolation, StoreCorrupt, StoreIncomplete
from schemas.event_terms import EVENT_TYPES
from schemas.quality import QualityFlag

N = 240  # epochs, two hours


@pytest.fixture
def night(make_night: Callable[..., xr.Dataset], tmp_path: Path) -> Callable[..., Path]:
    """``night(stage=..., events={type: onsets}, attrs...)``: the store of a night of two hours."""

    def write(
        stage: Any = 2, events: dict[str, list[float]] | None = None, in_bed: Any = 1, **attrs: object
    ) -> Path:
        rows = sorted((onset, name) for name, onsets in (events or {}).items() for onset in onsets)
        ds = make_night(n_epoch=N, n_event=len(rows)).assign_attrs(attrs)
        ds["stage"][:], ds["in_bed"][:] = stage, in_bed
        ds["event_onset_s"][:] = [onset for onset, _ in rows]
        ds["event_type"][:] = [EVENT_TYPES[name].code for _, name in rows]
        path = tmp_path / "synthetic" / "night-1.zarr"
        write_store(ds, path)
        return path

    return write


def test_every_column_is_filled_or_known(converted: Path) -> None:
    """Rows have columns of the tables and no others."""
    facts = store_facts(next(converted.glob("*/*.zarr")))
    assert set(facts.recording) - set(RECORDINGS) == set()
    assert {name for row in facts.channels for name in row} == set(CHANNELS)
    assert set(RECORDINGS) - set(facts.recording) == {"split"}


def test_counts_are_those_that_xarray_reads(converted: Path) -> None:
    """Stages, coverage and bits of quality equal what a plain reader counts in the same store."""
    for path in converted.glob("*/*.zarr"):
        ds, facts = xr.open_zarr(path, chunks=None), store_facts(path)
        row = facts.recording
        assert row["n_epoch"] == ds.sizes["epoch"]
        assert [row[name] for name in ("n_w", "n_n1", "n_n2", "n_n3", "n_rem", "n_unscored")] == [
            int((ds.stage == code).sum()) for code in (0, 1, 2, 3, 4, -1)
        ]
        assert row["n_beat"] == ds.sizes["beat"]
        assert row["n_breath"] == ds.sizes["breath"]
        assert row["n_desaturation_4_percent"] == int((ds.desaturation_rule_percent == 4).sum())
        assert row["channels"] == list(ds.channel.values)
        files = [file for file in path.rglob("*") if file.is_file()]
        assert (row["n_file"], row["n_byte"]) == (len(files), sum(file.stat().st_size for file in files))
        for channel in facts.channels:
            own = ds.sel(channel=channel["channel"])
            assert channel["coverage"] == pytest.approx(float(own.usable_fraction.astype(float).mean()))
            assert channel["n_usable"] == int((own.usable_fraction >= 0.5).sum())
            for flag in QualityFlag:
                assert channel[f"n_epoch_{(flag.name or '').lower()}"] == int(((own.quality & flag) != 0).sum())
            assert channel["primary"] == bool(ds[channel["channel"]].attrs["primary"])
            assert channel["rate_hz"] == ds[channel["channel"]].shape[1] / 30


def test_coverage_of_a_modality_is_its_primary_channels(night: Callable[..., Path]) -> None:
    """A modality without a primary channel is null."""
    row = store_facts(night()).recording
    assert row["modalities"] == ["eeg", "belt", "spo2"]
    assert (row["eeg_coverage"], row["eog_coverage"]) == (1.0, None)


def test_counts_of_scored_events(night: Callable[..., Path]) -> None:
    """Events are counted by class, and null where nobody looked for them."""
    stage = np.repeat([0, 2], N // 2)
    events = {
        "obstructive_apnea": [10.0, 3600.0, 3700.0, 3800.0],
        "hypopnea": [20.0, 5000.0, 5100.0, 7199.5],
        "rera": [4000.0],
        "arousal": [4100.0],
    }
    row = store_facts(night(stage, events, event_scored={"respiratory": "yes"})).recording
    assert (row["n_apnea"], row["n_hypopnea"], row["n_rera"], row["n_arousal"]) == (4, 4, 1, None)
    assert (row["scored_respiratory"], row["scored_arousal"]) == ("yes", "no")


def test_indices_are_the_store_s(night: Callable[..., Path]) -> None:
    """Each index of the store has its column, the cohort's own beside it; what is missing is null."""
    indices = {
        "ahi_hp3u": {"value": 6.5, "unit": "1/h", "n": 13, "hours": 2.0},
        "odi3": {"value": None, "why": "no"},
    }
    row = store_facts(night(2, {}, indices=indices, published_indices={"ahi_hp3u": 7.0, "ahi_hp4r": 5.0})).recording
    assert (row["ahi_hp3u"], row["odi3"], row["ahi_hp3r_aasm15"]) == (6.5, None, None)
    assert (row["published_ahi_hp3u"], row["published_ahi_hp4r"], row["published_tst_min"]) == (7.0, 5.0, None)


def test_a_person_s_history(night: Callable[..., Path]) -> None:
    """Yes, no and unknown are answers; null is a question that nobody asked; race is unknown, never null."""
    row = store_facts(night(2, {}, history={"diabetes": "no", "asthma": "unknown"}, race="asian")).recording
    assert (row["history_diabetes"], row["history_asthma"], row["history_stroke"]) == ("no", "unknown", None)
    assert (row["race"], row["ethnicity"]) == ("asian", "unknown")


def test_desaturations_an_hour_of_usable_saturation(night: Callable[..., Path]) -> None:
    """One fall by each rule in two hours; without saturation, or without a usable hour of it, there is no rate."""
    row = store_facts(night()).recording
    assert (row["n_desaturation_3_percent"], row["desaturation_3_percent_per_hour"]) == (1, 0.5)
    values = {"channel": np.array(["spo2"]), "usable_fraction": np.full((N, 1), 0.25, np.float32)}
    values |= {"stage": np.zeros(N), "in_bed": np.ones(N), "event_type": np.empty(0), "event_onset_s": np.empty(0)}
    values["desaturation_rule_percent"] = np.array([3, 4, 4])
    attrs = {"stage_scheme": "aasm", "clock_start_s": None, "event_scored": {}}
    assert night_facts(attrs, values)["desaturation_4_percent_per_hour"] == 4.0
    none = values | {"usable_fraction": np.zeros((N, 1), np.float32)}
    assert night_facts(attrs, none)["desaturation_4_percent_per_hour"] is None
    absent = values | {"channel": np.array(["thor"])}
    assert "n_desaturation_3_percent" not in night_facts(attrs, absent)


def test_unknown_is_null(night: Callable[..., Path]) -> None:
    """Nobody's family, visit, site, age and time in bed are null; a known family is the cohort's own."""
    row = store_facts(night(in_bed=-1, age_years=None)).recording
    names = ("family", "visit", "site", "age_years", "bmi", "n_in_bed")
    assert [row[name] for name in names] == [None] * len(names)
    assert row["terms_redistribution"] is True
    assert row["terms_agreement"] is None


def test_family_is_the_cohorts(night: Callable[..., Path]) -> None:
    """Families of two cohorts may have the same number."""
    assert store_facts(night(family="7")).recording["family"] == "synthetic/7"


# --- damage ------------------------------------------------------------------------------------------------


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("array", ["stage", "usable_fraction", "channel"])
def test_a_flipped_bit_is_noticed(store: Path, array: str) -> None:
    """A small array with another bit is damage, and the error names it."""
    _flip(next((store / array / "c").rglob("0")) if array != "usable_fraction" else store / array / "c" / "0" / "0")
    with pytest.raises(StoreCorrupt, match=array):
        store_facts(store)


def test_a_lost_file_is_noticed(store: Path) -> None:
    """A file that is listed and gone is damage, also where nothing of it is read."""
    (store / "pleth" / "c" / "0" / "0").unlink()
    with pytest.raises(StoreIncomplete, match="a file of the store is missing"):
        store_facts(store)


def test_a_lost_array_is_noticed(store: Path) -> None:
    """So is the chunk of an array that is read, and an array that the root document does not know."""
    (store / "stage" / "c" / "0").unlink()
    with pytest.raises(StoreIncomplete, match="the chunk of a small array is missing"):
        store_facts(store)
    _root(store, lambda root: root["consolidated_metadata"]["metadata"].pop("beat_type"))
    with pytest.raises(SpecViolation, match="saw no beat_type"):
        store_facts(store)


def _root(store: Path, change: Callable[[dict[str, Any]], object]) -> None:
    root = json.loads((store / "zarr.json").read_bytes())
    change(root)
    (store / "zarr.json").write_text(json.dumps(root))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda root: root["attributes"].update(spec_version=99), SpecTooNew),
        (lambda root: root["attributes"].pop("cohort"), StoreCorrupt),
        (lambda root: root.pop("attributes"), StoreCorrupt),
        (lambda root: root["attributes"].update(event_scored=3), StoreCorrupt),
    ],
)
def test_an_odd_root_document_is_an_error(
    store: Path, change: Callable[[dict[str, Any]], object], error: type[PsgError]
) -> None:
    """A document that is not understood is an error of ours, whatever is wrong with it."""
    _root(store, change)
    with pytest.raises(error):
        store_facts(store)


def test_a_root_document_that_the_ledger_does_not_know_is_an_error(store: Path) -> None:
    """The digest of the ledger stands against a store that somebody changed."""
    with pytest.raises(StoreCorrupt, match="ledger"):
        store_facts(store, expected_digest="0" * 64)


def test_only_plain_chunks_are_read(store: Path) -> None:
    """An array of samples is refused rather than misread."""
    document = json.loads((store / "spo2" / "zarr.json").read_bytes())
    with pytest.raises(SpecViolation, match="sharding_indexed"):
        read_plain(store, {"spo2": document}, ["spo2"])

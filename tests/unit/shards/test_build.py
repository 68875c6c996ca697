"""A set is what its recording stores are, whoever reads it."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
import xarray as xr
import zarr

from pipeline.api import open_recording
from pipeline.catalog.columns import RECORDINGS
from pipeline.catalog.facts import store_facts
from pipeline.shards import build as building
from pipeline.shards.build import BuildReport, Recipe, build_set
from pipeline.shards.choose import good_recordings
from pipeline.shards.read import ShardSet, open_shards
from pipeline.shards.recording import RecordingStore
from pipeline.shards.verify import verify_set
from pipeline.write.ledger import store_path
from schemas.errors import OutputBusy, SpecViolation, SplitLeak, StoreCorrupt, StoreIncomplete
from schemas.shard import TARGET_COLUMNS, Codec
from schemas.store import MISSING
from schemas.vocabulary import Modality, StudyType
from tests.unit.shards.conftest import LENGTHS, MODALITIES, RECIPE, add_night

PRIMARY = {"eeg": "eeg_c4_m1", "belt": "thor", "spo2": "spo2"}


def nights_of(built: Path) -> list[tuple[str, ShardSet, int]]:
    """Return every recording of a set with its split and its place there."""
    splits = json.loads((built / "set.json").read_text())["splits"]
    opened = [open_shards(built, split) for split in splits]
    return [(name, shards, i) for shards in opened for i, name in enumerate(shards.nights.recording)]


def expected(converted: Path, name: str, modality: str) -> Any:
    """Return a recording's values in units, from its own store."""
    night = open_recording(store_path(converted, *name.split("/")))
    channel = PRIMARY.get(modality)
    return night[channel].values if channel in night else None


def compare(converted: Path, name: str, modality: str, values: Any) -> None:
    """Hold values against a recording store's; absent modalities are all missing."""
    truth = expected(converted, name, modality)
    if truth is None:
        assert np.isnan(values).all()
    else:
        np.testing.assert_array_equal(values, truth)


def test_every_recording_is_there_once(built: Path) -> None:
    """Splits hold all nights, end to end, whole persons each."""
    names = [name for name, _, _ in nights_of(built)]
    assert sorted(names) == [f"synthetic/night-{n:02d}" for n in range(len(LENGTHS))]
    splits = {split: open_shards(built, split) for split in ("train", "val", "test")}
    people = [set(shards.nights.subject) for shards in splits.values()]
    assert sum(map(len, people)) == len(set.union(*people)) == 10


@pytest.mark.parametrize("codec", Codec)
def test_direct_values_are_the_stores(converted: Path, tmp_path: Path, codec: Codec) -> None:
    """Counts times the scale are the recording stores' values, with and without compression."""
    build_set(converted, tmp_path / "set", dataclasses.replace(RECIPE, codec=codec))
    for name, shards, i in nights_of(tmp_path / "set"):
        start, length = int(shards.nights.start[i]), int(shards.nights.length[i])
        assert shards.is_direct is (codec is Codec.NONE)
        for modality in MODALITIES:
            out = np.empty((length, shards.n_per_epoch(modality)), np.int16)
            shards.read_window(start, length, modality, out)
            values = np.where(out == MISSING, np.nan, out * np.float32(shards.scale_factor(modality)))
            compare(converted, name, modality, values)


def test_zarr_and_xarray_read_the_same(converted: Path, built: Path) -> None:
    """A plain installation of Zarr and xarray reads true units."""
    for name, shards, i in nights_of(built):
        group = str(built / f"{shards.split}.zarr")
        night = slice(int(shards.nights.start[i]), int(shards.nights.start[i] + shards.nights.length[i]))
        opened = xr.open_zarr(group, chunks=None)
        counts = zarr.open_group(group, mode="r")
        for modality in MODALITIES:
            array = counts[modality]
            assert isinstance(array, zarr.Array)
            raw = np.asarray(array[night])
            np.testing.assert_array_equal(raw, shards.read(modality, night.start, night.stop - night.start))
            compare(converted, name, modality, opened[modality].isel(epoch=night).values)


def test_zarrs_reads_the_same(built: Path) -> None:
    """So does an independent implementation of the format, written in Rust."""
    with zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}):
        for _, shards, _ in nights_of(built):
            group = zarr.open_group(str(built / f"{shards.split}.zarr"), mode="r")
            for name in (*MODALITIES, "stage", "event_respiratory", "usable_fraction"):
                array = group[name]
                assert isinstance(array, zarr.Array)
                np.testing.assert_array_equal(np.asarray(array[...]), shards.read(name, 0, shards.n_epoch))


def test_labels_are_the_stores(converted: Path, built: Path) -> None:
    """Stages, time in bed and usable fractions lie beside the samples."""
    for name, shards, i in nights_of(built):
        truth = open_recording(store_path(converted, *name.split("/")))
        place = int(shards.nights.start[i]), int(shards.nights.length[i])
        np.testing.assert_array_equal(shards.read("stage", *place), truth.stage.values)
        np.testing.assert_array_equal(shards.read("in_bed", *place), truth.in_bed.values)
        np.testing.assert_array_equal(shards.read("recording_index", *place), i)
        usable = shards.read("usable_fraction", *place)
        assert usable[:, 0].tolist() == truth.usable_fraction.sel(channel="eeg_c4_m1").values.tolist()
        assert usable[:, 3].tolist() == [0.0] * place[1]


def test_tables_tell_presence_center_and_scale(converted: Path, built: Path) -> None:
    """Median and half range are those of the thinned night, in the stored unit."""
    for name, shards, i in nights_of(built):
        nights = shards.nights
        assert nights.present[i].tolist() == [expected(converted, name, m) is not None for m in MODALITIES]
        sample = np.sort(expected(converted, name, "eeg").reshape(-1)[::8])
        sample = sample[~np.isnan(sample)]
        low, middle, high = (sample[int(np.ceil(q * sample.size)) - 1] for q in (0.05, 0.5, 0.95))
        assert nights.center[i, 0] == middle
        assert nights.scale[i, 0] == (high - low) / 2
        assert np.isnan(nights.center[i, 3])


def test_statistics_are_those_of_train_alone(converted: Path, built: Path) -> None:
    """Mean and deviation of oxygen saturation over the split train, missing samples left out."""
    shards = open_shards(built, "train")
    values = np.concatenate([expected(converted, name, "spo2").reshape(-1) for name in shards.nights.recording])
    told = shards.statistics()["modalities"]["spo2"]
    assert told["n_sample"] == values.size
    np.testing.assert_allclose((told["mean"], told["sd"]), (values.mean(), values.std()), rtol=1e-5)
    assert told["quantiles"]["0.5"] == np.sort(values)[(values.size + 1) // 2 - 1]
    assert shards.statistics()["modalities"]["resp"]["mean"] is None


def test_index_is_a_table(built: Path) -> None:
    """Polars reads a row a recording, in the order in which they lie."""
    index = polars.read_parquet(built / "index.parquet")
    assert index["length"].sum() == sum(LENGTHS)
    for split in ("train", "val", "test"):
        rows, nights = index.filter(polars.col("split") == split), open_shards(built, split).nights
        assert rows["recording"].to_list() == nights.recording
        assert rows["start"].to_list() == nights.start.tolist()
        assert rows["belt_present"].to_list() == nights.present[:, 1].tolist()
        assert rows["eeg_channel"].to_list() == ["eeg_c4_m1"] * len(rows)


def test_targets_are_the_catalogs(converted: Path, built: Path) -> None:
    """What the index says of a night's sleep and breathing is what the catalog says, null where it is."""
    assert {name: RECORDINGS[name].type for name in TARGET_COLUMNS} == dict(TARGET_COLUMNS)
    for row in polars.read_parquet(built / "index.parquet").iter_rows(named=True):
        facts = store_facts(store_path(converted, *row["recording"].split("/"))).recording
        assert {name: row[name] for name in TARGET_COLUMNS} == {name: facts.get(name) for name in TARGET_COLUMNS}
        assert (row["n_limb_movement"], row["scored_limb"]) == (None, "no")
        assert row["desaturation_4_percent_per_hour"] == pytest.approx(1 / (row["length"] / 120))


def test_a_store_from_before_is_named(tmp_path: Path, make_night: Any) -> None:
    """A store that lacks what the index tells of is told, with what to do."""
    add_night(tmp_path / "out", make_night())
    (chosen,) = good_recordings(tmp_path / "out")
    store = RecordingStore(chosen.path, chosen.name, chosen.root_digest)
    del store.documents["desaturation_rule_percent"]
    with pytest.raises(SpecViolation, match=r"synthetic/night-1: .*no desaturation_rule_percent.*conversion again"):
        store.plain("desaturation_rule_percent")


def test_the_same_seed_gives_the_same_bytes(converted: Path, built: Path, tmp_path: Path) -> None:
    """Built again elsewhere every file is equal; another seed gives another order."""
    build_set(converted, tmp_path / "again", RECIPE)
    files = sorted(path.relative_to(built) for path in built.rglob("*") if path.is_file())
    assert [f for f in files if (built / f).read_bytes() != (tmp_path / "again" / f).read_bytes()] == []
    build_set(converted, tmp_path / "other", dataclasses.replace(RECIPE, seed=4))
    orders = [open_shards(path, "train").nights.recording for path in (built, tmp_path / "other")]
    assert orders[0] != orders[1]


def test_what_is_there_already_is_left_alone(converted: Path, shards: Path) -> None:
    """The same recordings in the same way are not built again; another choice replaces the set."""
    before = (shards / "set.json").stat().st_mtime_ns
    assert not build_set(converted, shards, RECIPE).built
    assert (shards / "set.json").stat().st_mtime_ns == before
    report = build_set(converted, shards, dataclasses.replace(RECIPE, modalities=(Modality.EEG,)))
    assert isinstance(report, BuildReport)
    assert report.built
    assert open_shards(shards, "train").modalities == (Modality.EEG,)


def test_something_else_is_not_replaced(converted: Path, tmp_path: Path) -> None:
    """A folder that is no set stays as it is."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years")
    with pytest.raises(OutputBusy, match="something else"):
        build_set(converted, tmp_path / "thesis", RECIPE)


def test_a_person_in_two_splits_is_refused(converted: Path, tmp_path: Path) -> None:
    """A split file that tears a person apart names them."""
    file = tmp_path / "splits.tsv"
    lines = [f"train\tsynthetic/{n}" for n in range(10)]
    file.write_text("\n".join([*lines, "test\tsynthetic/4", ""]))
    with pytest.raises(SplitLeak, match="synthetic/4"):
        build_set(converted, tmp_path / "set", Recipe(modalities=MODALITIES, split_file=file))
    assert not (tmp_path / "set").exists()


def test_a_family_in_two_splits_is_refused(tmp_path: Path, make_night: Any) -> None:
    """Relatives stay together, whatever a split file says."""
    for number in range(2):
        add_night(tmp_path / "out", make_night(), recording=f"n{number}", subject=f"{number}", family="7")
    file = tmp_path / "splits.tsv"
    file.write_text("train\tsynthetic/0\ntest\tsynthetic/1\n")
    with pytest.raises(SplitLeak, match="family synthetic/7"):
        build_set(tmp_path / "out", tmp_path / "set", Recipe(modalities=MODALITIES, split_file=file))


def test_a_damaged_recording_is_named(tmp_path: Path, make_night: Any) -> None:
    """A flipped byte in a store never becomes a sample of a set."""
    add_night(tmp_path / "out", make_night())
    chunk = tmp_path / "out/synthetic/night-1.zarr/eeg_c4_m1/c/0/0"
    content = bytearray(chunk.read_bytes())
    content[100] ^= 1
    chunk.write_bytes(content)
    with pytest.raises(StoreCorrupt, match=r"synthetic/night-1: array eeg_c4_m1"):
        build_set(tmp_path / "out", tmp_path / "set", RECIPE)
    chunk.unlink()
    with pytest.raises(StoreIncomplete, match="synthetic/night-1"):
        build_set(tmp_path / "out", tmp_path / "set", RECIPE)
    assert not (tmp_path / "set").exists()


def test_an_output_without_recordings_is_no_set(tmp_path: Path) -> None:
    """Nothing converted, nothing built."""
    with pytest.raises(StoreIncomplete, match="no converted recording"):
        build_set(tmp_path, tmp_path / "set", RECIPE)


def _kill_at(converted: Path, target: Path, number: int) -> None:
    def die(done: int, total: int) -> None:
        if done == number:
            os.kill(os.getpid(), signal.SIGKILL)

    build_set(converted, target, RECIPE, on_progress=die)


@pytest.mark.parametrize("number", [1, 12])
def test_a_killed_build_leaves_nothing_behind_its_name(converted: Path, tmp_path: Path, number: int) -> None:
    """Killed anywhere there is no set; the next run makes it, and nothing of the first is left."""
    child = multiprocessing.get_context("spawn").Process(
        target=_kill_at, args=(converted, tmp_path / "set", number)
    )
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert not (tmp_path / "set").exists()
    assert build_set(converted, tmp_path / "set", RECIPE).built
    assert verify_set(tmp_path / "set").problems == ()
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_two_builds_do_not_mix(converted: Path, tmp_path: Path) -> None:
    """While one run builds, another is told so."""

    def second(done: int, total: int) -> None:
        with pytest.raises(OutputBusy, match="another run"):
            build_set(converted, tmp_path / "set", RECIPE)

    build_set(converted, tmp_path / "set", RECIPE, on_progress=second)


def test_the_strictest_terms_count(tmp_path: Path, make_night: Any) -> None:
    """One source that may not be passed on forbids it for the set; all are cited."""
    strict = {"agreement": "DUA", "redistribution": False, "commercial": False, "citation": "them", "release": "2"}
    add_night(tmp_path / "out", make_night(), recording="a", subject="1")
    add_night(tmp_path / "out", make_night(), cohort="other", recording="b", subject="2", terms=strict)
    build_set(tmp_path / "out", tmp_path / "set", RECIPE)
    terms = json.loads((tmp_path / "set" / "set.json").read_text())["terms"]
    assert terms["redistribution"] is False
    assert terms["citations"] == ["nobody", "them"]
    assert terms["releases"] == {"other": ["2"], "synthetic": ["1"]}


def test_a_card_hides_small_cells(built: Path) -> None:
    """Fewer than five persons are shown as such, and with them the others: eight of ten would tell of two."""
    card = (built / "card.md").read_text()
    rows = {
        line.split("|")[1].strip(): line for line in card.splitlines() if line.startswith("| ") and "synth" in line
    }
    assert rows["train"].split("|")[3].strip() == ">5"
    assert [cell.strip() for cell in rows["test"].split("|")[3:6]] == ["<5", "withheld", "withheld"]
    assert card.count("| test | withheld |") == 2
    assert "redistribution: yes" in card
    assert building.SPLITS in {path.name for path in built.iterdir()}


def test_only_usual_nights_are_taken(tmp_path: Path, make_night: Any) -> None:
    """Diagnostic nights and those that nobody told of; others only where they are asked for."""
    for number, study_type in enumerate(("diagnostic", "unknown", "split", "titration", "mslt")):
        add_night(tmp_path / "out", make_night(n_epoch=2), recording=f"night-{number}", study_type=study_type)
    names = [night.name for night in good_recordings(tmp_path / "out")]
    assert names == ["synthetic/night-0", "synthetic/night-1"]
    (split,) = good_recordings(tmp_path / "out", (StudyType.SPLIT,))
    assert split.name == "synthetic/night-2"
    with pytest.raises(StoreIncomplete, match="saw diagnostic, mslt, split, titration, unknown, expected hsat"):
        good_recordings(tmp_path / "out", (StudyType.HSAT,))

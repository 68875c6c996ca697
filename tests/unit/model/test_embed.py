"""Recording stores seen by a network: as the loader gives them, written beside the store, and staged."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from flows.training import data_facts
from model import checkpoint
from model.config import RunConfig
from model.data.loader import Options, open_nights, open_pairs
from model.data.one_night import read_night
from model.embed import embedding_of, open_encoder, stages_of
from model.finetune import finetune, open_model, start_model
from model.pretrain import pretrain
from pipeline.batch.audit import audit
from pipeline.catalog.build import build_catalog
from pipeline.shards.build import build_set
from pipeline.write.publish import published, withdraw
from pipeline.write.store import write_store
from schemas.errors import CheckpointInvalid, NoUsableChannel
from schemas.views import VIEWS
from tests import command_line
from tests.model_batches import tiny_run
from tests.unit.shards.conftest import CHANNELS, MODALITIES, RECIPE, TERMS, make_output

WINDOW = 12
N_LATE, LIGHTS_OFF = 30, 5  # epochs of a night, and those before it was time to sleep
NAMES = tuple(map(str, MODALITIES))


def in_process(*arguments: object) -> Any:
    """Run a command from the root of the file system."""
    return command_line.in_process(*arguments, cwd=Path("/"))


def _run(n_step: int) -> RunConfig:
    run = tiny_run(n_step)
    optim = replace(run.optim, batch=4, window=WINDOW)
    return replace(run, model=replace(run.model, modalities=NAMES), optim=optim)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, make_night: Callable[..., xr.Dataset]) -> Path:
    """Recording stores, sets of them as stored and in a view, a run of two steps, models for stages and sex."""
    folder = tmp_path_factory.mktemp("embed")
    make_output(folder / "out", make_night)
    late = make_night(n_epoch=N_LATE, channels=CHANNELS)
    late["in_bed"][:LIGHTS_OFF] = 0
    write_store(late.assign_attrs(terms=TERMS), folder / "late.zarr")
    build_set(folder / "out", folder / "set", RECIPE)
    build_set(folder / "out", folder / "view", replace(RECIPE, view=VIEWS["aasm"]))
    run, data = _run(2), data_facts(folder / "set")
    pretrain(run, open_pairs(folder / "set", window=WINDOW, batch=4), folder / "run", data=data)
    for task, labels in (("stage5", ("stage",)), ("sex", ())):
        nights = open_nights(folder / "set", batch=2, labels=labels, is_endless=True)
        model = start_model(run, task, folder / "run")
        finetune(model, nights, folder / task, run.optim, {"data": data})
    return folder


def _store(folder: Path, number: int) -> Path:
    found: Path = sorted((folder / "out").glob(f"*/night-{number:02d}.zarr"))[0]
    return found


@pytest.mark.parametrize("name", ["set", "view"])
def test_a_store_is_seen_as_its_shard_is(folder: Path, name: str) -> None:
    """Samples and valid tokens of every night are those of the loader, to the last bit, in a view as well."""
    facts = {"data": data_facts(folder / name), "config": _run(2).to_json()}
    assert facts["data"]["view"] == (None if name == "set" else "aasm")
    n_seen = 0
    for split in facts["data"]["splits"]:
        nights = open_nights(folder / name, labels=(), options=Options(split=split))
        for expected in nights:
            key = nights.nights.recording[int(expected.recording[0])]
            found = read_night(folder / "out" / f"{key}.zarr", facts).batch
            assert list(found.samples) == list(expected.samples)
            for modality in found.samples:
                assert torch.equal(found.samples[modality], expected.samples[modality]), (key, modality)
                assert torch.equal(found.valid[modality], expected.valid[modality]), (key, modality)
            assert torch.equal(found.start, expected.start)
            n_seen += 1
    assert n_seen == 12


def test_an_embedding_lies_beside_its_store(folder: Path) -> None:
    """It opens with plain xarray, aligns with the store, says what it was made of; verify and catalog stay well."""
    store = _store(folder, 2)
    result = in_process("embed", store, _store(folder, 4), "--checkpoint", folder / "run", "--json")
    assert result.returncode == 0, result.stderr
    said = json.loads(result.stdout)
    assert [Path(row["embedding"]).name for row in said] == ["night-02.embedding.zarr", "night-04.embedding.zarr"]
    ds = xr.open_zarr(said[0]["embedding"], chunks=None)
    n_epoch = xr.open_zarr(store, chunks=None).sizes["epoch"]
    assert dict(ds.sizes) == {"epoch": n_epoch, "width": 16, "window": -(-_n_in_bed(folder, store) // WINDOW)}
    assert set(said[0]["of"]) == {name for name in NAMES if name in ds}
    assert ds.attrs["checkpoint_sha256"] == checkpoint.load(folder / "run")[1]["sha256"]
    assert ds.attrs["terms"]["redistribution"] is True
    assert ds.attrs["terms"]["commercial"] is False
    assert np.isfinite(ds["fused"].values).all(axis=1).any()
    assert ds["fused"].dtype == np.float32
    first = {file: file.read_bytes() for file in Path(said[0]["embedding"]).rglob("*") if file.is_file()}
    assert in_process("embed", store, "--checkpoint", folder / "run").returncode == 0
    assert {file: file.read_bytes() for file in first} == first  # written again, the same bytes
    chunk = Path(said[1]["embedding"]) / "fused" / "c" / "0" / "0"
    chunk.write_bytes(bytes([chunk.read_bytes()[0] ^ 1]) + chunk.read_bytes()[1:])
    with pytest.raises(ValueError, match="checksum"):
        xr.open_zarr(said[1]["embedding"], chunks=None)["fused"].load()
    audited = audit(folder / "out")
    assert audited.problems == ()
    assert audited.n_stores == 12 == len(published(folder / "out"))
    assert build_catalog(folder / "out").recordings.height == 12


def _n_in_bed(folder: Path, store: Path) -> int:
    facts = checkpoint.load(folder / "run")[1]
    return next(iter(read_night(store, facts).batch.valid.values())).shape[1]


def test_an_embedding_goes_with_its_recording(folder: Path, tmp_path: Path) -> None:
    """Whoever removes a recording removes what was made of it; the neighbour's stays."""
    for number in (2, 4):
        store = Path(shutil.copytree(_store(folder, number), tmp_path / f"night-{number}.zarr"))
        assert in_process("embed", store, "--checkpoint", folder / "run").returncode == 0
    withdraw(tmp_path / "night-2.zarr")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["night-4.embedding.zarr", "night-4.zarr"]


@pytest.mark.parametrize("is_late", [False, True])
def test_vectors_are_those_of_the_network_window_by_window(folder: Path, *, is_late: bool) -> None:
    """Each window alone through the network gives the same; where nothing is valid there is nothing."""
    encoder = open_encoder(folder / "run")
    night = read_night(folder / "late.zarr" if is_late else _store(folder, 2), encoder.facts)
    ds, batch = embedding_of(encoder, night), night.batch
    first = LIGHTS_OFF if is_late else 0
    assert np.isnan(ds["fused"].values[:first]).all()
    with torch.no_grad():
        for number, start in enumerate(range(0, batch.valid["eeg"].shape[1], WINDOW)):
            part = slice(start, start + WINDOW)
            valid = batch.valid["eeg"][:, part]
            found = encoder.network("eeg", batch.samples["eeg"][:, part], valid)[0]
            own = ds["eeg"].values[first + start : first + start + valid.shape[1]]
            known = valid[0].numpy()
            assert np.allclose(own[known], found[1:].numpy()[known], atol=1e-5)
            assert np.isnan(own[~known]).all()
            assert np.allclose(ds["window_eeg"].values[number], found[0].numpy(), atol=1e-5) or not known.any()
            assert int(ds["window_start"][number]) == first + start
    batch.valid["eeg"][:, :WINDOW] = False
    others = [ds[f"window_{name}"].values[0] for name in NAMES if name in ds and name != "eeg"]
    lost = embedding_of(encoder, night)
    assert np.isnan(lost["window_eeg"].values[0]).all()
    assert np.allclose(lost["window_fused"].values[0], np.mean(others, axis=0), atol=1e-5)
    seen = np.isfinite(ds["fused"].values).all(axis=1)
    mean = np.nanmean(np.stack([ds[name].values[seen] for name in NAMES if name in ds]), axis=0)
    assert np.allclose(ds["fused"].values[seen], mean, atol=1e-5)  # nobody has learnt shares yet


def test_a_fine_tuned_network_sees_the_whole_night(folder: Path) -> None:
    """One window, unless another length is asked for."""
    encoder = open_encoder(folder / "stage5")
    night = read_night(_store(folder, 2), encoder.facts)
    assert embedding_of(encoder, night).sizes["window"] == 1
    assert embedding_of(encoder, night, 30).sizes["window"] == -(-night.batch.valid["eeg"].shape[1] // 30)


def test_stages_with_confidences(folder: Path, tmp_path: Path) -> None:
    """JSON, CSV and the model agree; the text has a line a stage and says what it is not for."""
    store, table = _store(folder, 2), tmp_path / "stages.csv"
    arguments = ("stage", store, "--checkpoint", folder / "stage5")
    result = in_process(*arguments, "--csv", table, "--json")
    assert result.returncode == 0, result.stderr
    said = json.loads(result.stdout)
    model, facts = open_model(folder / "stage5")
    batch = read_night(store, facts).batch
    with torch.no_grad():
        probability = model(batch)[0].softmax(-1)
    first = int(batch.start[0])
    seen = torch.stack(list(batch.valid.values())).any(dim=0)[0]
    for epoch, row in enumerate(said["epochs"]):
        at = epoch - first
        if 0 <= at < len(seen) and seen[at]:
            assert row["stage"] == model.task.classes[int(probability[at].argmax())]
            assert row["confidence"] == pytest.approx(float(probability[at].max()), abs=1e-4)
        else:
            assert (row["stage"], row["confidence"]) == ("unscored", None)
    assert "research use only" in said["note"]
    with table.open(encoding="utf-8") as file:
        assert [row["stage"] for row in csv.DictReader(file)] == [row["stage"] for row in said["epochs"]]
    words = in_process(*arguments).stdout
    assert "research use only" in words
    assert all(f"{name:>6s} |" in words for name in model.task.classes)


def test_stages_begin_with_the_first_epoch_in_bed(folder: Path) -> None:
    """Before it there is none; each epoch behind it has the model's own answer."""
    model, facts = open_model(folder / "stage5")
    night = read_night(folder / "late.zarr", facts)
    found = stages_of(model, night)
    with torch.no_grad():
        expected = model(night.batch)[0].softmax(-1).numpy()
    assert found.stage[:LIGHTS_OFF].tolist() == [-1] * LIGHTS_OFF
    assert np.allclose(found.probability[LIGHTS_OFF:], expected, atol=1e-6)
    assert found.stage[LIGHTS_OFF:].tolist() == expected.argmax(axis=1).tolist()


def test_models_that_cannot_are_refused(folder: Path) -> None:
    """A run without a head, a model for sex, no checkpoint: each says what to do."""
    for name, said in (("run", "Fine-tune it first"), ("sex", "does not stage"), ("out", "no checkpoint")):
        result = in_process("stage", _store(folder, 2), "--checkpoint", folder / name)
        assert result.returncode == 2
        assert said in result.stderr
    facts = dict(checkpoint.load(folder / "run")[1])
    del facts["data"]
    with pytest.raises(CheckpointInvalid, match="scaled"):
        read_night(_store(folder, 2), facts)


def test_stores_that_cannot_be_seen_are_refused(folder: Path, tmp_path: Path) -> None:
    """A recording without the model's sensors, a later version, no store at all; nothing is left behind."""
    facts = checkpoint.load(folder / "run")[1]
    other = facts | {"config": {"model": {"modalities": ["emg"]}}}
    with pytest.raises(NoUsableChannel, match="emg"):
        read_night(_store(folder, 2), other)
    later = Path(shutil.copytree(_store(folder, 2), tmp_path / "later.zarr"))
    root = json.loads((later / "zarr.json").read_text())
    root["attributes"]["spec_version"] = 99
    (later / "zarr.json").write_text(json.dumps(root))
    empty = tmp_path / "empty.zarr"
    empty.mkdir()
    for store, said in ((later, "later version"), (empty, "no recording store")):
        result = in_process("embed", store, "--checkpoint", folder / "run")
        assert result.returncode == 2
        assert said in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.zarr", "later.zarr"]

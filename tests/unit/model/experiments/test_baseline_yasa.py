"""YASA beside the model: stages of recording stores, and the benchmark that stages a real excerpt."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.shard_set import Night, write_nights
from benchmarks.staging import STAGES, agreement, real_night
from model.config import preset, with_values
from model.data.loader import open_nights
from model.evaluate import Answers
from model.experiments.baseline_yasa import yasa_answers, yasa_stages
from model.finetune import finetune, start_model
from model.tasks import task
from pipeline.api import open_recording
from pipeline.synth import synthesise
from schemas.errors import ModelError
from schemas.shard import modality_kind
from schemas.store import MISSING
from schemas.vocabulary import Modality
from tests.command_line import in_process

FIRST = 4  # epochs before this one are out of bed


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hours of Sleep-EDF, harmonised."""
    return real_night(tmp_path_factory.mktemp("real"))


@pytest.fixture(scope="module")
def stages(store: Path) -> NDArray[np.float64]:
    """What YASA says of them."""
    return yasa_stages(store)


@pytest.fixture(scope="module")
def shards(store: Path) -> Path:
    """A set with a person to train on, who has EOG alone, and the excerpt to be tested on."""
    with open_recording(store) as ds:
        names = {ds[n].attrs["modality"]: n for n in ds["channel"].values if ds[n].attrs.get("primary") == 1}
        counts = {}
        for modality in (Modality.EEG, Modality.EOG):
            values = ds[names[modality]].values / modality_kind(modality).scale
            counts[modality] = np.where(np.isfinite(values), np.rint(np.nan_to_num(values)), MISSING).astype(
                np.int16
            )
        stage = ds["stage"].values
    in_bed = (np.arange(len(stage)) >= FIRST).astype(np.int8)
    night = Night("1", len(stage), counts, {"stage": stage, "in_bed": in_bed})
    other = Night("2", 20, {Modality.EOG: counts[Modality.EOG][:20]})
    return write_nights(store.parent / "set", {"train": [other], "test": [night]}, list(counts))


def test_agreement_counts_what_both_answered() -> None:
    """Epochs that nobody scored, or that were not answered, do not count; classes that are not there have no F1."""
    truth = np.array([0, 1, 2, 2, -1, 4])
    answer = np.array([0, 2, 2, 2, 3, -1])
    found = agreement(truth, answer)
    assert (found["n_epoch"], found["accuracy"]) == (4, 0.75)
    assert found["f1"] == {"W": 1.0, "N1": 0.0, "N2": 0.8, "N3": None, "REM": None}


def test_yasa_stages_a_real_night(store: Path, stages: NDArray[np.float64]) -> None:
    """Probabilities of each epoch, far better than the commonest stage."""
    with open_recording(store) as ds:
        truth = ds["stage"].values
    assert stages.shape == (len(truth), len(STAGES))
    assert stages.sum(axis=1) == pytest.approx(1)
    assert agreement(truth, stages.argmax(axis=1))["kappa"] > 0.4


def test_evaluate_puts_yasa_beside_a_model(store: Path, stages: NDArray[np.float64], shards: Path) -> None:
    """From the set as from the store, on those epochs that the model answered, and in words."""
    run = with_values(preset("tiny"), {"model.modalities": ["eeg", "eog"], "optim.n_step": 1})
    out = store.parent / "head"
    finetune(start_model(run, "stage3", None), open_nights(shards, is_endless=True), out, run.optim, {})
    command = (
        "evaluate",
        "--checkpoint",
        out,
        "--shards",
        shards,
        "--device",
        "cpu",
        "--baseline",
        "yasa",
        "--json",
    )
    done = in_process(*command, cwd=Path("/"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    beside = found["baseline"]
    of_stage = np.array([0, 1, 1, 1, 2])
    with open_recording(store) as ds:
        truth = ds["stage"].values[FIRST:]
    answered = np.stack([stages[FIRST:, of_stage == k].sum(axis=1) for k in range(3)], axis=1).argmax(axis=1)
    expected = np.zeros((3, 3), int)
    np.add.at(expected, (of_stage[truth[truth >= 0]], answered[truth >= 0]), 1)
    assert beside["confusion"] == expected.tolist()
    assert beside["name"] == "yasa"
    assert beside["recordings"][0]["recording"] == found["recordings"][0]["recording"]
    assert np.sum(found["confusion"]) == np.sum(expected)


def test_what_yasa_cannot_stage_is_told(tmp_path: Path) -> None:
    """A recording of three minutes is too short."""
    synthesise(tmp_path / "in", recipe="synthetic", nights=1, hours=0.05, seed=1)
    done = in_process("convert", "synthetic", "--root", "in", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (store,) = (tmp_path / "out" / "synthetic").glob("*.zarr")
    with pytest.raises(ModelError, match="too short for YASA"):
        yasa_stages(store)


def test_a_baseline_that_there_cannot_be_is_told(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A night without EEG, a task that is not of stages, YASA that is not installed."""
    one = Answers([0], [0], [np.ones((1, 5))], [np.zeros(1)], [np.zeros(1, np.int64)])
    with pytest.raises(ModelError, match=r"YASA needs EEG.*without the baseline"):
        yasa_answers(one, task("stage5"), shards, "train")
    with pytest.raises(ModelError, match="stages alone: saw apnea"):
        yasa_answers(one, task("apnea"), shards, "test")
    monkeypatch.setitem(sys.modules, "yasa", None)
    with pytest.raises(ModelError, match=r"not installed.*pip install yasa"):
        yasa_answers(one, task("stage5"), shards, "test")

"""What is malformed, mismatched, not a number or too large ends in an error of ours, and spoils nothing."""

from __future__ import annotations

import hashlib
import json
import resource
from collections.abc import Callable
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from model import checkpoint
from model.batch import Batch
from model.device import enough_memory
from model.evaluate import answer
from model.finetune import finetune, open_model, start_model
from model.pretrain import pretrain
from schemas.errors import CheckpointInvalid, ModelError, StorageError
from tests.model_batches import MODALITIES, Endless, batch_of, tiny_run

TENSORS, FACTS = "tensors.safetensors", "checkpoint.json"


@pytest.fixture
def head(tmp_path: Path) -> Path:
    """A fine-tuned model of one step."""
    run = tiny_run(1)
    return finetune(start_model(run, "stage5", None), repeat(batch_of(MODALITIES)), tmp_path, run.optim, {})


def _rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Change tensors and put their digest right: only their meaning is wrong."""
    tensors = load_file(folder / TENSORS)
    change(tensors)
    save_file(tensors, folder / TENSORS)
    _sign(folder)


def _sign(folder: Path) -> None:
    digest = hashlib.sha256((folder / TENSORS).read_bytes()).hexdigest()
    _retell(folder, sha256=digest)


def _retell(folder: Path, **facts: Any) -> None:
    path = folder / FACTS
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


@pytest.mark.parametrize("n_left", [0, 7, 8, 100, -1])
def test_truncated_tensors_are_refused(head: Path, n_left: int) -> None:
    """Whether or not the digest was put right."""
    path = head / TENSORS
    path.write_bytes(path.read_bytes()[:n_left])
    with pytest.raises(CheckpointInvalid, match="not what was written"):
        open_model(head)
    _sign(head)
    with pytest.raises(CheckpointInvalid, match="cannot be read"):
        open_model(head)


def test_a_header_longer_than_the_file_is_refused(head: Path) -> None:
    """The first eight bytes of safetensors say how long the header is; they may say anything."""
    (head / TENSORS).write_bytes(b"\xff" * 8 + b"{}")
    _sign(head)
    with pytest.raises(CheckpointInvalid, match="cannot be read"):
        open_model(head)


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: tensors.update({"model/fusion.score": torch.zeros(7)}),
        lambda tensors: tensors.pop("model/fusion.score"),
        lambda tensors: tensors.update({"model/another": torch.zeros(1)}),
    ],
    ids=["shape", "missing", "more"],
)
def test_tensors_of_another_shape_or_name_are_refused(
    head: Path, change: Callable[[dict[str, torch.Tensor]], object]
) -> None:
    """Tensors must be those of the configuration beside them."""
    _rewrite(head, change)
    with pytest.raises(CheckpointInvalid, match="do not fit"):
        open_model(head)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"version": 2}, "saw version, expected Input should be 1"),
        ({"format": "something else"}, "saw format, expected Input should be 'sleep2vec checkpoint'"),
        ({"step": -1}, "saw step"),
        ({"columns": 3}, "saw columns"),
        ({"task": ["stage5"]}, "saw task"),
        ({"config": {"model": 3}}, "saw model 3, expected an object"),
        ({"config": {"model": {"n_layer": "two"}}}, "saw model.n_layer two, expected a valid integer"),
        ({"config": {"model": {"wings": 2}}}, "saw model.wings 2, expected modalities, token_width"),
        ({"task": "stage9"}, "stage9"),
    ],
)
def test_facts_that_mean_nothing_are_refused(head: Path, facts: dict[str, Any], said: str) -> None:
    """Another version, configurations that are none, tasks that nobody has."""
    _retell(head, **facts)
    with pytest.raises(ModelError, match=said):
        open_model(head)


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"format": "sleep2vec checkpoint"}', "\x00"])
def test_facts_that_are_incomplete_are_refused(head: Path, text: str) -> None:
    """What a checkpoint must say is there, or it is none."""
    (head / FACTS).write_text(text)
    with pytest.raises(CheckpointInvalid, match="facts cannot be read"):
        open_model(head)


def test_without_facts_there_is_no_checkpoint(head: Path) -> None:
    """Tensors alone say nothing of what they are."""
    (head / FACTS).unlink()
    with pytest.raises(CheckpointInvalid):
        open_model(head)


def test_a_damaged_newest_checkpoint_leaves_the_one_before(tmp_path: Path) -> None:
    """It is refused by name, and the earlier one can be named and is whole."""
    run = tiny_run(6)
    run = replace(run, optim=replace(run.optim, checkpoint_every=3))
    pretrain(run, Endless(MODALITIES), tmp_path)
    newest = checkpoint.latest(tmp_path)
    assert newest is not None
    (newest / TENSORS).write_bytes(b"")
    with pytest.raises(CheckpointInvalid, match=r"step-0000006.*earlier"):
        pretrain(run, Endless(MODALITIES), tmp_path)
    assert checkpoint.load(tmp_path / "step-0000003")[1]["step"] == 3


def test_a_modality_that_the_model_does_not_have_is_refused(tmp_path: Path) -> None:
    """In fine-tuning and in evaluation."""
    run = tiny_run(1)
    model = start_model(replace(run, model=replace(run.model, modalities=("ibi", "resp"))), "stage5", None)
    with pytest.raises(ModelError, match="spo2"):
        finetune(model, [batch_of(("spo2",))], tmp_path, run.optim, {})
    with pytest.raises(ModelError, match="spo2"):
        answer(model, [batch_of(("spo2",))], ("spo2",))
    assert checkpoint.latest(tmp_path) is None


@pytest.mark.parametrize("task", ["stage5", "sex"])
def test_an_answer_that_is_not_a_number_is_no_class(task: str) -> None:
    """NaN in the data of an evaluation does not become the first class."""
    batch = batch_of(MODALITIES)
    batch.samples["ibi"][2, 1, 5] = float("nan")
    with pytest.raises(ModelError, match="not a number"):
        answer(start_model(tiny_run(1), task, None), [batch])


def test_not_a_number_ends_fine_tuning_without_a_checkpoint(tmp_path: Path) -> None:
    """The step is named; nothing is written."""
    broken = batch_of(MODALITIES)
    broken.samples["ibi"][0, 0, 0] = float("nan")
    run = tiny_run(5)
    with pytest.raises(ModelError, match=r"not finite.*step 2"):
        finetune(start_model(run, "stage5", None), [batch_of(MODALITIES), broken], tmp_path, run.optim, {})
    assert checkpoint.latest(tmp_path) is None


def _huge(batch: Batch, n: int = 1 << 40) -> Batch:
    """The same window a million million times, in the memory of one; what is made of it has no room anywhere."""
    samples = {name: x[:1].expand(n, -1, -1) for name, x in batch.samples.items()}
    valid = {name: x[:1].expand(n, -1) for name, x in batch.valid.items()}
    return replace(batch, samples=samples, valid=valid)


def test_a_batch_without_room_is_told_and_the_last_checkpoint_kept(tmp_path: Path) -> None:
    """Memory really runs out; the error says what to lower, and the run can go on."""
    run = tiny_run(4)
    pretrain(run, Endless(MODALITIES), tmp_path / "run", n_step=2)

    class Growing(Endless):
        def __iter__(self):  # type: ignore[no-untyped-def]
            return (_huge(batch) for batch in super().__iter__())

    with pytest.raises(ModelError, match=r"too little memory.*Lower batch"):
        pretrain(run, Growing(MODALITIES), tmp_path / "run")
    assert checkpoint.load(tmp_path / "run")[1]["step"] == 2
    pretrain(run, Endless(MODALITIES), tmp_path / "run")
    assert checkpoint.load(tmp_path / "run")[1]["step"] == 4
    with pytest.raises(ModelError, match=r"too little memory.*fewer nights"):
        finetune(start_model(run, "stage5", None), [_huge(batch_of(MODALITIES))], tmp_path / "x", run.optim, {})
    with pytest.raises(ModelError, match=r"too little memory.*fewer at a time"):
        answer(start_model(run, "stage5", None), [_huge(batch_of(MODALITIES))])


def test_a_disk_that_refuses_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    """Files really cannot grow: an error of storage, and what is left over goes with the next checkpoint."""
    run = tiny_run(4)
    pretrain(run, Endless(MODALITIES), tmp_path, n_step=2)
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, most[1]))
    try:
        with pytest.raises(StorageError, match="checkpoint cannot be written"):
            pretrain(run, Endless(MODALITIES), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert checkpoint.load(tmp_path)[1]["step"] == 2
    assert list(tmp_path.glob("*.part-*"))
    pretrain(run, Endless(MODALITIES), tmp_path)
    assert sorted(path.name for path in tmp_path.glob("step-*")) == ["step-0000002", "step-0000004"]


def test_memory_that_python_does_not_get_is_told_as_well() -> None:
    """What the loader cannot allocate is no error of torch."""
    with pytest.raises(ModelError, match="too little memory"), enough_memory("a batch", "less"):
        np.empty(1 << 60, np.uint8)


def test_other_errors_of_a_device_stay_what_they_are() -> None:
    """Only memory that ran out is told as such."""
    with pytest.raises(RuntimeError, match="size of tensor"), enough_memory("a batch", "nothing"):
        torch.zeros(2) + torch.zeros(3)

"""Two processes are one run: loss, gradients and weights are those of a single process on the joined batch."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed, multiprocessing

from model.batch import Batch
from model.config import PRESETS, RunConfig
from model.loss import dash_info_nce
from model.pretrain import Trainer, pretrain
from model.ranks import Ranks
from tests.model_batches import Endless, batch_of

N_STEP = 3


def _run(*, across_ranks: bool = True) -> RunConfig:
    """A run without masks and dropout, which two processes draw apart."""
    tiny = PRESETS["tiny"]
    model = replace(tiny.model, modalities=("ibi", "resp", "spo2"), width=16, token_width=16, ffn_width=32)
    return replace(
        tiny,
        model=replace(model, dropout=0.0, mask_share=0.0),
        loss=replace(tiny.loss, across_ranks=across_ranks),
        optim=replace(tiny.optim, n_step=N_STEP, checkpoint_every=2, log_every=1),
    )


def _part(batch: Batch, rows: slice) -> Batch:
    """Some windows of a batch."""

    def cut(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: tensor[rows] for name, tensor in tensors.items()}

    return Batch(
        cut(dict(batch.samples)), cut(dict(batch.valid)), {}, batch.metadata.rows(rows),
        batch.recording[rows], batch.start[rows],
    )  # fmt: skip


def _whole() -> Batch:
    """Seven windows, so that one rank has four and the other three; some of one person, some facts unknown."""
    batch = batch_of(("ibi", "resp"), n=7)
    batch.valid["resp"][2, 1:3] = False
    batch.metadata.subject[1] = 0
    batch.metadata.age_years[3] = float("nan")
    batch.metadata.sex[5] = -1
    return batch


def _gradients(trainer: Trainer, batch: Batch) -> dict[str, torch.Tensor]:
    """Those of the first step, summed over ranks."""
    trainer._loss(batch).backward()
    trainer.ranks.add_gradients(trainer.network, trainer.head)
    named = (*trainer.network.named_parameters(), *trainer.head.named_parameters())
    found = {f"{k}.{name}": p.grad.clone() for k, (name, p) in enumerate(named) if p.grad is not None}
    trainer.optimiser.zero_grad(set_to_none=True)
    return found


def _one_rank(rank: int, folder: str) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{folder}/meeting", rank=rank, world_size=2)
    ranks = Ranks(rank, 2)
    for across in (True, False):
        trainer = Trainer(_run(across_ranks=across), ranks=ranks)
        own = _part(_whole(), slice(rank, None, 2))
        gradients = _gradients(trainer, own)
        losses = [trainer.learn([own])[0] for _ in range(N_STEP)]
        said = {"losses": losses, "gradients": gradients, "tensors": trainer.tensors()}
        torch.save(said, f"{folder}/{across}-{rank}.pt")
    found = pretrain(_run(), Endless(), Path(folder) / "run", ranks=ranks)
    assert found.name == f"step-{N_STEP:07d}"
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes left."""
    folder = tmp_path_factory.mktemp("ranks")
    multiprocessing.start_processes(_one_rank, (str(folder),), nprocs=2, start_method="spawn")
    return folder


def _found(folder: Path, name: str) -> dict[str, Any]:
    said: dict[str, Any] = torch.load(folder / f"{name}.pt", weights_only=True)
    return said


def test_two_ranks_are_one_process_on_the_joined_batch(folder: Path) -> None:
    """Gradients agree to 1e-5, and so do the losses of the steps that follow."""
    alone = Trainer(_run())
    gradients = _gradients(alone, _whole())
    losses = [alone.learn([_whole()])[0] for _ in range(N_STEP)]
    for rank in range(2):
        said = _found(folder, f"True-{rank}")
        assert said["losses"] == pytest.approx(losses, abs=1e-5)
        assert said["gradients"].keys() == gradients.keys()
        for name, value in gradients.items():
            assert torch.allclose(said["gradients"][name], value, atol=1e-5), name
    assert max(float(value.abs().max()) for value in gradients.values()) > 0.01


def test_ranks_agree_to_the_bit(folder: Path) -> None:
    """Both processes have the same weights, whichever negatives count."""
    for across in (True, False):
        a, b = (_found(folder, f"{across}-{rank}")["tensors"] for rank in range(2))
        assert all(torch.equal(a[name], b[name]) for name in a)


def test_negatives_of_its_own_rank_alone_are_another_loss(folder: Path) -> None:
    """Switched off, each rank's windows compete among themselves: the loss is the mean of the two."""
    alone = Trainer(_run())
    batch = _whole()
    valid = torch.cat([batch.valid["ibi"], batch.valid["resp"]])
    tokens = torch.cat([alone._embed(name, batch) for name in batch.samples])
    z = alone.head(alone.network.encode(tokens, valid)[:, 1:], valid).chunk(2)
    parts = [slice(rank, None, 2) for rank in range(2)]
    losses = [
        dash_info_nce(
            z[0][own],
            z[1][own],
            batch.valid["ibi"][own],
            batch.valid["resp"][own],
            batch.metadata.rows(own),
            alone.run.loss,
        )
        for own in parts
    ]
    found = _found(folder, "False-0")["losses"][0]
    assert found == pytest.approx(float(sum(losses).detach()) / 2, abs=1e-5)
    assert found != pytest.approx(_found(folder, "True-0")["losses"][0], abs=1e-3)


def test_one_rank_writes(folder: Path) -> None:
    """Two processes leave one run: checkpoints, and a line a step, for TensorBoard too."""
    assert sorted(path.name for path in (folder / "run").iterdir()) == [
        "metrics.jsonl", "step-0000002", "step-0000003", "tensorboard",
    ]  # fmt: skip
    assert len((folder / "run" / "metrics.jsonl").read_text().splitlines()) == N_STEP

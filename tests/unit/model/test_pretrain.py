"""Pre-training: it learns, it is reproducible, it goes on where it was, and it never loses a good checkpoint."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from model import checkpoint
from model.config import PRESETS, RunConfig
from model.optimise import average_rate, learning_rate
from model.pretrain import Step, Trainer, pretrain
from model.ranks import Ranks
from schemas.errors import CheckpointInvalid, ModelError
from tests.model_batches import Endless, batch_of


def _run(n_step: int = 8, **optim: Any) -> RunConfig:
    tiny = PRESETS["tiny"]
    model = replace(tiny.model, modalities=("ibi", "resp", "spo2"), width=16, token_width=16, ffn_width=32)
    return replace(
        tiny, model=model, optim=replace(tiny.optim, n_step=n_step, checkpoint_every=3, log_every=1, **optim)
    )


def _losses(run: RunConfig, out: Path, **more: Any) -> list[float]:
    steps: list[Step] = []
    pretrain(run, Endless(), out, on_step=steps.append, **more)
    return [step.loss for step in steps]


def test_it_overfits_one_batch() -> None:
    """A single batch of six windows is learnt nearly by heart, masks and dropout switched off."""
    run = _run(150, learning_rate=5e-3)
    run = replace(run, model=replace(run.model, dropout=0.0, mask_share=0.0))
    trainer = Trainer(run)
    batch = batch_of(("ibi", "resp"))
    losses = [trainer.learn([batch])[0] for _ in range(150)]
    assert losses[0] > 1.0
    assert losses[-1] < 0.1


def test_same_seed_same_trajectory(tmp_path: Path) -> None:
    """Two runs of one seed agree in every loss; another seed does not."""
    run = _run()
    first = _losses(run, tmp_path / "a")
    assert first == _losses(run, tmp_path / "b")
    assert first != _losses(replace(run, seed=1), tmp_path / "c")


def test_a_run_that_was_stopped_goes_on_identically(tmp_path: Path) -> None:
    """Losses, weights and average after a stop at any step are those of the run that was not stopped."""
    run = _run()
    whole = _losses(run, tmp_path / "whole")
    parts = _losses(run, tmp_path / "parts", n_step=5) + _losses(run, tmp_path / "parts")
    assert parts == whole
    a, b = (checkpoint.load(tmp_path / name)[0] for name in ("whole", "parts"))
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_accumulation_is_a_larger_step(tmp_path: Path) -> None:
    """Two halves give the mean of their gradients: the norm is that of the mean loss."""
    run = _run()
    run = replace(
        run, model=replace(run.model, dropout=0.0, mask_share=0.0), optim=replace(run.optim, clip_norm=1e9)
    )
    halves = [batch_of(("ibi", "resp"), seed=seed) for seed in (1, 2)]
    trainer = Trainer(run)
    alone = Trainer(run)
    loss = sum(alone._loss(half) for half in halves) / 2
    loss.backward()
    expected = torch.cat(
        [p.grad.flatten() for m in (alone.network, alone.head) for p in m.parameters() if p.grad is not None]
    ).norm()
    found, norm = trainer.learn(halves)
    assert found == pytest.approx(float(loss.detach()), abs=1e-6)
    assert norm == pytest.approx(float(expected), rel=1e-5)


def test_not_a_number_ends_the_run_and_spoils_nothing(tmp_path: Path) -> None:
    """A NaN in the data is an error that says where; weights are those of before."""
    trainer = Trainer(_run())
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    batch = batch_of(("ibi", "resp"))
    batch.samples["ibi"][0, 0, 0] = float("nan")
    with pytest.raises(ModelError, match=r"loss is not finite.*step 0"):
        trainer.learn([batch])
    assert all(torch.equal(before[name], value) for name, value in trainer.network.state_dict().items())
    assert trainer.step == 0


def test_too_little_memory_is_said_and_the_last_checkpoint_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that runs out of memory gives an error with what to do; what was saved is whole."""
    _losses(_run(), tmp_path, n_step=3)

    def fails(*_: object) -> None:
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(torch.optim.AdamW, "step", fails)
    with pytest.raises(ModelError, match="Lower batch"):
        _losses(_run(), tmp_path)
    assert checkpoint.load(tmp_path)[1]["step"] == 3


def test_damaged_checkpoints_are_refused(tmp_path: Path) -> None:
    """A flipped byte, a missing file, another configuration, no checkpoint at all: each is told."""
    with pytest.raises(CheckpointInvalid, match="no checkpoint"):
        checkpoint.load(tmp_path)
    run = _run()
    _losses(run, tmp_path, n_step=3)
    with pytest.raises(CheckpointInvalid, match="another configuration"):
        _losses(replace(run, seed=5), tmp_path)
    folder = checkpoint.latest(tmp_path)
    assert folder
    tensors = folder / "tensors.safetensors"
    content = bytearray(tensors.read_bytes())
    content[len(content) // 2] ^= 1
    tensors.write_bytes(content)
    with pytest.raises(CheckpointInvalid, match="not what was written"):
        checkpoint.load(tmp_path)
    tensors.unlink()
    with pytest.raises(CheckpointInvalid, match="cannot be read"):
        checkpoint.load(tmp_path)
    (folder / "checkpoint.json").write_text("{")
    with pytest.raises(CheckpointInvalid, match="facts"):
        checkpoint.load(tmp_path)


def test_a_checkpoint_of_another_network_is_refused() -> None:
    """Tensors that do not fit are an error of ours, not of torch."""
    run = _run()
    tensors = Trainer(run).tensors()
    other = Trainer(replace(run, model=replace(run.model, width=32)))
    with pytest.raises(CheckpointInvalid, match="do not fit"):
        other.restore(tensors, 0)


def test_the_newest_checkpoints_stay(tmp_path: Path) -> None:
    """Two are kept, and the metrics have a line a step."""
    _losses(_run(), tmp_path)
    assert sorted(p.name for p in tmp_path.glob("step-*")) == ["step-0000006", "step-0000008"]
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(8))


def test_the_schedules() -> None:
    """Warm-up over 3 %, a cosine to a tenth; the average keeps 0.996 at first and everything at last."""
    optim = replace(PRESETS["base"].optim, n_step=1000)
    rates = [learning_rate(step, optim) for step in range(1001)]
    assert max(rates) == rates[29] == optim.learning_rate
    assert rates[0] == pytest.approx(optim.learning_rate / 30)
    assert rates[1000] == pytest.approx(optim.learning_rate / 10)
    assert rates[515] == pytest.approx(0.55 * optim.learning_rate, rel=1e-2)
    assert average_rate(0, optim) == pytest.approx(0.996)
    assert average_rate(1000, optim) == 1


def test_the_average_of_a_short_run_is_of_what_was_learnt() -> None:
    """Of the weights that ``tiny`` begins with, less than a twentieth is left in its average."""
    optim = PRESETS["tiny"].optim
    assert math.prod(average_rate(step, optim) for step in range(optim.n_step)) < 0.05


def test_norms_and_biases_do_not_decay() -> None:
    """Weight decay is in the group of matrices alone."""
    trainer = Trainer(_run())
    matrices, vectors = trainer.optimiser.param_groups
    assert matrices["weight_decay"] == 1e-2
    assert vectors["weight_decay"] == 0
    assert all(p.ndim >= 2 for p in matrices["params"])
    assert all(p.ndim < 2 for p in vectors["params"])


def _parts(trainer: Trainer) -> list[torch.nn.Parameter]:
    return [*trainer.network.parameters(), *trainer.head.parameters()]


def test_a_step_is_that_of_the_book() -> None:
    """AdamW by its formula, with the rate of the step, from a clipped gradient; the average moves by its share."""
    run = _run(10, clip_norm=1e-2, betas=(0.9, 0.95), warm_up_share=0.5, ema_start=0.9)
    trainer = Trainer(run)
    before = [p.detach().clone() for p in _parts(trainer)]
    _, norm = trainer.learn([batch_of(("ibi", "resp"))])
    assert norm > run.optim.clip_norm
    found = {p: trainer.optimiser.state[p] for p in _parts(trainer) if p in trainer.optimiser.state}
    whole = torch.cat([own["exp_avg"].flatten() for own in found.values()])
    assert float(whole.norm()) == pytest.approx(0.1 * run.optim.clip_norm, rel=1e-3)
    rate = run.optim.learning_rate / 5  # the first of five steps of warm-up
    for old, p in zip(before, _parts(trainer), strict=True):
        if p in found:
            own = found[p]
            decay = run.optim.weight_decay if p.ndim >= 2 else 0.0
            step = own["exp_avg"] / 0.1 / ((own["exp_avg_sq"] / 0.05).sqrt() + 1e-8)
            assert torch.allclose(p, old - rate * (step + decay * old), atol=1e-7)
    for old, kept, p in zip(before, trainer.average.parameters(), trainer.network.parameters(), strict=False):
        assert torch.allclose(kept, 0.9 * old + 0.1 * p, atol=1e-7)


def test_masks_and_dropout_are_drawn_anew_for_every_step() -> None:
    """With weights that stand still, steps on one batch differ by masks and dropout, and by nothing else."""
    losses = {}
    for share, dropout in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5)):
        run = _run(8, learning_rate=1e-12)
        trainer = Trainer(replace(run, model=replace(run.model, mask_share=share, dropout=dropout)))
        losses[share, dropout] = [trainer.learn([batch_of(("ibi", "resp"))])[0] for _ in range(4)]
    assert losses[0.0, 0.0] == pytest.approx(losses[0.0, 0.0][:1] * 4, abs=1e-5)
    for drawn in (losses[0.5, 0.0], losses[0.0, 0.5]):
        assert len({round(loss, 4) for loss in drawn}) == 4


def test_ranks_draw_apart() -> None:
    """Masks and dropout of one step are others on every rank, and the same when the step is taken again."""

    def drawn(rank: int) -> list[float]:
        trainer = Trainer(_run(), ranks=Ranks(rank, 2))
        trainer._seed()
        return [float(torch.rand(1)), float(torch.rand(1, generator=trainer.generator))]

    first, second, again = drawn(0), drawn(1), drawn(0)
    assert first == again
    assert not set(first) & set(second)

"""Pre-training: two modalities of the same windows, drawn pair by pair, are brought together.

One step: a batch of windows that own both modalities of one pair; both are masked, encoded and projected; DASH
compares them; AdamW moves the weights and their average follows. A run that was stopped continues on the identical
trajectory: weights, moments, average and the place in the data are in the checkpoint; what a step draws follows
from seed and step alone.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from model import checkpoint
from model.batch import Batch
from model.config import RunConfig
from model.device import enough_memory
from model.encoder import Sleep2Vec
from model.logbook import logbook
from model.loss import dash_info_nce
from model.masking import draw_mask
from model.optimise import average_rate, follow, learning_rate, make_optimiser, named_state, restore_state
from model.projection import Projection
from model.ranks import ALONE, Ranks
from schemas.errors import CheckpointInvalid, ModelError

__all__ = ["PairSource", "Step", "Trainer", "pretrain"]

_MODULES = ("network", "head", "average")  # of a trainer, in its checkpoints


class PairSource(Protocol):
    """Where batches come from: the loader, or a list in a test."""

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches of two modalities without end, each with windows that own both."""

    def state_dict(self) -> dict[str, Any]:
        """Return the place, as JSON."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the very next batch."""


@dataclass(frozen=True)
class Step:
    """What a step gave; ``wait_share`` is the share of its time that the data took."""

    step: int
    pair: tuple[str, str]
    loss: float
    learning_rate: float
    gradient_norm: float
    seconds: float
    wait_share: float


class Trainer:
    """The state of a run: network, head, their average, moments."""

    def __init__(self, run: RunConfig, device: str = "cpu", ranks: Ranks = ALONE) -> None:
        torch.manual_seed(run.seed)
        self.run, self.device, self.ranks, self.step = run, device, ranks, 0
        self.network = Sleep2Vec(run.model).to(device)
        self.head = Projection(run.model).to(device)
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval()
        self.optimiser = make_optimiser((self.network, self.head), run.optim)
        self.generator = torch.Generator()
        if device.startswith("cuda"):  # many small operations wait for their launches; on a CPU nothing is gained
            for block in self.network.blocks:  # mixed order: LayerNorm's gradient took six times as long on an H100
                block.compile(options={"triton.mix_order_reduction": False})

    def learn(self, batches: list[Batch]) -> tuple[float, float]:
        """Take one step over the batches, which accumulate; return loss and the gradient's norm.

        Raises
        ------
        ModelError
            When the loss is not finite; the weights are those of before.
        """
        optim = self.run.optim
        self.network.train()
        self.head.train()
        self._seed()
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, optim)
        losses = []
        for batch in batches:
            with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=optim.precision == "bf16"):
                loss = self._loss(batch) / len(batches)
            torch.autograd.backward(loss)
            losses.append(loss.detach())
        self.ranks.add_gradients(self.network, self.head)
        length = nn.utils.clip_grad_norm_([*self.network.parameters(), *self.head.parameters()], optim.clip_norm)
        total, norm = torch.stack([torch.stack(losses).sum(), length]).tolist()  # one wait for the device a step
        if not (math.isfinite(norm) and math.isfinite(total)):
            self.optimiser.zero_grad(set_to_none=True)
            raise ModelError(
                "the loss is not finite",
                saw=f"loss {total}, gradient {norm} at step {self.step}",
                why="A step with it would spoil every weight.",
                do="Look at the data of this step, lower the learning rate, or go on from the last checkpoint.",
            )
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        follow(self.average, self.network, average_rate(self.step, optim))
        self.step += 1
        return total, norm

    def _seed(self) -> None:
        """Make masks and dropout those of this step and rank."""
        drawn = np.random.SeedSequence([self.run.seed, self.step, self.ranks.rank]).generate_state(2)
        torch.manual_seed(int(drawn[0]))
        self.generator.manual_seed(int(drawn[1]))

    def _loss(self, batch: Batch) -> Tensor:
        """Return the loss of the joined batch of all ranks: B are this one's windows, C all of them."""
        a, b = batch.samples
        n_row = self.ranks.most_rows(batch.recording)
        own_valid = torch.cat([batch.valid[a], batch.valid[b]])  # (2 B, T)
        own = self.network.encode(torch.cat([self._embed(a, batch), self._embed(b, batch)]), own_valid)[:, 1:]
        tokens, valid = self.ranks.sides(own, n_row), self.ranks.sides(own_valid, n_row)  # (2 C, T, W), (2 C, T)
        z_a, z_b = self.head(tokens, valid).chunk(2)  # each (C, T, projection width)
        valid_a, valid_b = valid.chunk(2)
        metadata = self.ranks.metadata(batch.metadata, n_row)
        parts = [slice(None)] if self.run.loss.across_ranks else self.ranks.parts(n_row)
        losses = [
            dash_info_nce(z_a[part], z_b[part], valid_a[part], valid_b[part], metadata.rows(part), self.run.loss)
            for part in parts
        ]
        return torch.stack(losses).mean()

    def _embed(self, modality: str, batch: Batch) -> Tensor:
        """(B, T, N) → (B, T, W), a share of the tokens masked."""
        valid = batch.valid[modality]
        masked = draw_mask(valid, self.run.model.mask_share, self.generator)
        return self.network.embed(modality, batch.samples[modality], valid, masked)

    # --- state ---------------------------------------------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """Return all that a checkpoint needs to go on."""
        parts = {name: getattr(self, name).state_dict() for name in _MODULES}
        parts["optimiser"] = named_state(self.optimiser)
        return {f"{part}/{name}": value for part, own in parts.items() for name, value in own.items()}

    def restore(self, tensors: Mapping[str, Tensor], step: int) -> None:
        """Put back what `tensors` gave.

        Raises
        ------
        CheckpointInvalid
            When the checkpoint is of another network.
        """
        for name in _MODULES:
            checkpoint.fill(getattr(self, name), tensors, name)
        restore_state(self.optimiser, checkpoint.part(tensors, "optimiser"))
        self.step = step


def pretrain(
    run: RunConfig,
    source: PairSource,
    out: Path,
    *,
    device: str = "cpu",
    data: Mapping[str, Any] | None = None,
    on_step: Callable[[Step], None] | None = None,
    n_step: int | None = None,
    ranks: Ranks = ALONE,
) -> Path:
    """Train to the configuration's last step, going on from the folder's last checkpoint where there is one.

    Parameters
    ----------
    source : PairSource
        Batches of one pair of modalities each.
    out : Path
        The run's folder: checkpoints and ``metrics.jsonl``.
    data : mapping, optional
        What the data are and their terms, for the checkpoint.
    on_step : callable, optional
    n_step : int, optional
        Stop, with a checkpoint, after so many steps more.
    ranks : Ranks
        Processes that share the batches; the first alone writes.

    Returns
    -------
    Path
        The last checkpoint.

    Raises
    ------
    ModelError
        When the loss is not finite, or memory ran out; the last checkpoint is whole.
    StorageError
        When a checkpoint cannot be written; the one before it is whole.
    CheckpointInvalid
        When the folder holds a run of another configuration.
    """
    trainer = Trainer(run, device, ranks)
    _continue(trainer, source, out)
    last = run.optim.n_step if n_step is None else min(run.optim.n_step, trainer.step + n_step)
    begun = trainer.step
    batches = iter(source)
    with logbook(out) if ranks.is_first else nullcontext() as write:
        while trainer.step < last:
            step = _one_step(trainer, batches)
            if write and (step.step % run.optim.log_every == 0 or trainer.step == last):
                write(vars(step))
            if on_step:
                on_step(step)
            if trainer.step % run.optim.checkpoint_every == 0 and trainer.step < last:
                _save(trainer, source, out, data)
    found = checkpoint.latest(out)
    return found if found and trainer.step == begun else _save(trainer, source, out, data)


def _one_step(trainer: Trainer, batches: Iterator[Batch]) -> Step:
    begun_s = time.monotonic()
    with enough_memory(
        saw=f"{trainer.run.optim.batch} windows of {trainer.run.optim.window} epochs",
        do="Lower batch and raise accumulate by the same factor; the last checkpoint is whole.",
    ):
        group = [next(batches).to(trainer.device) for _ in range(trainer.run.optim.accumulate)]
        ready_s = time.monotonic()
        loss, norm = trainer.learn(group)
    done_s = time.monotonic()
    a, b = group[0].samples
    rate = learning_rate(trainer.step - 1, trainer.run.optim)
    waited = (ready_s - begun_s) / max(1e-9, done_s - begun_s)
    return Step(trainer.step - 1, (a, b), loss, rate, norm, round(done_s - begun_s, 4), round(waited, 4))


def _continue(trainer: Trainer, source: PairSource, out: Path) -> None:
    if checkpoint.latest(out) is None:
        return
    tensors, facts = checkpoint.load(out)
    if RunConfig.from_json(facts["config"]) != trainer.run:
        raise CheckpointInvalid(
            "the folder holds a run of another configuration", where=out.name, do="Name a new folder for this one."
        )
    trainer.restore(tensors, facts["step"])
    source.load_state_dict(facts.get("loader", {}))


def _save(trainer: Trainer, source: PairSource, out: Path, data: Mapping[str, Any] | None) -> Path:
    facts = {"config": trainer.run.to_json(), "loader": source.state_dict(), "data": dict(data or {})}
    if trainer.ranks.is_first:
        checkpoint.save(out, trainer.step, trainer.tensors(), facts)
    trainer.ranks.wait()
    found = checkpoint.latest(out)
    assert found is not None
    return found

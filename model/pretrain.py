"""Pre-training: two modalities of the same windows, drawn pair by pair, are brought together.

One step: a batch of windows that own both modalities of one pair; both are masked, encoded and projected; DASH
compares them; AdamW moves the weights and their average follows. A run that was stopped continues on the identical
trajectory: weights, moments, average, generators and the loader's place are all in the checkpoint.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from model import checkpoint
from model.batch import Batch
from model.config import RunConfig
from model.encoder import Sleep2Vec
from model.loss import dash_info_nce
from model.masking import draw_mask
from model.optimise import average_rate, follow, learning_rate, make_optimiser, named_state, restore_state
from model.projection import Projection
from schemas.errors import CheckpointInvalid, ModelError

__all__ = ["PairSource", "Step", "Trainer", "pretrain"]


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
    """The state of a run: network, head, their average, moments, generators."""

    def __init__(self, run: RunConfig, device: str = "cpu") -> None:
        torch.manual_seed(run.seed)
        self.run, self.device, self.step = run, device, 0
        self.network = Sleep2Vec(run.model).to(device)
        self.head = Projection(run.model).to(device)
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval()
        self.optimiser = make_optimiser((self.network, self.head), run.optim)
        self.generator = torch.Generator().manual_seed(run.seed)
        if device.startswith("cuda"):  # many small operations wait for their launches; on a CPU nothing is gained
            for block in self.network.blocks:
                block.compile()

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
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, optim)
        total = 0.0
        for batch in batches:
            with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=optim.precision == "bf16"):
                loss = self._loss(batch) / len(batches)
            loss.backward()
            total += float(loss.detach())
        norm = nn.utils.clip_grad_norm_([*self.network.parameters(), *self.head.parameters()], optim.clip_norm)
        if not (torch.isfinite(norm) and total == total):
            self.optimiser.zero_grad(set_to_none=True)
            raise ModelError(
                "the loss is not finite",
                saw=f"loss {total}, gradient {float(norm)} at step {self.step}",
                why="A step with it would spoil every weight.",
                do="Look at the data of this step, lower the learning rate, or go on from the last checkpoint.",
            )
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        follow(self.average, self.network, average_rate(self.step, optim))
        self.step += 1
        return total, float(norm)

    def _loss(self, batch: Batch) -> Tensor:
        a, b = batch.samples
        valid = torch.cat([batch.valid[a], batch.valid[b]])  # (2 B, T)
        tokens = torch.cat([self._embed(a, batch), self._embed(b, batch)])  # (2 B, T, W)
        z = self.head(self.network.encode(tokens, valid)[:, 1:], valid)  # (2 B, T, projection width)
        z_a, z_b = z.chunk(2)
        return dash_info_nce(z_a, z_b, batch.valid[a], batch.valid[b], batch.metadata, self.run.loss)

    def _embed(self, modality: str, batch: Batch) -> Tensor:
        """(B, T, N) → (B, T, W), a share of the tokens masked."""
        valid = batch.valid[modality]
        masked = draw_mask(valid, self.run.model.mask_share, self.generator)
        return self.network.embed(modality, batch.samples[modality], valid, masked)

    # --- state ---------------------------------------------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """Return all that a checkpoint needs to go on."""
        parts: Mapping[str, Mapping[str, Tensor]] = {
            "network": self.network.state_dict(),
            "head": self.head.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": named_state(self.optimiser),
            "generator": {"mask": self.generator.get_state(), **_generators(self.device)},
        }
        return {f"{part}/{name}": value for part, own in parts.items() for name, value in own.items()}

    def restore(self, tensors: dict[str, Tensor], step: int) -> None:
        """Put back what `tensors` gave.

        Raises
        ------
        CheckpointInvalid
            When the checkpoint is of another network.
        """
        parts: dict[str, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            part, _, key = name.partition("/")
            parts.setdefault(part, {})[key] = value
        try:
            for part, module in (("network", self.network), ("head", self.head), ("average", self.average)):
                module.load_state_dict(parts[part])
            restore_state(self.optimiser, parts.get("optimiser", {}))
            self.generator.set_state(parts["generator"]["mask"])
            _set_generators(parts["generator"], self.device)
        except (KeyError, RuntimeError, ValueError) as error:
            raise CheckpointInvalid("the checkpoint is of another network", do="Start another run.") from error
        self.step = step


def _generators(device: str) -> dict[str, Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if device.startswith("cuda"):
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def _set_generators(states: Mapping[str, Tensor], device: str) -> None:
    torch.set_rng_state(states["cpu"])
    if device.startswith("cuda") and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)


def pretrain(
    run: RunConfig,
    source: PairSource,
    out: Path,
    *,
    device: str = "cpu",
    data: Mapping[str, Any] | None = None,
    on_step: Callable[[Step], None] | None = None,
    n_step: int | None = None,
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

    Returns
    -------
    Path
        The last checkpoint.

    Raises
    ------
    ModelError
        When the loss is not finite, or memory ran out; the last checkpoint is whole.
    CheckpointInvalid
        When the folder holds a run of another configuration.
    """
    trainer = Trainer(run, device)
    _continue(trainer, source, out)
    last = run.optim.n_step if n_step is None else min(run.optim.n_step, trainer.step + n_step)
    out.mkdir(parents=True, exist_ok=True)
    batches = iter(source)
    with (out / "metrics.jsonl").open("a", encoding="utf-8") as metrics:
        while trainer.step < last:
            step = _one_step(trainer, batches)
            if step.step % run.optim.log_every == 0 or trainer.step == last:
                metrics.write(json.dumps(step.__dict__) + "\n")
                metrics.flush()
            if on_step:
                on_step(step)
            if trainer.step % run.optim.checkpoint_every == 0 and trainer.step < last:
                _save(trainer, source, out, data)
    found = checkpoint.latest(out)
    if found is not None and checkpoint.load(found)[1]["step"] == trainer.step:
        return found
    return _save(trainer, source, out, data)


def _one_step(trainer: Trainer, batches: Iterator[Batch]) -> Step:
    begun_s = time.monotonic()
    group = [next(batches).to(trainer.device) for _ in range(trainer.run.optim.accumulate)]
    ready_s = time.monotonic()
    try:
        loss, norm = trainer.learn(group)
    except torch.OutOfMemoryError as error:
        raise ModelError(
            "the device has too little memory for this batch",
            saw=f"{trainer.run.optim.batch} windows of {trainer.run.optim.window} epochs",
            do="Lower batch and raise accumulate by the same factor; the last checkpoint is whole.",
        ) from error
    done_s = time.monotonic()
    a, b = group[0].samples
    rate = learning_rate(trainer.step - 1, trainer.run.optim)
    waited = (ready_s - begun_s) / max(1e-9, done_s - begun_s)
    return Step(trainer.step - 1, (a, b), loss, rate, norm, round(done_s - begun_s, 4), round(waited, 4))


def _continue(trainer: Trainer, source: PairSource, out: Path) -> None:
    if checkpoint.latest(out) is None:
        return
    tensors, facts = checkpoint.load(out)
    if facts["config"] != json.loads(json.dumps(trainer.run.to_json())):
        raise CheckpointInvalid(
            "the folder holds a run of another configuration", where=out.name, do="Name a new folder for this one."
        )
    trainer.restore(tensors, facts["step"])
    source.load_state_dict(facts["loader"])


def _save(trainer: Trainer, source: PairSource, out: Path, data: Mapping[str, Any] | None) -> Path:
    facts = {"config": trainer.run.to_json(), "loader": source.state_dict(), "data": dict(data or {})}
    return checkpoint.save(out, trainer.step, trainer.tensors(), facts)

"""Fine-tuning on whole nights with labels: a head, and of the network nothing, low-rank adapters, or all."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from model import checkpoint
from model.batch import Batch
from model.config import OptimConfig, RunConfig
from model.device import enough_memory
from model.downstream import Downstream
from model.lora import adapt, merge
from model.optimise import learning_rate, make_optimiser
from model.tasks import TARGETS, loss_of, target_of, task
from schemas.errors import CheckpointInvalid, ModelError

__all__ = ["Mode", "finetune", "open_model", "start_model"]

Mode = Literal["probe", "lora", "full"]


def start_model(
    run: RunConfig,
    task_name: str,
    pretrained: Path | None,
    *,
    mode: Mode = "full",
    rank: int = 8,
    columns: Sequence[str] = (),
) -> Downstream:
    """Return a model to be fine-tuned: its network averaged over a pre-training run, or from scratch.

    Parameters
    ----------
    run : RunConfig
        Ignored but for its seed where a checkpoint is given: the network is the checkpoint's.
    mode : {"probe", "lora", "full"}
        What is trained beside fusion and head: nothing, adapters of a rank, the network.
    columns : sequence of str
        As `model.tasks.task`.
    """
    torch.manual_seed(run.seed)
    own, config = task(task_name, columns), run.model
    if pretrained is not None:
        tensors, facts = checkpoint.load(pretrained)
        config = RunConfig.from_json(facts["config"]).model
    model = Downstream(config, own, is_frozen=mode == "probe")
    if pretrained is not None:
        checkpoint.fill(model.network, tensors, "average")
    if mode == "lora":
        adapt(model.network, rank)
    return model


def finetune(
    model: Downstream,
    batches: Iterable[Batch],
    out: Path,
    optim: OptimConfig,
    facts: dict[str, Any],
    *,
    modality_dropout: float = 0.5,
    seed: int = 0,
    device: str = "cpu",
    on_step: Callable[[int, float], None] | None = None,
) -> Path:
    """Train on batches of nights and save the model, adapters merged into their matrices.

    Parameters
    ----------
    batches : iterable of Batch
        As many as the optimiser's steps are taken, or all.
    facts : dict
        What the checkpoint must say of its data and mode; ``config`` and ``task`` are added.
    modality_dropout : float
        Share of batches in which only a drawn subset of the modalities is seen.

    Raises
    ------
    ModelError
        When the loss is not finite, no batch came, memory ran out, or the model does not know a modality.
    """
    model.to(device).train()
    optimiser = make_optimiser([model], optim)
    chooser = random.Random(seed)
    step = 0
    for step, cpu_batch in enumerate(islice(batches, optim.n_step), start=1):
        batch = cpu_batch.to(device)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step - 1, optim)
        model.check(batch.samples)
        names = _subset(list(batch.samples), chooser, modality_dropout)
        with enough_memory(saw=f"{len(batch.recording)} nights", do="Ask for fewer nights a batch."):
            loss = loss_of(model(batch, names), target_of(batch, model.task), model.task)
            if not torch.isfinite(loss):
                raise ModelError("the loss is not finite", saw=f"{float(loss.detach())} at step {step}")
            torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), optim.clip_norm)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if on_step:
            on_step(step, float(loss.detach()))
    if not step:
        raise ModelError("no night has labels for this task", saw=model.task.name, do="Look at the set's card.")
    merge(model.network)
    config = RunConfig("downstream", seed, model.network.config, optim=optim).to_json()
    columns = model.task.classes if model.task.label == TARGETS else ()
    own = {"config": config, "task": model.task.name, "columns": columns}
    return checkpoint.save(
        out, step, {f"model/{name}": value for name, value in model.state_dict().items()}, own | facts
    )


def open_model(path: Path) -> tuple[Downstream, dict[str, Any]]:
    """Return a fine-tuned model and what its checkpoint says.

    Raises
    ------
    CheckpointInvalid
        When it is none of a fine-tuned model.
    """
    tensors, facts = checkpoint.load(path)
    if "task" not in facts:
        raise CheckpointInvalid(
            "the checkpoint is of a pre-training run", where=path.name, do="Fine-tune it first: sleep2vec finetune."
        )
    model = Downstream(RunConfig.from_json(facts["config"]).model, task(facts["task"], facts.get("columns", ())))
    checkpoint.fill(model, tensors, "model")
    return model.eval(), facts


def _subset(names: list[str], chooser: random.Random, share: float) -> list[str]:
    if len(names) < 2 or chooser.random() >= share:
        return names
    return sorted(chooser.sample(names, chooser.randint(1, len(names) - 1)), key=names.index)

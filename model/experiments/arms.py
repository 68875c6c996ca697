"""Arms: networks that are trained in one way each, so that ways can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from model import checkpoint
from model.config import RunConfig
from model.data.loader import Options, open_nights, open_pairs
from model.downstream import Downstream
from model.finetune import Mode, finetune, open_model, start_model
from model.pretrain import pretrain
from model.targets import answered
from model.tasks import task

__all__ = ["Tuning", "pretrained", "tuned"]


@dataclass(frozen=True)
class Tuning:
    """How an arm is fine-tuned.

    Parameters
    ----------
    n_person : int, optional
        Labels of so many persons only, drawn by the seed.
    modalities : tuple of str, optional
        Those that it sees; all of its network's without.
    mode : {"probe", "lora", "full"}
        What is trained beside the head.
    is_fusion_learnt : bool
        Otherwise modalities are mixed evenly.
    columns : tuple of str
        Answers to tasks of persons, e.g. diseases.
    table : str, optional
        File with the columns; the set's index without.
    """

    task: str = "stage5"
    n_step: int = 200
    batch: int = 4
    learning_rate: float = 1e-3
    n_person: int | None = None
    modalities: tuple[str, ...] | None = None
    mode: Mode = "full"
    is_fusion_learnt: bool = True
    columns: tuple[str, ...] = ()
    table: str | None = None


def pretrained(
    run: RunConfig,
    shards: Path,
    out: Path,
    *,
    n_person: int | None = None,
    data: Mapping[str, Any] | None = None,
    device: str = "cpu",
) -> Path:
    """Pre-train on the split train, or go on, or return the run's folder where that has been done.

    Parameters
    ----------
    n_person : int, optional
        Nights of so many persons only, drawn by the seed.
    data : mapping, optional
        What the set is and its terms, for the checkpoint.
    """
    optim = run.optim
    options = Options(modalities=run.model.modalities, n_person=n_person, device=device)
    source = open_pairs(shards, window=optim.window, batch=optim.batch, seed=run.seed, options=options)
    try:
        pretrain(run, source, out, device=device, data=data)
    finally:
        source.close()
    return out


def tuned(
    run: RunConfig,
    tuning: Tuning,
    shards: Path,
    out: Path,
    *,
    checkpoint_of: Path | None = None,
    data: Mapping[str, Any] | None = None,
    device: str = "cpu",
) -> Downstream:
    """Fine-tune on the split train and return the model; one that is there already is opened.

    Parameters
    ----------
    run : RunConfig
        Its seed, and its network where there is no checkpoint.
    checkpoint_of : Path, optional
        Run of pre-training; from scratch without.
    """
    if checkpoint.latest(out) is not None:
        return open_model(out)[0]
    options = Options(modalities=tuning.modalities or run.model.modalities, n_person=tuning.n_person, device=device)
    own = task(tuning.task, tuning.columns)
    nights = open_nights(
        shards, batch=tuning.batch, seed=run.seed, labels=own.labels, is_endless=True, options=options
    )
    model = start_model(run, tuning.task, checkpoint_of, mode=tuning.mode, columns=tuning.columns)
    model.fusion.score.requires_grad_(tuning.is_fusion_learnt)
    optim = replace(run.optim, n_step=tuning.n_step, batch=tuning.batch, learning_rate=tuning.learning_rate)
    facts = {"data": dict(data or {}), "mode": tuning.mode, "few_shot": tuning.n_person}
    facts["pretrained"] = checkpoint.origin(checkpoint_of)
    finetune(model, answered(nights, shards, own, tuning.table), out, optim, facts, seed=run.seed, device=device)
    nights.close()
    return model.eval()

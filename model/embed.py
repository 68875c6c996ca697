"""What a network makes of a recording store: vectors of its epochs and windows, or its stages with confidences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from model import checkpoint
from model.card import terms_of
from model.config import RunConfig
from model.data.one_night import Night
from model.downstream import Downstream, Fusion
from model.encoder import Sleep2Vec
from model.evaluate import answer
from model.finetune import open_model
from model.tasks import Level
from pipeline.manifests.terms import joined, strictest
from schemas.embedding import SPEC, SPEC_VERSION
from schemas.errors import ModelError

__all__ = ["Encoder", "Hypnogram", "embedding_of", "open_encoder", "stages_of"]


@dataclass(frozen=True)
class Encoder:
    """A network in use.

    Parameters
    ----------
    fusion : Fusion
        Equal shares where nobody has learnt them.
    facts : mapping
        Of the checkpoint.
    """

    network: Sleep2Vec
    fusion: Fusion
    facts: Mapping[str, Any]


def open_encoder(path: Path) -> Encoder:
    """Return the network of a pre-training run, averaged, or of a fine-tuned model.

    Raises
    ------
    CheckpointInvalid
        As `model.checkpoint.load`, and when the tensors do not fit.
    """
    tensors, facts = checkpoint.load(path)
    if "task" in facts:
        model, _ = open_model(path)
        return Encoder(model.network, model.fusion, facts)
    config = RunConfig.from_json(facts["config"]).model
    network = Sleep2Vec(config)
    checkpoint.fill(network, tensors, "average")
    return Encoder(network.eval(), Fusion(config.modalities), facts)


@torch.no_grad()
def embedding_of(encoder: Encoder, night: Night, window: int | None = None) -> xr.Dataset:
    """Encode a night window by window.

    Parameters
    ----------
    window : int, optional
        Epochs; without, those that the network was pre-trained with, or the whole night where it was fine-tuned.

    Returns
    -------
    xr.Dataset
        For every modality that the night has, and ``fused``: ``<name>`` (epoch, width) and ``window_<name>``
        (window, width), float32, NaN where there was nothing to see; ``window_start`` (window,).
    """
    batch, n_epoch = night.batch, int(night.store.nights.length[0])
    first, n_seen = int(batch.start[0]), next(iter(batch.valid.values())).shape[1]
    own = None if "task" in encoder.facts else int(encoder.facts["config"]["optim"]["window"])
    window = min(window or own or n_seen, n_seen)
    names = [name for name in batch.samples if bool(batch.valid[name].any())]
    encoded, known = {}, {}  # (n_window, 1 + window, W) and (n_window, 1 + window), [CLS] first
    for name in names:
        valid = _windows(batch.valid[name][0], window)  # (n_window, window)
        encoded[name] = encoder.network(name, _windows(batch.samples[name][0], window), valid)
        known[name] = torch.cat([valid.any(dim=1, keepdim=True), valid], dim=1)
    encoded["fused"], known["fused"] = encoder.fusion(encoded, known), torch.stack(list(known.values())).any(dim=0)

    variables: dict[str, Any] = {}
    for name, x in encoded.items():
        vectors = x.float().masked_fill(~known[name][..., None], torch.nan).numpy()
        values = np.full((n_epoch, x.shape[-1]), np.nan, np.float32)
        values[first : first + n_seen] = vectors[:, 1:].reshape(-1, x.shape[-1])[:n_seen]
        variables[name] = (("epoch", "width"), values, {"long_name": f"embedding of {name}", "units": "1"})
        of_window = {"long_name": f"[CLS] of {name}", "units": "1"}
        variables[f"window_{name}"] = (("window", "width"), vectors[:, 0], of_window)
    starts = first + window * np.arange(len(known["fused"]))
    variables["window_start"] = ("window", starts, {"long_name": "first epoch of the window", "units": "1"})
    return xr.Dataset(variables, attrs=_provenance(encoder.facts, night, window))


def _windows(values: Tensor, window: int) -> Tensor:
    """Cut (T, …) into (n_window, window, …), the last filled up with what is not valid."""
    n_more = -len(values) % window
    filled: Tensor = F.pad(values, (*[0, 0] * (values.ndim - 1), 0, n_more))
    return filled.reshape(-1, window, *values.shape[1:])


def _provenance(facts: Mapping[str, Any], night: Night, window: int) -> dict[str, Any]:
    attrs = night.store.attrs
    return {
        "spec": SPEC,
        "spec_version": SPEC_VERSION,
        "cohort": attrs["cohort"],
        "recording": attrs["recording"],
        "store_root_digest": night.store.root_digest,
        "checkpoint_sha256": facts["sha256"],
        "checkpoint_step": facts["step"],
        "task": facts.get("task", "none"),
        "window_epochs": window,
        "terms": joined([terms_of(facts), strictest([(attrs["cohort"], attrs["terms"])])]),
        "software": f"sleep2vec {version('sleep2vec')}",
    }


@dataclass(frozen=True)
class Hypnogram:
    """Stages as a model sees them.

    Parameters
    ----------
    classes : tuple of str
    stage : ndarray, shape (n_epoch,), int64
        Position among the classes; -1 where there was nothing to see.
    scored : ndarray, shape (n_epoch,), int64
        The same of the scorer, -1 where nobody scored and where there was nothing to see.
    probability : ndarray, shape (n_epoch, n_class), float64
        NaN where there was nothing to see.
    """

    classes: tuple[str, ...]
    stage: NDArray[np.int64]
    scored: NDArray[np.int64]
    probability: NDArray[np.float64]


def stages_of(model: Downstream, night: Night) -> Hypnogram:
    """Stage a night.

    Raises
    ------
    ModelError
        When the model was fine-tuned for something else, and as `model.evaluate.answer`.
    """
    task, n_epoch = model.task, int(night.store.nights.length[0])
    if task.level is not Level.TOKEN:
        raise ModelError(
            "the model does not stage", saw=task.name, expected="stage5, stage4 or stage3", do="Take another model."
        )
    stage, scored = np.full((2, n_epoch), -1)
    probability = np.full((n_epoch, len(task.classes)), np.nan)
    found = answer(model, [night.batch])  # one night, or none where there was nothing to see
    for epoch, own, truth in zip(found.epoch, found.probability, found.truth, strict=True):
        stage[epoch], scored[epoch], probability[epoch] = own.argmax(axis=1), truth, own
    return Hypnogram(task.classes, stage, scored, probability)

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
    valid = {name: _windows(batch.valid[name][0], window) for name in names}  # (n_window, window)
    encoded = {
        name: encoder.network(name, _windows(batch.samples[name][0], window), valid[name]) for name in names
    }  # (n_window, 1 + window, W)
    has = {name: known.any(dim=1) for name, known in valid.items()}  # (n_window,)
    tokens = {name: x[:, 1:] for name, x in encoded.items()}
    whole = {name: x[:, 0] for name, x in encoded.items()}
    tokens["fused"], valid["fused"] = encoder.fusion(tokens, valid), torch.stack(list(valid.values())).any(dim=0)
    whole["fused"], has["fused"] = encoder.fusion(whole, has), torch.stack(list(has.values())).any(dim=0)

    variables: dict[str, Any] = {}
    for name, x in tokens.items():
        values = np.full((n_epoch, x.shape[-1]), np.nan, np.float32)
        values[first : first + n_seen] = _known(x.flatten(0, 1), valid[name].flatten())[:n_seen]
        variables[name] = (("epoch", "width"), values, {"long_name": f"embedding of {name}", "units": "1"})
        of_window = {"long_name": f"[CLS] of {name}", "units": "1"}
        variables[f"window_{name}"] = (("window", "width"), _known(whole[name], has[name]), of_window)
    starts = first + window * np.arange(len(has["fused"]))
    variables["window_start"] = ("window", starts, {"long_name": "first epoch of the window", "units": "1"})
    return xr.Dataset(variables, attrs=_provenance(encoder.facts, night, window))


def _windows(values: Tensor, window: int) -> Tensor:
    """Cut (T, …) into (n_window, window, …), the last filled up with what is not valid."""
    n_more = -len(values) % window
    filled: Tensor = F.pad(values, (*[0, 0] * (values.ndim - 1), 0, n_more))
    return filled.reshape(-1, window, *values.shape[1:])


def _known(vectors: Tensor, valid: Tensor) -> NDArray[np.float32]:
    """Return (n, W) with NaN where not valid."""
    return vectors.float().masked_fill(~valid[:, None], torch.nan).numpy()


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
        The same of the scorer, -1 where nobody scored.
    probability : ndarray, shape (n_epoch, n_class), float64
        NaN where there was nothing to see.
    """

    classes: tuple[str, ...]
    stage: NDArray[np.int64]
    scored: NDArray[np.int64]
    probability: NDArray[np.float64]


@torch.no_grad()
def stages_of(model: Downstream, night: Night) -> Hypnogram:
    """Stage a night.

    Raises
    ------
    ModelError
        When the model was fine-tuned for something else.
    """
    task, batch = model.task, night.batch
    if task.level is not Level.TOKEN:
        raise ModelError(
            "the model does not stage", saw=task.name, expected="stage5, stage4 or stage3", do="Take another model."
        )
    n_epoch, first = int(night.store.nights.length[0]), int(batch.start[0])
    answered = model.eval()(batch)[0].softmax(-1).double()  # (T, n_class)
    known = torch.stack(list(batch.valid.values()))[:, 0].any(dim=0).numpy()  # (T,)
    probability = np.full((n_epoch, len(task.classes)), np.nan)
    probability[first : first + len(known)][known] = answered.numpy()[known]
    seen = np.isfinite(probability).all(axis=1)
    stage = np.where(seen, np.nan_to_num(probability).argmax(axis=1), -1)
    scored = [task.codes.get(int(code), -1) for code in night.store.read("stage", 0, n_epoch)]
    return Hypnogram(task.classes, stage, np.array(scored), probability)

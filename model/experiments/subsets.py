"""Any subset of modalities: every night is encoded once, then fused and judged for each subset."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray

from model.batch import Batch
from model.downstream import Downstream
from model.metrics import confusion
from model.tasks import Level, target_of
from schemas.errors import ModelError

__all__ = ["Scores", "Subset", "drawn_subsets", "every_subset", "score_subsets", "subset_name"]

Subset = tuple[str, ...]


@dataclass(frozen=True)
class Scores:
    """Confusion matrices of nights, for every subset.

    Parameters
    ----------
    recording, subject : list of int
        Position in the split, and the person's number.
    counts : mapping of subset to ndarray, shape (n_recording, n_class, n_class), int64
        Epochs at which a subset has nothing valid are in none of its matrices.
    """

    recording: list[int]
    subject: list[int]
    counts: dict[Subset, NDArray[np.int64]]


def every_subset(modalities: Sequence[str]) -> list[Subset]:
    """Return all subsets but the empty one, the smallest first: 511 of nine modalities."""
    return [subset for n in range(1, len(modalities) + 1) for subset in combinations(modalities, n)]


def drawn_subsets(modalities: Sequence[str], n: int, seed: int) -> list[Subset]:
    """Return so many different subsets, drawn evenly, in the order of `every_subset`."""
    everything = every_subset(modalities)
    places = random.Random(seed).sample(range(len(everything)), min(n, len(everything)))
    return [everything[place] for place in sorted(places)]


def subset_name(subset: Sequence[str]) -> str:
    """Return the name of a subset in tables: ``ibi+resp``."""
    return "+".join(subset)


@torch.no_grad()
def score_subsets(
    model: Downstream, nights: Iterable[Batch], subsets: Sequence[Subset], *, device: str = "cpu"
) -> Scores:
    """Judge a model that answers token by token, with every one of the subsets.

    Raises
    ------
    ModelError
        When the task is not one of tokens, no night came, or the model does not know a modality.
    """
    if model.task.level is not Level.TOKEN:
        raise ModelError("subsets are judged for tasks of epochs", saw=model.task.name)
    model.to(device).eval()
    names = [name for name in model.fusion.modalities if any(name in subset for subset in subsets)]
    if unknown := {name for subset in subsets for name in subset} - set(names):
        raise ModelError("the model was not trained with a modality", saw=", ".join(sorted(unknown)))
    recording, subject = [], []
    found: dict[Subset, list[NDArray[np.int64]]] = {subset: [] for subset in subsets}
    for cpu_batch in nights:
        batch = cpu_batch.to(device)
        encoded, target = model.encode(batch, names), target_of(batch, model.task)
        recording += batch.recording.tolist()
        subject += batch.metadata.subject.tolist()
        for subset in subsets:
            found[subset] += _judged(model, encoded, batch.valid, target, subset)
    if not recording:
        raise ModelError("there is no night to judge", do="Look at the set's card.")
    return Scores(recording, subject, {subset: np.stack(counts) for subset, counts in found.items()})


def _judged(
    model: Downstream,
    encoded: Mapping[str, torch.Tensor],
    valid: Mapping[str, torch.Tensor],
    target: torch.Tensor,
    subset: Subset,
) -> list[NDArray[np.int64]]:
    """Return a confusion matrix a night."""
    own = {name: valid[name] for name in subset}
    answer = model.decide({name: encoded[name] for name in subset}, own).argmax(dim=-1)  # (B, T)
    known = torch.stack(list(own.values())).any(dim=0)  # (B, T)
    truth = target.masked_fill(~known, -1)
    n_class = len(model.task.classes)
    return [confusion(t.cpu().numpy(), a.cpu().numpy(), n_class) for t, a in zip(truth, answer, strict=True)]

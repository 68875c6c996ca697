"""Answers of a fine-tuned model over whole nights, and what they are worth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model.batch import Batch
from model.downstream import Downstream
from model.metrics import accuracy, bootstrap_interval, calibration_error, class_f1, confusion, kappa, macro_f1
from model.tasks import Level, target_of, years_of
from schemas.errors import ModelError

__all__ = ["Answers", "answer", "report"]


@dataclass(frozen=True)
class Answers:
    """Predictions of nights, one element a night.

    Parameters
    ----------
    recording : list of int
        Positions in the split.
    subject : list of int
    probability : list of ndarray, shape (n, n_class); (n, 1) holds years for a number
    truth : list of ndarray, shape (n,)
        -1 (NaN for a number) where nobody knows.
    """

    recording: list[int]
    subject: list[int]
    probability: list[NDArray[np.float64]]
    truth: list[NDArray[Any]]


@torch.no_grad()
def answer(
    model: Downstream, nights: Iterable[Batch], modalities: Sequence[str] | None = None, *, device: str = "cpu"
) -> Answers:
    """Ask the model about every night.

    Parameters
    ----------
    modalities : sequence of str, optional
        Any subset; nights that have none of them do not count.

    Raises
    ------
    ModelError
        When the model has none of the modalities.
    """
    if modalities is not None and (unknown := set(modalities) - set(model.fusion.modalities)):
        raise ModelError(
            "the model was not trained with a modality",
            saw=", ".join(sorted(unknown)),
            expected=", ".join(model.fusion.modalities),
        )
    model.eval()
    found = Answers([], [], [], [])
    for cpu_batch in nights:
        batch = cpu_batch.to(device)
        logits = model(batch, modalities).float()
        target = target_of(batch, model.task)
        names = [n for n in batch.samples if modalities is None or n in modalities]
        known = torch.stack([batch.valid[name] for name in names]).any(dim=0)  # (B, T)
        for i in range(len(logits)):
            if known[i].any():
                _add(found, model, logits[i], target[i], known[i], batch, i)
    return found


def _add(
    found: Answers,
    model: Downstream,
    logits: torch.Tensor,
    target: torch.Tensor,
    known: torch.Tensor,
    batch: Batch,
    i: int,
) -> None:
    """Add one night: (T, n_out) or (n_out,) logits."""
    task = model.task
    if task.level is Level.TOKEN:
        probability, truth = logits[known].softmax(-1), target[known]
    elif task.level is Level.SECOND:
        yes = logits[known].sigmoid().reshape(-1)
        probability, truth = torch.stack([1 - yes, yes], -1), target[known].reshape(-1)
    elif task.codes:
        probability, truth = logits.softmax(-1)[None], target[None]
    else:
        probability, truth = years_of(logits)[None, None], target[None]
    found.recording.append(int(batch.recording[i]))
    found.subject.append(int(batch.metadata.subject[i]))
    found.probability.append(probability.double().cpu().numpy())
    found.truth.append(truth.cpu().numpy())


def report(answers: Answers, model: Downstream, modalities: Sequence[str], *, seed: int = 0) -> dict[str, Any]:
    """Return the measures of a set of answers, pooled over nights, with intervals over subjects.

    Raises
    ------
    ModelError
        When there is nothing to judge.
    """
    if not answers.truth:
        raise ModelError("no night has any of these modalities", saw=", ".join(modalities), do="Name others.")
    facts: dict[str, Any] = {
        "task": model.task.name,
        "modalities": list(modalities),
        "n_recordings": len(answers.truth),
        "n_subjects": len(set(answers.subject)),
    }
    if not model.task.codes:
        error = np.abs(np.concatenate(answers.probability)[:, 0] - np.concatenate(answers.truth))
        return facts | {"mae": float(np.nanmean(error)), "n": int(np.isfinite(error).sum())}
    n_class = len(model.task.classes)
    counts = np.stack(
        [
            confusion(truth, p.argmax(axis=1), n_class)
            for p, truth in zip(answers.probability, answers.truth, strict=True)
        ]
    )
    pooled = counts.sum(axis=0)
    subjects = [str(subject) for subject in answers.subject]
    measures = {"accuracy": accuracy, "kappa": kappa, "macro_f1": macro_f1}
    facts |= {name: measure(pooled) for name, measure in measures.items()}
    facts["interval"] = {
        name: bootstrap_interval(counts, subjects, measure, seed=seed) for name, measure in measures.items()
    }
    facts["f1"] = dict(zip(model.task.classes, map(float, class_f1(pooled)), strict=True))
    facts["ece"] = calibration_error(np.concatenate(answers.probability), np.concatenate(answers.truth))
    facts["confusion"] = pooled.tolist()
    return facts

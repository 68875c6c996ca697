"""Answers of a fine-tuned model over whole nights, and what they are worth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model.batch import Batch
from model.downstream import Downstream
from model.events import per_hour_of_sleep
from model.metrics import (
    accuracy,
    auprc,
    auroc,
    bootstrap_interval,
    c_index,
    calibration_error,
    class_f1,
    confusion,
    interval_over_rows,
    kappa,
    macro_f1,
)
from model.tasks import Answer, Level, target_of, years_of
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
    probability : list of ndarray, shape (n, n_class)
        Of a night alone (1, n_class); (1, 1) holds years, or the logarithm of a relative risk.
    truth : list of ndarray, shape (n,), (1,), or (1, n_column) where a table of persons has it
        -1, or NaN of what is not a class, where nobody knows.
    per_hour : list of (float, float)
        Events an hour of sleep as answered and as scored, of a task of seconds.
    """

    recording: list[int]
    subject: list[int]
    probability: list[NDArray[np.float64]]
    truth: list[NDArray[Any]]
    per_hour: list[tuple[float, float]] = field(default_factory=list)


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
        When the model has none of the modalities, or an answer is not a number.
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
        if not logits[known if logits.ndim == 3 else known.any(dim=1)].isfinite().all():
            raise ModelError(
                "an answer is not a number",
                saw=f"recordings {', '.join(map(str, batch.recording.tolist()))} of the split",
                why="It would count as the first class.",
                do="Verify the set; look at the loss of the model's training.",
            )
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
        if "stage" in batch.labels:
            found.per_hour.append(_per_hour(logits, target, known, batch.labels["stage"][i], task.least_s))
    elif task.answer is Answer.CLASS:
        probability, truth = logits.softmax(-1)[None], target[None]
    elif task.answer is Answer.YEARS:
        probability, truth = years_of(logits)[None, None], target[None]
    else:
        probability, truth = (logits.sigmoid() if task.answer is Answer.MANY else logits)[None], target[None]
    found.recording.append(int(batch.recording[i]))
    found.subject.append(int(batch.metadata.subject[i]))
    found.probability.append(probability.double().cpu().numpy())
    found.truth.append(truth.cpu().numpy())


def _per_hour(
    logits: torch.Tensor, target: torch.Tensor, known: torch.Tensor, stage: torch.Tensor, least_s: int
) -> tuple[float, float]:
    """Count in sleep that was scored second by second and that the model saw."""
    seen = known & (target >= 0).all(dim=-1)
    stages = torch.where(seen, stage, -1).cpu().numpy()
    answered, scored = ((x & seen[:, None]).cpu().numpy() for x in (logits > 0, target == 1))
    return per_hour_of_sleep(answered, stages, least_s), per_hour_of_sleep(scored, stages, least_s)


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
    subjects = [str(subject) for subject in answers.subject]
    if model.task.answer is Answer.CLASS:
        facts |= _of_classes(answers, model.task.classes, subjects, seed)
        return facts | (_of_events(answers, subjects, seed) if answers.per_hour else {})
    truth, found = np.concatenate(answers.truth), np.concatenate(answers.probability)
    if model.task.answer is Answer.YEARS:
        error = np.abs(found[:, 0] - truth)
        interval = interval_over_rows([error], subjects, _mean, seed=seed)
        return facts | {"mae": _mean(error), "n": int(np.isfinite(error).sum()), "interval": {"mae": interval}}
    if model.task.answer is Answer.HAZARD:
        columns = (found[:, 0], truth[:, 0], truth[:, 1])
        interval = interval_over_rows(columns, subjects, c_index, seed=seed)
        known = np.isfinite(truth).all(axis=1)
        counts = {"n": int(known.sum()), "n_event": int(truth[known, 1].sum())}
        return facts | {"c_index": c_index(*columns), "interval": {"c_index": interval}} | counts
    by_class = {
        name: _of_yes_or_no(found[:, k], truth[:, k], subjects, seed) for k, name in enumerate(model.task.classes)
    }
    return facts | {
        "classes": by_class,
        "macro_auroc": _mean(np.array([own["auroc"] for own in by_class.values()])),
    }


def _mean(values: NDArray[np.floating]) -> float:
    """Return the mean of what is known, NaN of nothing."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def _of_classes(answers: Answers, classes: Sequence[str], subjects: Sequence[str], seed: int) -> dict[str, Any]:
    pairs = zip(answers.probability, answers.truth, strict=True)
    counts = np.stack([confusion(truth, p.argmax(axis=1), len(classes)) for p, truth in pairs])
    pooled = counts.sum(axis=0)
    measures = {"accuracy": accuracy, "kappa": kappa, "macro_f1": macro_f1}
    facts: dict[str, Any] = {name: measure(pooled) for name, measure in measures.items()}
    facts["interval"] = {
        name: bootstrap_interval(counts, subjects, measure, seed=seed) for name, measure in measures.items()
    }
    facts["f1"] = dict(zip(classes, map(float, class_f1(pooled)), strict=True))
    found, truth = np.concatenate(answers.probability), np.concatenate(answers.truth)
    facts["ece"] = calibration_error(found, truth)
    if len(classes) == 2:
        facts |= {"auroc": auroc(found[:, 1], truth), "auprc": auprc(found[:, 1], truth)}
    facts["confusion"] = pooled.tolist()
    facts["recordings"] = [
        {"recording": recording, "n": int(own.sum())} | {name: m(own) for name, m in measures.items()}
        for recording, own in zip(answers.recording, counts, strict=True)
    ]
    return facts


def _of_events(answers: Answers, subjects: Sequence[str], seed: int) -> dict[str, Any]:
    """Compare events an hour of sleep, night by night."""
    pairs = np.array(answers.per_hour)  # (n_recording, 2)
    error = pairs[:, 0] - pairs[:, 1]
    interval = interval_over_rows([np.abs(error)], subjects, _mean, seed=seed)
    facts = {"n": int(np.isfinite(error).sum()), "mae": _mean(np.abs(error)), "bias": _mean(error)}
    return {"events_per_hour": facts | {"interval": {"mae": interval}, "answered_and_scored": pairs.tolist()}}


def _of_yes_or_no(
    score: NDArray[np.float64], truth: NDArray[np.float64], subjects: Sequence[str], seed: int
) -> dict[str, Any]:
    """Judge one class of many, over the nights of which it is known."""
    measures = {"auroc": auroc, "auprc": auprc}
    return {
        "n": int(np.isfinite(truth).sum()),
        "n_yes": int((truth == 1).sum()),
        **{name: measure(score, truth) for name, measure in measures.items()},
        "interval": {
            name: interval_over_rows((score, truth), subjects, m, seed=seed) for name, m in measures.items()
        },
    }

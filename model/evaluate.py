"""Answers of a fine-tuned model over whole nights, and what they are worth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model import metrics
from model.batch import Batch
from model.device import enough_memory
from model.downstream import Downstream
from model.events import per_hour_of_sleep
from model.tasks import Answer, Level, Task, target_of, years_of
from schemas.errors import ModelError

__all__ = ["Answers", "answer", "report"]

Measures = Mapping[str, Callable[..., float]]


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
    epoch : list of ndarray, shape (n_epoch,), int64
        Epochs of the night in which the model saw something.
    per_hour : list of (float, float)
        Events an hour of sleep as answered and as scored, of a task of seconds.
    """

    recording: list[int]
    subject: list[int]
    probability: list[NDArray[np.float64]]
    truth: list[NDArray[Any]]
    epoch: list[NDArray[np.int64]]
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
        When the model has none of the modalities, an answer is not a number, or memory ran out.
    """
    model.eval()
    found, task = Answers([], [], [], [], []), model.task
    for cpu_batch in nights:
        with enough_memory(saw=f"{len(cpu_batch.recording)} nights", do="Take another device, or fewer at a time."):
            batch = cpu_batch.to(device)
            logits, target = model(batch, modalities).float(), target_of(batch, task)
        names = [n for n in batch.samples if modalities is None or n in modalities]
        known = torch.stack([batch.valid[name] for name in names]).any(dim=0)  # (B, T)
        if not logits[known if logits.ndim == 3 else known.any(dim=1)].isfinite().all():
            raise ModelError(
                "an answer is not a number",
                saw=f"recordings {', '.join(map(str, batch.recording.tolist()))} of the split",
                why="It would count as the first class.",
                do="Verify the set; look at the loss of the model's training.",
            )
        for i in known.any(dim=1).nonzero()[:, 0].tolist():
            probability, truth = _of_night(task, logits[i], target[i], known[i])
            found.recording.append(int(batch.recording[i]))
            found.subject.append(int(batch.metadata.subject[i]))
            found.probability.append(probability.double().cpu().numpy())
            found.truth.append(truth.cpu().numpy())
            found.epoch.append((batch.start[i] + known[i].nonzero()[:, 0]).cpu().numpy())
            if task.level is Level.SECOND and "stage" in batch.labels:
                stage = batch.labels["stage"][i]
                found.per_hour.append(_per_hour(logits[i], target[i], known[i], stage, task.least_s))
    return found


def _of_night(task: Task, logits: Tensor, target: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Return probabilities and truth of one night: of its (T,) known tokens, or (1, n) of the whole."""
    if task.level is Level.TOKEN:
        return logits[known].softmax(-1), target[known]
    if task.level is Level.SECOND:
        yes = logits[known].sigmoid().reshape(-1)
        return torch.stack([1 - yes, yes], -1), target[known].reshape(-1)
    if task.answer is Answer.CLASS:
        return logits.softmax(-1)[None], target[None]
    if task.answer is Answer.YEARS:
        return years_of(logits)[None, None], target[None]
    return (logits.sigmoid() if task.answer is Answer.MANY else logits)[None], target[None]


def _per_hour(logits: Tensor, target: Tensor, known: Tensor, stage: Tensor, least_s: int) -> tuple[float, float]:
    """Count in sleep that was scored second by second and that the model saw."""
    seen = known & (target >= 0).all(dim=-1)
    stages = torch.where(seen, stage, -1).cpu().numpy()
    answered, scored = ((x & seen[:, None]).cpu().numpy() for x in (logits > 0, target == 1))
    return per_hour_of_sleep(answered, stages, least_s), per_hour_of_sleep(scored, stages, least_s)


def report(answers: Answers, model: Downstream, modalities: Sequence[str]) -> dict[str, Any]:
    """Return the measures of a set of answers, pooled over nights, with intervals over subjects.

    Raises
    ------
    ModelError
        When there is nothing to judge.
    """
    if not answers.truth:
        raise ModelError("no night has any of these modalities", saw=", ".join(modalities), do="Name others.")
    task = model.task
    facts: dict[str, Any] = {
        "task": task.name,
        "modalities": list(modalities),
        "n_recordings": len(answers.truth),
        "n_subjects": len(set(answers.subject)),
    }
    subjects = [str(subject) for subject in answers.subject]
    if task.answer is Answer.CLASS:
        facts |= _of_classes(answers, task.classes, subjects)
        return facts | (_of_events(answers, subjects) if answers.per_hour else {})
    truth, found = np.concatenate(answers.truth), np.concatenate(answers.probability)
    if task.answer is Answer.YEARS:
        error = np.abs(found[:, 0] - truth)
        return facts | {"n": int(np.isfinite(error).sum())} | _judged({"mae": _mean}, (error,), subjects)
    if task.answer is Answer.HAZARD:
        known = np.isfinite(truth).all(axis=1)
        facts |= {"n": int(known.sum()), "n_event": int(truth[known, 1].sum())}
        return facts | _judged({"c_index": metrics.c_index}, (found[:, 0], truth[:, 0], truth[:, 1]), subjects)
    by_class = {name: _of_yes_or_no(found[:, k], truth[:, k], subjects) for k, name in enumerate(task.classes)}
    return facts | {
        "classes": by_class,
        "macro_auroc": _mean(np.array([own["auroc"] for own in by_class.values()])),
    }


def _judged(measures: Measures, columns: Sequence[NDArray[Any]], subjects: Sequence[str]) -> dict[str, Any]:
    """Return measures of columns with one row a night, and their intervals."""
    values = {name: measure(*columns) for name, measure in measures.items()}
    intervals = {name: metrics.bootstrap_interval(columns, subjects, m) for name, m in measures.items()}
    return values | {"interval": intervals}


def _mean(values: NDArray[np.floating]) -> float:
    """Return the mean of what is known, NaN of nothing."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def _of_classes(answers: Answers, classes: Sequence[str], subjects: Sequence[str]) -> dict[str, Any]:
    pairs = zip(answers.probability, answers.truth, strict=True)
    counts = np.stack([metrics.confusion(truth, p.argmax(axis=1), len(classes)) for p, truth in pairs])
    pooled = counts.sum(axis=0)
    measures = {"accuracy": metrics.accuracy, "kappa": metrics.kappa, "macro_f1": metrics.macro_f1}
    facts = _judged({name: metrics.pooled(m) for name, m in measures.items()}, (counts,), subjects)
    facts["f1"] = dict(zip(classes, map(float, metrics.class_f1(pooled)), strict=True))
    found, truth = np.concatenate(answers.probability), np.concatenate(answers.truth)
    facts["ece"] = metrics.calibration_error(found, truth)
    if len(classes) == 2:
        facts |= {"auroc": metrics.auroc(found[:, 1], truth), "auprc": metrics.auprc(found[:, 1], truth)}
    facts["confusion"] = pooled.tolist()
    facts["recordings"] = [
        {"recording": recording, "n": int(own.sum())} | {name: m(own) for name, m in measures.items()}
        for recording, own in zip(answers.recording, counts, strict=True)
    ]
    return facts


def _of_events(answers: Answers, subjects: Sequence[str]) -> dict[str, Any]:
    """Compare events an hour of sleep, night by night."""
    pairs = np.array(answers.per_hour)  # (n_recording, 2)
    error = pairs[:, 0] - pairs[:, 1]
    facts = {"n": int(np.isfinite(error).sum()), "bias": _mean(error), "answered_and_scored": pairs.tolist()}
    return {"events_per_hour": facts | _judged({"mae": _mean}, (np.abs(error),), subjects)}


def _of_yes_or_no(
    score: NDArray[np.float64], truth: NDArray[np.float64], subjects: Sequence[str]
) -> dict[str, Any]:
    """Judge one class of many, over the nights of which it is known."""
    counts = {"n": int(np.isfinite(truth).sum()), "n_yes": int((truth == 1).sum())}
    return counts | _judged({"auroc": metrics.auroc, "auprc": metrics.auprc}, (score, truth), subjects)

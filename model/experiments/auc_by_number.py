"""How well a yes or no is told, by the number of modalities: the area under the curve over drawn subsets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.downstream import Downstream
from model.evaluate import answer
from model.experiments.lab import Lab
from model.experiments.result import Chart, Result
from model.experiments.subsets import Subset, every_subset
from model.metrics import auroc, bootstrap_interval
from model.targets import answered
from model.tasks import Answer, task
from schemas.errors import ModelError

__all__ = ["Settings", "run"]


@dataclass(frozen=True)
class Settings:
    """What is told, and with how many subsets of each size.

    Parameters
    ----------
    task : str
        One of two classes, ``sex``, ``apnea``, ``arousal``, or ``diseases``.
    columns : tuple of str
        Diseases; the area is the mean over them.
    table : str, optional
        File with the columns; the set's index without.
    n_each : int
        Subsets of a size at most.
    """

    task: str = "sex"
    columns: tuple[str, ...] = ()
    table: str | None = None
    n_each: int = 9
    draw_seed: int = 0


def run(lab: Lab, settings: Settings) -> Result:
    """Return the area under the curve of subsets of every size: the mean, and the interval of the whole."""
    asked = task(settings.task, settings.columns)
    if asked.answer is not Answer.MANY and len(asked.classes) != 2:
        raise ModelError("the task is no yes or no", saw=settings.task, expected="sex, apnea, arousal or diseases")
    wanted = {"task": settings.task, "columns": settings.columns, "table": settings.table}
    models = [lab.tuned(seed, "auc", lab.pretrained(seed), **wanted) for seed in lab.plan.seeds]
    rows = []
    for n, subsets in groupby(_subsets(lab, settings), key=len):
        areas = [_area(lab, model, subset, settings.table) for subset in subsets for model in models]
        values = [area for area, _, _ in areas]
        low, high = (float(np.mean([area[side] for area in areas])) for side in (1, 2))
        facts = {"auroc": float(np.mean(values)), "least": min(values), "most": max(values)}
        rows.append({"n_modality": n, "n_subset": len(values) // len(models)} | facts | {"low": low, "high": high})
    return Result(rows, Chart("line", "n_modality", "auroc", interval=("low", "high")), {"task": settings.task})


def _subsets(lab: Lab, settings: Settings) -> list[Subset]:
    """Return some subsets of every size, the smallest first."""
    chosen: list[Subset] = []
    for size, group in groupby(every_subset(lab.modalities), key=len):
        own = list(group)
        places = np.random.default_rng([settings.draw_seed, size]).permutation(len(own))[: settings.n_each]
        chosen += [own[place] for place in sorted(places.tolist())]
    return chosen


def _area(lab: Lab, model: Downstream, subset: Subset, table: str | None) -> tuple[float, float, float]:
    """Return the area with its interval over persons."""
    nights = answered(lab.nights(labels=model.task.labels), lab.shards, model.task, table)
    found = answer(model, nights, subset, device=lab.device)
    score, truth = np.concatenate(found.probability), np.concatenate(found.truth)
    if truth.ndim == 1:  # one class of two; of many every column is a yes or no
        score, truth = score[:, 1:], truth[:, None]
    person = [str(s) for s, t in zip(found.subject, found.truth, strict=True) for _ in range(len(t))]
    low, high = bootstrap_interval((score, truth), person, _mean_area, n_draw=lab.plan.n_draw)
    return _mean_area(score, truth), low, high


def _mean_area(score: NDArray[np.float64], truth: NDArray[Any]) -> float:
    """Return the mean over columns of the area under the curve; columns of one answer alone do not count."""
    areas = [auroc(score[:, k], truth[:, k]) for k in range(truth.shape[1])]
    known = [area for area in areas if np.isfinite(area)]
    return float(np.mean(known)) if known else float("nan")

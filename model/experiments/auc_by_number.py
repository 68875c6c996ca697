"""How well a yes or no is told, by the number of modalities: the area under the curve over drawn subsets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from model.downstream import Downstream
from model.evaluate import answer
from model.experiments.lab import Lab
from model.experiments.result import Chart, Result
from model.experiments.subsets import Subset, every_subset
from model.metrics import auroc, interval_over_rows
from model.tasks import task
from schemas.errors import ModelError

__all__ = ["Settings", "run"]


@dataclass(frozen=True)
class Settings:
    """What is told, and with how many subsets of each size.

    Parameters
    ----------
    task : str
        One of two classes: ``sex``, ``apnea``, ``arousal``.
    n_each : int
        Subsets of a size at most.
    """

    task: str = "sex"
    n_each: int = 9
    draw_seed: int = 0


def run(lab: Lab, settings: Settings) -> Result:
    """Return the area under the curve of subsets of every size: the mean, and the interval of the whole."""
    if len(task(settings.task).classes) != 2:
        raise ModelError("the task is not of two classes", saw=settings.task, expected="sex, apnea or arousal")
    models = [lab.tuned(seed, "auc", lab.pretrained(seed), task=settings.task) for seed in lab.plan.seeds]
    rows = []
    for n, subsets in groupby(_subsets(lab, settings), key=len):
        areas = [_area(lab, model, subset) for subset in subsets for model in models]
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


def _area(lab: Lab, model: Downstream, subset: Subset) -> tuple[float, float, float]:
    found = answer(model, lab.nights(labels=model.task.labels), subset, device=lab.device)
    score = np.concatenate([p[:, 1] for p in found.probability])
    truth = np.concatenate(found.truth)
    person = [str(s) for s, t in zip(found.subject, found.truth, strict=True) for _ in range(len(t))]
    low, high = interval_over_rows((score, truth), person, auroc, n_draw=lab.plan.n_draw)
    return auroc(score, truth), low, high

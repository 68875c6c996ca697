"""What a straight line reads from a night's embedding: its person's age and sex, and its site."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.experiments.embeddings import Embedded, classify, embed_nights, open_network, regress
from model.experiments.lab import Lab
from model.experiments.left_out_cohort import PLAIN
from model.experiments.result import Chart, Result

__all__ = ["Settings", "balanced_accuracy", "run"]


@dataclass(frozen=True)
class Settings:
    """Which networks are probed; ``is_compared`` adds one that plain InfoNCE trained, and one that nothing did."""

    is_compared: bool = True


def run(lab: Lab, settings: Settings) -> Result:
    """Return how well age, sex and site are read, beside what guessing without the night gives."""
    seed = lab.plan.seeds[0]
    paths = {"pre-trained": lab.pretrained(seed)}
    if settings.is_compared:
        paths["plain InfoNCE"] = lab.pretrained(seed, "pretrained-InfoNCE", PLAIN)
        paths["untrained"] = lab.pretrained(seed, "untrained", {"optim.n_step": 1, "optim.learning_rate": 1e-12})
    rows = [row for name, path in paths.items() for row in _probed(lab, name, path)]
    return Result(rows, Chart("bar", "what", "score", by="network"))


def _probed(lab: Lab, name: str, path: Path) -> list[dict[str, Any]]:
    network = open_network(path)
    train, own = (
        embed_nights(network, lab.shards, split, modalities=lab.modalities, device=lab.device)
        for split in ("train", lab.plan.split)
    )
    rows: list[dict[str, Any]] = []
    if np.isfinite(train.age_years).any():
        rows.append({"network": name, "what": "age"} | _age(train, own))
    for what in ("sex", "site"):
        target, truth = getattr(train, what), getattr(own, what)
        if len(set(target[target >= 0])) > 1 and (truth >= 0).any():
            score = balanced_accuracy(truth, classify(train.vector, target, own.vector))
            chance = 1 / len(set(truth[truth >= 0]))
            facts = {"score": score, "guessed": chance, "n": int((truth >= 0).sum())}
            rows.append({"network": name, "what": what} | facts)
    return rows


def _age(train: Embedded, own: Embedded) -> dict[str, Any]:
    """Return the share of the mean absolute error, of guessing the middle, that reading takes away."""
    known = np.isfinite(own.age_years)
    error = np.abs(regress(train.vector, train.age_years, own.vector) - own.age_years)[known].mean()
    guessed = np.abs(np.nanmedian(train.age_years) - own.age_years)[known].mean()
    facts = {"score": float(1 - error / guessed), "guessed": 0.0, "error_years": float(error)}
    return facts | {"guessed_error_years": float(guessed), "n": int(known.sum())}


def balanced_accuracy(truth: NDArray[np.integer], answer: NDArray[np.integer]) -> float:
    """Return the mean over classes of the share that is answered right; truth below 0 does not count."""
    classes = sorted(set(truth[truth >= 0].tolist()))
    return float(np.mean([(answer[truth == k] == k).mean() for k in classes])) if classes else float("nan")

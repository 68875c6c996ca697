"""A cohort that nobody was trained on: DASH beside plain InfoNCE, inside and outside the cohorts of training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model.experiments.lab import Lab
from model.experiments.result import Chart, Result

__all__ = ["Settings", "run"]

PLAIN = {"loss.age_years": None, "loss.sex": None, "loss.site": None, "loss.margin": 0.0, "loss.epsilon": 0.0}


@dataclass(frozen=True)
class Settings:
    """Where arms are asked.

    Parameters
    ----------
    inside, outside : str
        Splits: persons of the cohorts of training, and the cohort that ``splits make --external`` kept apart.
    """

    inside: str = "test"
    outside: str = "external"


def run(lab: Lab, settings: Settings) -> Result:
    """Return κ of both losses in both splits, and DASH less InfoNCE."""
    everything, seeds = tuple(lab.modalities), lab.plan.seeds
    arms: dict[str, Mapping[str, Any]] = {"DASH": {"loss.margin": lab.run(0).loss.margin}, "InfoNCE": PLAIN}
    models = {
        arm: [lab.tuned(seed, f"cohort-{arm}", lab.pretrained(seed, f"pretrained-{arm}", values)) for seed in seeds]
        for arm, values in arms.items()
    }
    rows = []
    for split in (settings.inside, settings.outside):
        found = {arm: [lab.scores(model, [everything], split) for model in own] for arm, own in models.items()}
        for arm, own in found.items():
            rows.append({"arm": arm, "split": split} | lab.judged(own, everything))
        rows[-2] |= lab.less(found["DASH"], everything, found["InfoNCE"], everything)
    return Result(rows, Chart("bar", "split", "kappa", by="arm", interval=("low", "high")))

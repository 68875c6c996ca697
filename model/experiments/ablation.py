"""Parts taken away, one at a time: terms of the loss, masking, where norms are, the mix of modalities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from model.experiments.lab import Lab
from model.experiments.left_out_cohort import PLAIN
from model.experiments.result import Chart, Result

__all__ = ["GRID", "Settings", "run"]

GRID: Mapping[str, Mapping[str, Any]] = {
    "no age": {"loss.age_years": None},
    "no sex": {"loss.sex": None},
    "no site": {"loss.site": None},
    "no margin": {"loss.margin": 0.0},
    "plain InfoNCE": PLAIN,
    "no mask": {"model.mask_share": 0.0},
    "mask a third": {"model.mask_share": 0.33},
    "pre-norm": {"model.norm": "pre"},
    "even mix": {"fusion": "even"},
    "no pre-training": {"pretraining": False},
}


@dataclass(frozen=True)
class Settings:
    """The grid.

    Parameters
    ----------
    arms : mapping
        Name to numbers of the configuration that differ from the plan's; ``fusion: even`` and
        ``pretraining: false`` are of fine-tuning.
    """

    arms: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: GRID)


def run(lab: Lab, settings: Settings) -> Result:
    """Return κ of every arm, and how much more the whole has on the same persons."""
    everything = tuple(lab.modalities)
    whole = [lab.scores(lab.tuned(s, "whole", lab.pretrained(s)), [everything]) for s in lab.plan.seeds]
    rows = [{"arm": "whole"} | lab.judged(whole, everything)]
    for name, values in settings.arms.items():
        found = [lab.scores(_arm(lab, seed, name, values), [everything]) for seed in lab.plan.seeds]
        rows.append({"arm": name} | lab.judged(found, everything) | lab.less(whole, everything, found, everything))
    return Result(rows, Chart("bar", "arm", "kappa", interval=("low", "high")))


def _arm(lab: Lab, seed: int, name: str, values: Mapping[str, Any]) -> Any:
    word = name.replace(" ", "-")
    numbers = {key: value for key, value in values.items() if "." in key}
    begun = values.get("pretraining", True)
    checkpoint = lab.pretrained(seed, f"pretrained-{word}" if numbers else "pretrained", numbers) if begun else None
    return lab.tuned(seed, f"arm-{word}", checkpoint, is_fusion_learnt=values.get("fusion") != "even")

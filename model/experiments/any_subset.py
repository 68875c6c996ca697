"""One fine-tuned model, asked with any subset of the modalities that it knows."""

from __future__ import annotations

from dataclasses import dataclass

from model.experiments.lab import Lab
from model.experiments.result import Chart, Result
from model.experiments.subsets import Subset, drawn_subsets, every_subset, subset_name
from schemas.errors import ModelError

__all__ = ["Settings", "run"]


@dataclass(frozen=True)
class Settings:
    """Which subsets.

    Parameters
    ----------
    subsets : tuple of str
        By name, e.g. ``ibi+resp``; all of them without.
    n_drawn : int, optional
        So many of all, drawn by ``draw_seed``.
    """

    subsets: tuple[str, ...] = ()
    n_drawn: int | None = None
    draw_seed: int = 0


def run(lab: Lab, settings: Settings) -> Result:
    """Return κ of every subset."""
    subsets = _subsets(lab, settings)
    models = [lab.tuned(seed, "any-subset", lab.pretrained(seed)) for seed in lab.plan.seeds]
    found = [lab.scores(model, subsets) for model in models]
    rows = [{"subset": subset_name(s), "n_modality": len(s)} | lab.judged(found, s) for s in subsets]
    return Result(rows, Chart("point", "n_modality", "kappa"), {"n_subset": len(rows)})


def _subsets(lab: Lab, settings: Settings) -> list[Subset]:
    if not settings.subsets:
        if settings.n_drawn is None:
            return every_subset(lab.modalities)
        return drawn_subsets(lab.modalities, settings.n_drawn, settings.draw_seed)
    named = [tuple(m for m in lab.modalities if m in name.split("+")) for name in settings.subsets]
    wrong = [name for name, s in zip(settings.subsets, named, strict=True) if len(s) != len(name.split("+"))]
    if wrong:
        raise ModelError("no such subset", saw=", ".join(wrong), expected="+".join(lab.modalities))
    return named

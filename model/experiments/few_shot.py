"""Labels of few persons: fine-tuned from pre-training, and from scratch."""

from __future__ import annotations

from dataclasses import dataclass

from model.experiments.lab import Lab
from model.experiments.result import Chart, Result

__all__ = ["Settings", "run"]


@dataclass(frozen=True)
class Settings:
    """How many persons have labels; they are drawn by the seed, the same for both arms."""

    persons: tuple[int, ...] = (1, 2, 4, 8, 16)


def run(lab: Lab, settings: Settings) -> Result:
    """Return κ by the number of persons, of both arms, and how much more pre-training gives."""
    everything = tuple(lab.modalities)
    rows = []
    for n in settings.persons:
        found = {}
        for arm in ("pre-trained", "scratch"):
            found[arm] = [
                lab.scores(
                    lab.tuned(s, f"few-{n}-{arm}", lab.pretrained(s) if arm != "scratch" else None, n_person=n),
                    [everything],
                )
                for s in lab.plan.seeds
            ]
        pair = lab.less(found["pre-trained"], everything, found["scratch"], everything)
        rows.append({"n_person": n, "arm": "pre-trained"} | lab.judged(found["pre-trained"], everything) | pair)
        rows.append({"n_person": n, "arm": "scratch"} | lab.judged(found["scratch"], everything))
    return Result(rows, Chart("line", "n_person", "kappa", by="arm", interval=("low", "high")))

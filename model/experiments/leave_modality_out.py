"""What each modality is worth: all of them less all but one."""

from __future__ import annotations

from dataclasses import dataclass

from model.experiments.lab import Lab
from model.experiments.result import Chart, Result

__all__ = ["Settings", "run"]


@dataclass(frozen=True)
class Settings:
    """Whether arms are trained anew.

    Parameters
    ----------
    is_retrained : bool
        Fine-tune a model without the modality; otherwise one model is asked without it.
    """

    is_retrained: bool = False


def run(lab: Lab, settings: Settings) -> Result:
    """Return κ without each modality, and how much less that is than with all, on the same persons."""
    everything = tuple(lab.modalities)
    rests = {name: tuple(m for m in everything if m != name) for name in everything}
    models = {seed: lab.tuned(seed, "any-subset", lab.pretrained(seed)) for seed in lab.plan.seeds}
    found = [lab.scores(model, [everything, *rests.values()]) for model in models.values()]
    rows = [{"without": "none"} | lab.judged(found, everything)]
    for name, rest in rests.items():
        own = found
        if settings.is_retrained:
            again = [lab.tuned(s, f"without-{name}", lab.pretrained(s), modalities=rest) for s in models]
            own = [lab.scores(model, [rest]) for model in again]
        rows.append({"without": name} | lab.judged(own, rest) | lab.less(found, everything, own, rest))
    return Result(rows, Chart("bar", "without", "kappa", interval=("low", "high")))

"""Sensors that fail in the middle of the night: from some moment to its end, one of them or all but one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from model.batch import Batch
from model.experiments.lab import Lab
from model.experiments.result import Chart, Result
from model.experiments.subsets import Subset, score_subsets

__all__ = ["Settings", "losing", "run"]


@dataclass(frozen=True)
class Settings:
    """What fails, and when.

    Parameters
    ----------
    shares : tuple of float
        How much of the night is lost, at its end.
    """

    shares: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)


def run(lab: Lab, settings: Settings) -> Result:
    """Return κ by the share of the night that is lost, for every sensor alone, and for all but one together."""
    everything = tuple(lab.modalities)
    models = [lab.tuned(seed, "any-subset", lab.pretrained(seed)) for seed in lab.plan.seeds]
    whole = [lab.scores(model, [everything]) for model in models]
    cases: dict[str, Subset] = {name: (name,) for name in everything}
    cases |= {f"all but {name}": tuple(m for m in everything if m != name) for name in everything}
    rows = []
    for case, lost in cases.items():
        for share in settings.shares:
            found = [
                score_subsets(model, losing(lab.nights(labels=model.task.labels), lost, share), [everything])
                for model in models
            ]
            pair = lab.less(found, everything, whole, everything)
            rows.append({"lost": case, "share": share} | lab.judged(found, everything) | pair)
    return Result(rows, Chart("line", "share", "kappa", by="lost"))


def losing(nights: Iterable[Batch], lost: tuple[str, ...], share: float) -> Iterator[Batch]:
    """Yield batches in which modalities are lost in the last share of their valid tokens."""
    for batch in nights:
        valid = dict(batch.valid)
        for name in lost:
            own = valid[name]  # (B, T)
            n_kept = ((1 - share) * own.sum(dim=1)).round()  # (B,)
            valid[name] = own & (own.cumsum(dim=1) <= n_kept[:, None])
        yield replace(batch, valid=valid)

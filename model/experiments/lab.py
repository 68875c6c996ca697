"""What experiments share: which data, which networks, and arms that are trained once and then found again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from model.config import RunConfig, preset, with_values
from model.data.loader import Loader, Options, open_nights
from model.downstream import Downstream
from model.experiments.arms import Tuning, pretrained, tuned
from model.experiments.judge import judged, less
from model.experiments.subsets import Scores, Subset, score_subsets
from model.finetune import Mode
from schemas.errors import ModelError

__all__ = ["Lab", "Plan", "settings_of"]

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """What every experiment is told, beside settings of its own.

    Parameters
    ----------
    config : str
        ``tiny``, ``base``, ``large``.
    values : mapping
        Numbers of that configuration that are others, by name: ``{"optim.n_step": 400}``.
    checkpoint : str, optional
        A run of pre-training to begin with; without, experiments pre-train as they need.
    split : str
        Whose nights are asked about.
    seeds : tuple of int
        Every arm is trained once with each.
    task, n_step, batch, learning_rate, mode
        Of fine-tuning, as `model.experiments.arms.Tuning`.
    n_draw : int
        Of every bootstrap.
    """

    config: str = "tiny"
    values: Mapping[str, Any] = field(default_factory=dict)
    checkpoint: str | None = None
    modalities: tuple[str, ...] = ()
    split: str = "test"
    seeds: tuple[int, ...] = (0,)
    task: str = "stage5"
    n_step: int = 200
    batch: int = 4
    learning_rate: float = 3e-3
    mode: Mode = "full"
    n_draw: int = 2000


def settings_of(kind: type[T], given: Mapping[str, Any]) -> T:
    """Return settings from plain values; lists become tuples, what is not given has its default.

    Raises
    ------
    ModelError
        When there is no such setting.
    """
    known = [entry.name for entry in fields(kind)]  # type: ignore[arg-type]
    if unknown := sorted(set(given) - set(known)):
        raise ModelError(
            "the experiment has no such setting", saw=", ".join(unknown), expected=", ".join(known) or "none"
        )
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})


class Lab:
    """One set, one folder for what is trained, one plan.

    Parameters
    ----------
    shards, out : Path
        The set; the experiment's folder, whose ``runs`` keeps networks so that a second call finds them.
    data : mapping, optional
        What the set is and its terms, for checkpoints.
    """

    def __init__(
        self, plan: Plan, shards: Path, out: Path, *, device: str = "cpu", data: Mapping[str, Any] | None = None
    ) -> None:
        self.plan, self.shards, self.out, self.device, self._data = plan, shards, out, device, data
        held = self.nights(plan.split, batch=1, labels=()).modalities
        self.modalities = tuple(plan.modalities or held)

    def run(self, seed: int, values: Mapping[str, Any] | None = None) -> RunConfig:
        """Return a configuration with the plan's values, then these."""
        run = with_values(preset(self.plan.config), dict(self.plan.values) | dict(values or {}))
        return replace(run, seed=seed, model=replace(run.model, modalities=self.modalities))

    def pretrained(
        self,
        seed: int,
        name: str = "pretrained",
        values: Mapping[str, Any] | None = None,
        *,
        n_person: int | None = None,
    ) -> Path:
        """Return a run of pre-training: the plan's checkpoint where nothing else is asked for, or a new one."""
        if self.plan.checkpoint is not None and not values and n_person is None:
            return Path(self.plan.checkpoint)
        run = self.run(seed, values)
        at = self._folder(seed, name, [run.to_json(), n_person])
        return pretrained(run, self.shards, at, n_person=n_person, data=self._data, device=self.device)

    def tuned(self, seed: int, name: str, checkpoint: Path | None, **changes: Any) -> Downstream:
        """Return a fine-tuned model of an arm; ``changes`` are of `Tuning`."""
        plan, run = self.plan, self.run(seed)
        tuning = Tuning(plan.task, plan.n_step, plan.batch, plan.learning_rate, mode=plan.mode)
        tuning = replace(tuning, **changes)
        at = self._folder(seed, name, [run.to_json(), asdict(tuning), str(checkpoint)])
        return tuned(run, tuning, self.shards, at, checkpoint_of=checkpoint, data=self._data, device=self.device)

    def _folder(self, seed: int, name: str, made_of: object) -> Path:
        """Return where an arm is kept; one that is made otherwise is another one."""
        digest = hashlib.sha256(json.dumps(made_of, sort_keys=True, default=str).encode()).hexdigest()
        return self.out / "runs" / f"seed-{seed}" / f"{name}-{digest[:8]}"

    # --- answers -------------------------------------------------------------------------------------------

    def nights(self, split: str | None = None, *, batch: int = 4, labels: Sequence[str] = ("stage",)) -> Loader:
        """Return the nights of a split, each once."""
        names = self.plan.modalities or None
        options = Options(split=split or self.plan.split, modalities=names, device=self.device)
        return open_nights(self.shards, batch=batch, labels=labels, options=options)

    def scores(self, model: Downstream, subsets: Sequence[Subset], split: str | None = None) -> Scores:
        """Judge a model with subsets of modalities."""
        labels = model.task.labels
        return score_subsets(model, self.nights(split, labels=labels), subsets, device=self.device)

    def judged(self, found: Sequence[Scores], subset: Subset) -> dict[str, Any]:
        """Return what a subset is worth, with intervals by the plan's draws."""
        return judged(found, subset, self.plan.n_draw)

    def less(self, a: Sequence[Scores], subset_a: Subset, b: Sequence[Scores], subset_b: Subset) -> dict[str, Any]:
        """Return κ of one arm less that of another."""
        return less(a, subset_a, b, subset_b, self.plan.n_draw)

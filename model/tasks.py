"""What a model can be fine-tuned for, and what is compared with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional as F

from model.batch import Batch
from schemas.errors import ModelError
from schemas.event_terms import EVENT_TYPES, EventClass
from schemas.vocabulary import Stage

__all__ = ["TASKS", "Level", "Task", "loss_of", "target_of", "task", "years_of"]


class Level(StrEnum):
    """What a prediction is of."""

    TOKEN = "token"  # an epoch: one class
    SECOND = "second"  # each of an epoch's 30 seconds: yes or no
    NIGHT = "night"  # the window: one class, or a number


@dataclass(frozen=True)
class Task:
    """One task.

    Parameters
    ----------
    n_out : int
        Logits of a token or a night; 30 for a task of seconds.
    label : str
        Name in ``Batch.labels``, or a field of its metadata.
    codes : mapping of int to int
        Label to class; labels that are not listed do not count.
    classes : tuple of str
        Names, in order; none for a number.
    """

    name: str
    level: Level
    n_out: int
    label: str
    codes: Mapping[int, int]
    classes: tuple[str, ...] = ()


_W, _N1, _N2, _N3, _REM = (int(stage) for stage in (Stage.W, Stage.N1, Stage.N2, Stage.N3, Stage.REM))
_APNEAS = [
    kind.code
    for name, kind in EVENT_TYPES.items()
    if kind.event_class is EventClass.RESPIRATORY and ("apnea" in name or "hypopnea" in name)
]
_AROUSALS = [kind.code for kind in EVENT_TYPES.values() if kind.event_class is EventClass.AROUSAL]


def _stages(name: str, groups: tuple[tuple[str, tuple[int, ...]], ...]) -> Task:
    codes = {stage: number for number, (_, stages) in enumerate(groups) for stage in stages}
    return Task(name, Level.TOKEN, len(groups), "stage", codes, tuple(words for words, _ in groups))


def _seconds(name: str, event_class: EventClass, positive: list[int]) -> Task:
    other = {kind.code: 0 for kind in EVENT_TYPES.values() if kind.event_class is event_class}
    codes = {0: 0, **other, **dict.fromkeys(positive, 1)}
    return Task(name, Level.SECOND, 30, f"event_{event_class.value}", codes, ("none", name))


TASKS: Mapping[str, Task] = MappingProxyType(
    {
        task.name: task
        for task in (
            _stages("stage5", (("W", (_W,)), ("N1", (_N1,)), ("N2", (_N2,)), ("N3", (_N3,)), ("REM", (_REM,)))),
            _stages("stage4", (("W", (_W,)), ("light", (_N1, _N2)), ("N3", (_N3,)), ("REM", (_REM,)))),
            _stages("stage3", (("W", (_W,)), ("NREM", (_N1, _N2, _N3)), ("REM", (_REM,)))),
            _seconds("apnea", EventClass.RESPIRATORY, _APNEAS),
            _seconds("arousal", EventClass.AROUSAL, _AROUSALS),
            Task("sex", Level.NIGHT, 2, "sex", {0: 0, 1: 1}, ("male", "female")),
            Task("age", Level.NIGHT, 1, "age_years", {}),
        )
    }
)


def task(name: str) -> Task:
    """Return a task by its name.

    Raises
    ------
    ModelError
        When there is none.
    """
    if name not in TASKS:
        raise ModelError("no task has this name", saw=name, expected=", ".join(TASKS))
    return TASKS[name]


def target_of(batch: Batch, task: Task) -> Tensor:
    """Return what is to be predicted; -1 (NaN for a number) where nobody knows.

    Returns
    -------
    Tensor, shape (B, T), (B, T, 30) or (B,), int64; float for a number
    """
    source = batch.labels.get(task.label)
    if source is None:
        source = getattr(batch.metadata, task.label)
    if not task.codes:
        return source.float()
    target = torch.full_like(source, -1)
    for label, number in task.codes.items():
        target[source == label] = number
    return target


def loss_of(logits: Tensor, target: Tensor, task: Task) -> Tensor:
    """Return the mean loss over what is known: cross entropy, or the absolute error of ages in decades.

    Parameters
    ----------
    logits : Tensor, shape (B, T, n_out), or (B, n_out) for a night
    target : Tensor
        From `target_of`.
    """
    if not task.codes:
        known = target.isfinite()
        return (logits.float()[known, 0] - _scaled(target[known])).abs().sum() / known.sum().clamp(min=1)
    known = target >= 0
    if task.level is Level.SECOND:
        losses = F.binary_cross_entropy_with_logits(logits.float()[known], target[known].float(), reduction="sum")
    else:
        losses = F.cross_entropy(logits.float()[known], target[known], reduction="sum")
    return losses / known.sum().clamp(min=1)


_YEARS = 10.0  # a network's output is near 0 and 1, not near 50
_MIDDLE = 50.0


def _scaled(years: Tensor) -> Tensor:
    return (years - _MIDDLE) / _YEARS


def years_of(logits: Tensor) -> Tensor:
    """Return the age that a network's output means."""
    return logits[..., 0] * _YEARS + _MIDDLE

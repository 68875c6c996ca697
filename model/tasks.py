"""What a model can be fine-tuned for, and what is compared with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional as F

from model.batch import Batch
from schemas.errors import ModelError
from schemas.event_terms import EVENT_TYPES, EventClass
from schemas.vocabulary import Stage

__all__ = ["TARGETS", "TASKS", "Answer", "Level", "Task", "cox_loss", "loss_of", "target_of", "task", "years_of"]

TARGETS = "targets"  # label of a batch: columns of a table of persons, float, NaN where nobody knows


class Level(StrEnum):
    """What a prediction is of."""

    TOKEN = "token"  # an epoch: one class
    SECOND = "second"  # each of an epoch's 30 seconds: yes or no
    NIGHT = "night"  # the window


class Answer(StrEnum):
    """What is answered."""

    CLASS = "class"  # one of several
    YEARS = "years"  # a number
    MANY = "many"  # of each class: yes or no
    HAZARD = "hazard"  # the logarithm of a relative risk


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
        Label to class, of a task of classes; labels that are not listed do not count.
    classes : tuple of str
        Names, in order; the columns of a table of persons where the answers are there; none for years.
    least_s : int
        Seconds that make an event, of a task of seconds.
    """

    name: str
    level: Level
    n_out: int
    label: str
    codes: Mapping[int, int]
    classes: tuple[str, ...] = ()
    answer: Answer = Answer.CLASS
    least_s: int = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """What is read with the samples; stages too where events are counted, for an hour of sleep."""
        own = (self.label,) if self.label.startswith(("stage", "event")) else ()
        return (*own, "stage") if self.level is Level.SECOND else own


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


def _seconds(name: str, event_class: EventClass, positive: list[int], least_s: int) -> Task:
    other = {kind.code: 0 for kind in EVENT_TYPES.values() if kind.event_class is event_class}
    codes = {0: 0, **other, **dict.fromkeys(positive, 1)}
    return Task(name, Level.SECOND, 30, f"event_{event_class.value}", codes, ("none", name), least_s=least_s)


TASKS: Mapping[str, Task] = MappingProxyType(
    {
        task.name: task
        for task in (
            _stages("stage5", (("W", (_W,)), ("N1", (_N1,)), ("N2", (_N2,)), ("N3", (_N3,)), ("REM", (_REM,)))),
            _stages("stage4", (("W", (_W,)), ("light", (_N1, _N2)), ("N3", (_N3,)), ("REM", (_REM,)))),
            _stages("stage3", (("W", (_W,)), ("NREM", (_N1, _N2, _N3)), ("REM", (_REM,)))),
            _seconds("apnea", EventClass.RESPIRATORY, _APNEAS, least_s=10),  # AASM Manual v3
            _seconds("arousal", EventClass.AROUSAL, _AROUSALS, least_s=3),  # AASM Manual v3
            Task("sex", Level.NIGHT, 2, "sex", {0: 0, 1: 1}, ("male", "female")),
            Task("age", Level.NIGHT, 1, "age_years", {}, answer=Answer.YEARS),
            Task("diseases", Level.NIGHT, 0, TARGETS, {}, answer=Answer.MANY),
            Task("survival", Level.NIGHT, 1, TARGETS, {}, ("years", "event"), Answer.HAZARD),
        )
    }
)


def task(name: str, columns: Sequence[str] = ()) -> Task:
    """Return a task by its name.

    Parameters
    ----------
    columns : sequence of str
        Of a table of persons: diseases, or the years that somebody was followed and whether the event ended them.

    Raises
    ------
    ModelError
        When there is none, or it does not have such columns.
    """
    if name not in TASKS:
        raise ModelError("no task has this name", saw=name, expected=", ".join(TASKS))
    found = TASKS[name]
    if found.label != TARGETS and columns:
        raise ModelError("the task has no columns", saw=", ".join(columns), do="Leave them out.")
    if found.answer is Answer.MANY:
        if not columns:
            raise ModelError("nobody said which diseases", saw="no columns", do="Name columns of the table.")
        return replace(found, n_out=len(columns), classes=tuple(columns))
    if found.answer is Answer.HAZARD and columns and len(columns) != 2:
        raise ModelError("survival is of two columns", saw=", ".join(columns), expected="years, event")
    return replace(found, classes=tuple(columns)) if columns else found


def target_of(batch: Batch, task: Task) -> Tensor:
    """Return what is to be predicted; -1, or NaN of what is not a class, where nobody knows.

    Returns
    -------
    Tensor, shape (B, T), (B, T, 30) or (B,), int64; (B,), (B, n_class) or (B, 2), float, of what is not a class
    """
    source = batch.labels.get(task.label)
    if source is None:
        source = getattr(batch.metadata, task.label)
    if task.answer is not Answer.CLASS:
        return source.float()
    target = torch.full_like(source, -1)
    for label, number in task.codes.items():
        target[source == label] = number
    return target


def loss_of(logits: Tensor, target: Tensor, task: Task) -> Tensor:
    """Return the mean loss over what is known.

    Cross entropy; the absolute error of ages in decades; for survival `cox_loss`.

    Parameters
    ----------
    logits : Tensor, shape (B, T, n_out), or (B, n_out) for a night
    target : Tensor
        From `target_of`.
    """
    logits = logits.float()
    if task.answer is Answer.HAZARD:
        return cox_loss(logits[:, 0], target[:, 0], target[:, 1])
    known = target >= 0 if task.answer is Answer.CLASS else target.isfinite()
    if task.answer is Answer.YEARS:
        losses = (logits[known, 0] - (target[known] - _MIDDLE) / _YEARS).abs().sum()
    elif task.answer is Answer.MANY or task.level is Level.SECOND:
        losses = F.binary_cross_entropy_with_logits(logits[known], target[known].float(), reduction="sum")
    else:
        losses = F.cross_entropy(logits[known], target[known], reduction="sum")
    return losses / known.sum().clamp(min=1)


def cox_loss(log_risk: Tensor, years: Tensor, event: Tensor) -> Tensor:
    """Return the mean negative logarithm of the partial likelihood of the events in a batch.

    Each event is compared with all who were followed at least as long (Cox 1972; ties as Breslow 1974). 0 without
    events; nobody counts of whom years or event are not known.

    Parameters
    ----------
    log_risk, years, event : Tensor, shape (B,)
        ``event`` is 1 where it ended the years, 0 where nobody looked any longer; NaN is unknown.
    """
    known = years.isfinite() & event.isfinite()
    log_risk, years, event = log_risk[known], years[known], event[known]
    is_at_risk = years[None, :] >= years[:, None]  # (n, n): person j when i's years end
    total = torch.where(is_at_risk, log_risk, -torch.inf).logsumexp(dim=1)
    return ((total - log_risk) * event).sum() / event.sum().clamp(min=1)


_YEARS = 10.0  # a network's output is near 0 and 1, not near 50
_MIDDLE = 50.0


def years_of(logits: Tensor) -> Tensor:
    """Return the age that a network's output means."""
    return logits[..., 0] * _YEARS + _MIDDLE

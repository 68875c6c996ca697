"""Answers that are no part of the shards: columns of a table of persons go with the batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from model.batch import Batch
from model.data.loader import Loader
from model.tasks import TARGETS, Task
from pipeline.shards.targets import read_targets

__all__ = ["answered", "with_targets"]


def answered(nights: Loader, shards: Path, task: Task, table: Path | str | None) -> Iterable[Batch]:
    """Return nights with the columns that answer a task, where a table of persons, or the set's index, has them.

    Raises
    ------
    SelectionError
        When the table does not fit.
    """
    if task.label != TARGETS:
        return nights
    values = read_targets(shards, nights.nights, task.classes, None if table is None else Path(table))
    return with_targets(nights, values)


def with_targets(batches: Iterable[Batch], values: NDArray[np.float64]) -> Iterator[Batch]:
    """Yield batches with the columns of their recordings as the label ``targets``, (B, n_column), float.

    Parameters
    ----------
    values : ndarray, shape (n_recording, n_column)
        Of all recordings of the split; NaN where nobody knows.
    """
    table = torch.from_numpy(values).float()
    for batch in batches:
        own = table[batch.recording.cpu()].to(batch.recording.device)
        yield replace(batch, labels={**batch.labels, TARGETS: own})

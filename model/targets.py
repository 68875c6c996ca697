"""Answers that are no part of the shards: columns of a table of persons go with the batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from model.batch import Batch
from model.tasks import TARGETS

__all__ = ["with_targets"]


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

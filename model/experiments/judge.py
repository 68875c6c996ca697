"""Rows of tables: what arms are worth over their seeds, and how two of them differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from model.experiments.compare import paired_difference
from model.experiments.subsets import Scores, Subset
from model.metrics import accuracy, bootstrap_interval, kappa, macro_f1, pooled
from schemas.errors import ModelError

__all__ = ["judged", "less"]


def judged(found: Sequence[Scores], subset: Subset, n_draw: int) -> dict[str, Any]:
    """Return κ with its interval over persons, accuracy and macro-F1 of a subset, over all seeds.

    Parameters
    ----------
    found : sequence of Scores
        One a seed.
    """
    counts = np.concatenate([scores.counts[subset] for scores in found])
    persons = [str(person) for scores in found for person in scores.subject]
    low, high = bootstrap_interval([counts], persons, pooled(kappa), n_draw=n_draw)
    whole = counts.sum(axis=0)
    facts = {"kappa": kappa(whole), "low": low, "high": high, "accuracy": accuracy(whole)}
    return facts | {"macro_f1": macro_f1(whole), "n_recording": int(counts.any(axis=(1, 2)).sum() / len(found))}


def less(
    a: Sequence[Scores], subset_a: Subset, b: Sequence[Scores], subset_b: Subset, n_draw: int
) -> dict[str, Any]:
    """Return κ of one arm less that of another on the same nights, with a paired interval.

    Raises
    ------
    ModelError
        When the arms answered other nights.
    """
    if any(scores.recording != a[0].recording for scores in (*a, *b)):
        raise ModelError("the arms answered other nights", do="Ask both about the same split.")
    one, other = (np.stack([s.counts[subset] for s in arm]) for arm, subset in ((a, subset_a), (b, subset_b)))
    found = paired_difference(one, other, a[0].subject, kappa, n_draw=n_draw)
    return {"difference": found.value, "difference_low": found.low, "difference_high": found.high}

"""Leave out of a night's annotations what its cohort knows to be wrong."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

import numpy as np

from schemas.hypnogram import Annotations, EventTable
from schemas.vocabulary import Scored

__all__ = ["without"]


def without(annotations: Annotations, parts: Set[str]) -> Annotations:
    """Return annotations without some of their parts.

    Parameters
    ----------
    parts : set of {"stages", "events"}
        Without stages nobody scored any epoch; without events no class of events was looked for, so that *lost*
        never reads as *none*.
    """
    if "stages" in parts:
        annotations = replace(annotations, hypnogram=None, other_scorers={})
    if "events" in parts:
        none = np.empty(0, np.float64)
        scored = dict.fromkeys(annotations.scored, Scored.NO)
        annotations = replace(annotations, events=EventTable(none, none, (), (), ()), scored=scored)
    return annotations

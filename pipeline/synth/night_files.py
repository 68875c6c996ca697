"""The files of one complete recording, to be broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.synth.sensors import Sensor

__all__ = ["PLANTED_NAMES", "NightFiles"]

# Names and words that must never reach a store, a ledger, a log or an error.
PLANTED_NAMES = ("Wilhelmina Quarzfeld", "wquarzfeld", "07-MAR-1951", "likes to sleep by the window")


@dataclass(frozen=True)
class NightFiles:
    """One recording on disk.

    Parameters
    ----------
    sensors : sequence of Sensor
        The EDF's signals in file order.
    rng : Generator
        This recording's stream for faults.
    """

    edf: Path
    xml: Path
    sensors: Sequence[Sensor]
    rng: np.random.Generator

    def signals(self, *prefixes: str) -> list[int]:
        """Return the indices of signals whose source begins with one of the prefixes, in file order."""
        return [i for i, sensor in enumerate(self.sensors) if sensor.spec.source.startswith(prefixes)]

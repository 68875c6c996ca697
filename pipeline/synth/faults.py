"""Broken files, each of a kind that real downloads have; a table says what a conversion should make of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["FAULTS", "Fault", "NightFiles"]


@dataclass(frozen=True)
class NightFiles:
    """The files of one complete recording, to be broken."""

    edf: Path
    xml: Path
    rng: np.random.Generator


@dataclass(frozen=True)
class Fault:
    """One kind of damage and what a conversion should make of it."""

    name: str
    apply: Callable[[NightFiles], None]
    outcome: str
    reason: str | None = None
    finding: str | None = None
    unlisted: bool = False


FAULTS: dict[str, Fault] = {}

"""Where a run's numbers go: a line a step in ``metrics.jsonl``, and TensorBoard where that is installed."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["Logbook"]

_NUMBERS = ("loss", "learning_rate", "gradient_norm", "wait_share")


class Logbook:
    """Write facts of steps into a run's folder, behind those that are there."""

    def __init__(self, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self._lines = (out / "metrics.jsonl").open("a", encoding="utf-8")
        self._board: Any = None
        if find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(out / "tensorboard"))

    def add(self, facts: dict[str, Any]) -> None:
        """Write a step; ``step`` is its number."""
        self._lines.write(json.dumps(facts) + "\n")
        self._lines.flush()
        if self._board is not None:
            for name in _NUMBERS:
                self._board.add_scalar(name, facts[name], facts["step"])

    def __enter__(self) -> Logbook:
        return self

    def __exit__(self, *error: object) -> None:
        self._lines.close()
        if self._board is not None:
            self._board.close()

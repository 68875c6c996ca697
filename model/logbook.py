"""Where a run's numbers go: a line a step in ``metrics.jsonl``, and TensorBoard where that is installed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["logbook"]

_NUMBERS = ("loss", "learning_rate", "gradient_norm", "wait_share")


@contextmanager
def logbook(out: Path) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Open a run's folder to write facts of steps behind those that are there; ``step`` is the number of each."""
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as files:
        lines = files.enter_context((out / "metrics.jsonl").open("a", buffering=1, encoding="utf-8"))
        board: Any = None
        if find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            board = files.enter_context(SummaryWriter(str(out / "tensorboard")))

        def add(facts: Mapping[str, Any]) -> None:
            lines.write(json.dumps(facts) + "\n")
            if board is not None:
                for name in _NUMBERS:
                    board.add_scalar(name, facts[name], facts["step"])

        yield add

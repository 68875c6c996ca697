"""A run's numbers: a line a step, and the same for TensorBoard where it is installed."""

from __future__ import annotations

import json
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

from model.logbook import Logbook

FACTS = {"pair": ["eeg", "ibi"], "loss": 2.5, "learning_rate": 1e-3, "gradient_norm": 0.5, "wait_share": 0.1}
NAMES = {"loss", "learning_rate", "gradient_norm", "wait_share"}


def _written(out: Path) -> None:
    for steps in ((0, 1), (2,)):  # the second time behind what is there
        with Logbook(out) as logbook:
            for step in steps:
                logbook.add(FACTS | {"step": step, "loss": 2.5 - step})


class _Writer:
    """Keeps what it is told, as TensorBoard's writer does."""

    told: list[tuple[str, str, float, int]] = []  # noqa: RUF012
    n_closed = 0

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.told.append((self._folder, name, value, step))

    def close(self) -> None:
        type(self).n_closed += 1


def test_numbers_go_to_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each number of each step under its name, in the run's folder; the writer is closed."""
    there, board = ModuleType("tensorboard"), ModuleType("torch.utils.tensorboard")
    there.__spec__, board.SummaryWriter = ModuleSpec("tensorboard", None), _Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorboard", there)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", board)
    _written(tmp_path)
    assert {folder for folder, *_ in _Writer.told} == {str(tmp_path / "tensorboard")}
    assert {(name, step) for _, name, _, step in _Writer.told} == {(n, s) for n in NAMES for s in range(3)}
    assert [(step, value) for _, name, value, step in _Writer.told if name == "loss"] == [
        (0, 2.5),
        (1, 1.5),
        (2, 0.5),
    ]
    assert _Writer.n_closed == 2


@pytest.mark.skipif(find_spec("tensorboard") is None, reason="TensorBoard is not installed")
def test_tensorboard_reads_what_was_written(tmp_path: Path) -> None:
    """Its own reader finds the losses of every step."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    _written(tmp_path)
    found = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert set(found.Tags()["scalars"]) == NAMES
    assert [(event.step, event.value) for event in found.Scalars("loss")] == [(0, 2.5), (1, 1.5), (2, 0.5)]


def test_without_tensorboard_there_are_lines_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line a step, behind those of before a stop."""
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    _written(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["loss"]) for line in lines] == [(0, 2.5), (1, 1.5), (2, 0.5)]
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]

"""A run's numbers: a line a step, and the same for TensorBoard where it is installed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from model.logbook import logbook

FACTS = {"pair": ["eeg", "ibi"], "loss": 2.5, "learning_rate": 1e-3, "gradient_norm": 0.5, "wait_share": 0.1}
NAMES = {"loss", "learning_rate", "gradient_norm", "wait_share"}


def _written(out: Path) -> None:
    for steps in ((0, 1), (2,)):  # the second time behind what is there
        with logbook(out) as write:
            for step in steps:
                write(FACTS | {"step": step, "loss": 2.5 - step})


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

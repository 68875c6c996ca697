"""The benchmark of a training step counts operations as the layers have them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import train_step
from benchmarks.gpu_steps import brought
from benchmarks.train_step import made_up, operations
from model.config import preset
from model.encoder import Sleep2Vec
from model.projection import Projection


@pytest.mark.parametrize("modality", ["eeg", "resp"])
def test_operations_are_those_that_torch_counts(modality: str) -> None:
    """One way there through network and head, counted by torch; [CLS] and its attention are a few percent more."""
    config = preset("tiny").model
    network, head = Sleep2Vec(config), Projection(config)
    batch = made_up((modality, "ibi"), config, 3, 40, "cpu")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        head(network(modality, batch.samples[modality], batch.valid[modality])[:, 1:], batch.valid[modality])
    assert counter.get_total_flops() == pytest.approx(operations(config, modality, 3, 40), rel=0.05)


def test_a_step_is_timed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The command gives a time, a rate and its share of a matrix product for every pair."""
    words = "train_step --config tiny --batch 4 --window 10 --steps 4 --json"
    monkeypatch.setattr("sys.argv", words.split())
    monkeypatch.setattr(train_step, "MATRIX", 512)
    train_step.main()
    found = json.loads(capsys.readouterr().out)
    for pair in train_step.PAIRS:
        figures = found["-".join(pair)]
        assert figures["share_of_matrix"] > 0
        assert figures["windows_a_second"] == pytest.approx(4 / (figures["step_ms"] / 1e3))


def test_figures_of_a_gpu_are_brought(tmp_path: Path) -> None:
    """What was measured elsewhere is taken as it is; nothing, a processor's or another batch's is refused."""
    with pytest.raises(FileNotFoundError, match="on a machine with a GPU"):
        brought(tmp_path, 64)
    path = tmp_path / "batch-64.json"
    whole = {"batch": 64, "device": "NVIDIA", "with_data": {}}
    path.write_text(json.dumps(whole))
    assert brought(tmp_path, 64) == whole
    for wrong in ({"device": "CPU"}, {"batch": 2}):
        path.write_text(json.dumps(whole | wrong))
        with pytest.raises(ValueError, match="saw"):
            brought(tmp_path, 64)

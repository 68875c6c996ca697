"""YASA beside the model: stages of recording stores, and the benchmark that stages a real excerpt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.staging import STAGES, agreement, real_night
from model.baseline_yasa import yasa_stages
from pipeline.api import open_recording
from pipeline.synth import synthesise
from schemas.errors import ModelError
from tests.command_line import in_process


def test_agreement_counts_what_both_answered() -> None:
    """Epochs that nobody scored, or that were not answered, do not count; classes that are not there have no F1."""
    truth = np.array([0, 1, 2, 2, -1, 4])
    answer = np.array([0, 2, 2, 2, 3, -1])
    found = agreement(truth, answer)
    assert (found["n_epoch"], found["accuracy"]) == (4, 0.75)
    assert found["f1"] == {"W": 1.0, "N1": 0.0, "N2": 0.8, "N3": None, "REM": None}


def test_yasa_stages_a_real_night(tmp_path: Path) -> None:
    """Three hours of Sleep-EDF, harmonised: probabilities of each epoch, far better than the commonest stage."""
    store = real_night(tmp_path)
    probability = yasa_stages(store)
    with open_recording(store) as ds:
        truth = ds["stage"].values
    assert probability.shape == (len(truth), len(STAGES))
    assert probability.sum(axis=1) == pytest.approx(1)
    assert agreement(truth, probability.argmax(axis=1))["kappa"] > 0.4


def test_what_yasa_cannot_stage_is_told(tmp_path: Path) -> None:
    """A recording of three minutes is too short."""
    synthesise(tmp_path / "in", recipe="synthetic", nights=1, hours=0.05, seed=1)
    done = in_process("convert", "synthetic", "--root", "in", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (store,) = (tmp_path / "out" / "synthetic").glob("*.zarr")
    with pytest.raises(ModelError, match="too short for YASA"):
        yasa_stages(store)

"""The study, small: every arm is trained and asked, every comparison is there, and it goes on after a kill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from benchmarks.evidence import Key, Progress, look_up
from benchmarks.study import Trial, study, study_settings
from benchmarks.study_analysis import BARS
from benchmarks.study_data import clock_kappa

SMALL: dict[str, Any] = {
    "data": {
        "seed": 5,
        "hours": 0.1,
        "test": 0.5,
        "workers": 1,
        "cohorts": {
            "synthetic": {"nights": 4, "confound": "site=age"},
            "shhs": {"nights": 2, "confound": None},
        },
        "left_out": ["shhs"],
    },
    "seeds": [1],
    "threads": 1,
    "n_draw": 20,
    "pretraining": {"batch": 4, "window": 8, "n_step": 2, "learning_rate": 1e-3},
    "fine_tuning": {"task": "stage5", "batch": 2, "n_step": 1, "learning_rate": 1e-3},
    "few_shot": {"persons": [1], "n_step": 1},
    "removed_in_order": ["eeg", "eog", "emg", "ecg", "airflow", "belt", "spo2", "ibi"],
}


def test_a_small_study_runs_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts, bars and intervals of an untrained study; a second run does nothing again."""
    path, key = tmp_path / "steps.json", Key("", {}, {})
    figures = study(Progress(path, key), SMALL, tmp_path)
    assert figures["data"]["persons"] == {"train": 2, "test": 2, "external": 2}
    assert figures["subsets"]["n"] == 511
    held = {bar.figure: bar.judge(figures)["holds"] for bar in BARS}
    assert held["subsets.n_failed"]
    assert held["gradient.homogeneous_deviation"]
    assert set(figures["removed"]) == {f"n{n}_{name}" for n, name in enumerate(SMALL["removed_in_order"], 1)}
    for name in ("few_shot.k1", "over_single_trained.eeg", "left_out.stages_kappa", "intervals.ibi_resp"):
        found = look_up(figures, name)
        assert found["value"] == pytest.approx(found["a"] - found["b"])
        assert found["low"] <= found["high"]
        assert found["by_seed"] == pytest.approx([found["value"]])
        assert found["n_person"] == 2
    monkeypatch.setattr(Trial, "steps", lambda self: dict.fromkeys(_steps(path, self.seed), None))
    assert json.dumps(study(Progress(path, key), SMALL, tmp_path)) == json.dumps(figures)


def _steps(path: Path, seed: int) -> list[str]:
    done = json.loads(path.read_text())["steps"]
    return [name.partition(": ")[2] for name in done if name.startswith(f"seed {seed}: ")]


def test_settings_have_what_the_small_study_has() -> None:
    """The committed settings name the same things, with at least three seeds and a cohort that is left out."""
    settings = study_settings()
    assert set(settings) == set(SMALL)
    assert set(settings["data"]) == set(SMALL["data"])
    assert len(settings["seeds"]) >= 3
    assert set(settings["data"]["left_out"]) < set(settings["data"]["cohorts"])


def test_who_knows_the_time_alone(tmp_path: Path) -> None:
    """Nights that go alike are told by the clock, to the epoch that differs; what nobody scored does not count."""
    night = np.array([0, 0, 1, 2, 2, 3, 4, -1], np.int8)
    other = np.array([0, 0, 1, 2, 2, 3, 0, 4], np.int8)
    for split, stages in (("train", [night, night, other]), ("test", [night, other[:7]])):
        lengths = [own.size for own in stages]
        arrays = {"stage": ("epoch", np.concatenate(stages)), "length": ("recording", lengths)}
        arrays["start"] = ("recording", np.cumsum([0, *lengths[:-1]]))
        xr.Dataset(arrays).to_zarr(tmp_path / f"{split}.zarr", consolidated=False)
    agreed, truth, guess = 13 / 14, [5, 2, 4, 2, 1], [4, 2, 4, 2, 2]
    chance = sum(a * b for a, b in zip(truth, guess, strict=True)) / 14**2
    assert clock_kappa(tmp_path) == pytest.approx((agreed - chance) / (1 - chance))

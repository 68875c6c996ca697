"""The study, small: every arm is trained and asked, every comparison is there, and it goes on after a kill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.evidence import Key, Progress, look_up
from benchmarks.study import Trial, study, study_settings
from benchmarks.study_analysis import BARS

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


@pytest.mark.parametrize("name", ["study", "study-longer"])
def test_settings_have_what_the_small_study_has(name: str) -> None:
    """The committed settings name the same things, with at least three seeds and a cohort that is left out."""
    settings = study_settings(name)
    assert set(settings) == set(SMALL)
    assert set(settings["data"]) == set(SMALL["data"])
    assert len(settings["seeds"]) >= 3
    assert set(settings["data"]["left_out"]) < set(settings["data"]["cohorts"])


def test_the_longer_study_differs_in_persons_seeds_and_length_alone() -> None:
    """No person's seed and no training seed is in both; everything but lengths is equal."""
    first, longer = study_settings("study"), study_settings("study-longer")
    assert first["data"].pop("seed") != longer["data"].pop("seed")
    assert not set(first.pop("seeds")) & set(longer.pop("seeds"))
    for part in ("fine_tuning", "few_shot"):
        assert first[part].pop("n_step") < longer[part].pop("n_step")
    assert first == longer

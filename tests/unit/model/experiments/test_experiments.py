"""Every experiment as one command on a small made-up set: a table, a figure, and numbers that can be."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from model.experiments.catalogue import EXPERIMENTS
from pipeline.shards.read import open_shards
from tests import command_line
from tests.made_set import MODALITIES, made_night, made_set

TINY: dict[str, Any] = {
    "values": {
        "optim.batch": 4,
        "optim.window": 10,
        "optim.n_step": 2,
        "model.width": 16,
        "model.token_width": 16,
        "model.ffn_width": 32,
        "model.n_layer": 1,
    },
    "n_step": 1,
    "batch": 2,
    "n_draw": 20,
}
SMALL: dict[str, dict[str, Any]] = {
    "any-subset": {"n_drawn": 3},
    "sensor-dropout": {"shares": [0.0, 0.5]},
    "leave-modality-out": {"is_retrained": True},
    "auc-by-number": {"n_each": 2},
    "left-out-cohort": {},
    "few-shot": {"persons": [1, 2]},
    "ablation": {"arms": {"no site": {"loss.site": None}, "even mix": {"fusion": "even"}}},
    "scaling": {"persons": [2, 4], "widths": [16, 32], "n_modality": [1, 4]},
    "retrieval": {"n_window": 6},
    "leakage": {},
    "maps": {"of": "epochs", "color": "night", "n_night": 2},
    "compute": {"n_step": 2, "batch": 2, "window": 10},
}
N_ROW = {
    "any-subset": 3,
    "sensor-dropout": 16,
    "leave-modality-out": 5,
    "auc-by-number": 4,
    "left-out-cohort": 4,
    "few-shot": 4,
    "ablation": 3,
    "scaling": 6,
    "retrieval": 12,
    "leakage": 6,
    "compute": 1,
}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight nights for training, four of other persons for the test and of another cohort each."""
    others = {
        split: [made_night(first + k, 40, MODALITIES) for k in range(4)]
        for split, first in (("test", 20), ("external", 30))
    }
    return made_set(tmp_path_factory.mktemp("set") / "set", **others)


def experiment(*arguments: object) -> subprocess.CompletedProcess[str]:
    return command_line.in_process("experiment", *arguments, cwd=Path("/"))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_is_one_command(name: str, shards: Path, tmp_path: Path) -> None:
    """CSV and JSON hold the same rows, intervals hold what they are of, and the figure is a picture."""
    config = tmp_path / "small.json"
    config.write_text(json.dumps(TINY | SMALL[name]))
    told = experiment(name, "--config", config, "--shards", shards, "--out", tmp_path / "out", "--device", "cpu")
    assert told.returncode == 0, told.stderr
    said = json.loads((tmp_path / "out" / "table.json").read_text())
    with (tmp_path / "out" / "table.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(said["rows"]) == N_ROW.get(name, len(rows)) > 0
    assert (tmp_path / "out" / "figure.png").read_bytes().startswith(b"\x89PNG")
    for row in said["rows"]:
        low, high = row.get("low"), row.get("high")
        assert low is None or high is None or low <= high
        if "difference" in row:
            assert row["difference_low"] <= row["difference_high"]
    assert said["data"]["terms"]
    assert said["settings"].keys() >= SMALL[name].keys() - {"n_draw"}


def test_diseases_by_the_number_of_modalities(shards: Path, tmp_path: Path) -> None:
    """Areas over the columns of a table; a column that nobody has both answers of does not count."""
    persons = [*range(8), *range(20, 24)]
    cells = [f"{person},{person % 2},yes" for person in persons]
    table = tmp_path / "persons.csv"
    names = {name for split in ("train", "test") for name in open_shards(shards, split).nights.subject}
    prefix = names.pop().partition("/")[0]
    table.write_text("\n".join(["subject,stroke,alive", *(f"{prefix}/{cell}" for cell in cells)]) + "\n")
    config = tmp_path / "small.json"
    wanted = {"task": "diseases", "columns": ["stroke", "alive"], "table": str(table), "n_each": 1}
    config.write_text(json.dumps(TINY | wanted))
    command = (
        "auc-by-number",
        "--config",
        config,
        "--shards",
        shards,
        "--out",
        tmp_path / "out",
        "--device",
        "cpu",
    )
    told = experiment(*command, "--json")
    assert told.returncode == 0, told.stderr
    rows = json.loads(told.stdout)["rows"]
    assert [row["n_modality"] for row in rows] == [1, 2, 3, 4]
    assert all(0 <= row["auroc"] <= 1 for row in rows)


def test_the_list_names_them_all() -> None:
    """Names with a line each; without a name the command says what it wants."""
    told = experiment("--list")
    assert [line.split()[0] for line in told.stdout.splitlines()] == list(EXPERIMENTS)
    assert json.loads(experiment("--list", "--json").stdout) == dict(EXPERIMENTS)
    assert experiment().returncode == 2


def test_a_second_call_trains_nothing(shards: Path, tmp_path: Path) -> None:
    """Networks of the first call are found again, and the table is the same."""
    config = tmp_path / "small.yaml"
    config.write_text(json.dumps(TINY))
    command = ("few-shot", "--config", config, "--shards", shards, "--out", tmp_path / "out", "--device", "cpu")
    tables = []
    for _ in range(2):
        assert experiment(*command, "--set", "persons=[1]").returncode == 0
        tables.append((tmp_path / "out" / "table.json").read_bytes())
        times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "runs").rglob("*.safetensors")}
    assert tables[0] == tables[1]
    assert len(times) == 3  # one pre-training, two arms


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nothing",), 2, "choose from any-subset"),
        (("any-subset", "--set", "n_darwn=3"), 2, "the experiment has no such setting: saw n_darwn"),
        (("any-subset", "--set", 'subsets=["ibi+eeg"]'), 2, "no such subset: saw ibi+eeg"),
        (("any-subset", "--set", "n_step"), 2, "--set takes NAME=VALUE"),
        (("auc-by-number", "--set", "task=age"), 2, "the task is no yes or no"),
    ],
)
def test_wrong_wishes(arguments: tuple[str, ...], code: int, words: str, shards: Path, tmp_path: Path) -> None:
    """Errors say what was wrong and what there is."""
    told = experiment(*arguments, "--shards", shards, "--out", tmp_path / "out", "--device", "cpu")
    assert told.returncode == code
    assert words in told.stderr

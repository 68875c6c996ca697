"""``sleep2vec shards`` as people call it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.command_line import in_process


def test_build_verify_pull(converted: Path, tmp_path: Path) -> None:
    """The three commands one after the other, with words and with JSON."""
    built = in_process(
        "shards", "build", converted, "--out", tmp_path / "set", "--modalities", "eeg", "spo2", cwd=tmp_path
    )
    assert built.returncode == 0, built.stderr
    assert "train: 10 nights of 8 persons" in built.stdout
    assert "100 %" in built.stderr
    again = in_process(
        "shards", "build", "--modalities", "spo2", "eeg", converted, "--out", "set", "--json", cwd=tmp_path
    )
    assert json.loads(again.stdout)["built"] is False
    assert in_process("shards", "verify", "set", cwd=tmp_path).returncode == 0
    pull = ("shards", "pull", tmp_path / "set", "--out", "part", "--split", "train", "val", "--modalities", "spo2")
    pulled = in_process(*pull, "--subset", 1, "--json", cwd=tmp_path)
    assert {name: facts["n_recording"] for name, facts in json.loads(pulled.stdout)["splits"].items()} == {
        "train": 1,
        "val": 1,
    }
    told = in_process("shards", "verify", "part", "--json", cwd=tmp_path)
    assert json.loads(told.stdout)["problems"] == []


def test_damage_ends_in_code_5(shards: Path, tmp_path: Path) -> None:
    """A damaged set is told in words, and by the exit code."""
    file = shards / "train.zarr/eeg/c/0/0"
    file.write_bytes(file.read_bytes()[:-1])
    done: Any = in_process("shards", "verify", shards, cwd=tmp_path)
    assert done.returncode == 5
    assert "S5 train.zarr/eeg/c/0/0: a file was cut" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("next:")


def test_a_typing_error_is_told(shards: Path, tmp_path: Path) -> None:
    """A word that is no modality is not taken for one."""
    done = in_process("shards", "pull", shards, "--out", "x", "--modalities", "eeg", "egg", cwd=tmp_path)
    assert done.returncode == 2
    assert "egg" in done.stderr

"""Pre-training by two processes, as people start it: the same run as by one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import environment, sleep2vec
from tests.made_set import made_set

pytestmark = pytest.mark.system

N_STEP = 4
OPTIONS = ("--config", "tiny", "--steps", N_STEP, "--device", "cpu", "--set", "optim.batch=5")
EXACT = ("--set", "model.mask_share=0.0", "--set", "model.dropout=0.0", "--set", "optim.log_every=1")


def _losses(run: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_two_processes_take_the_steps_of_one(tmp_path: Path) -> None:
    """Each reads its part of every batch; losses agree, one writes, and one process can go on with the run."""
    shards = made_set(tmp_path / "set")
    arguments = ["pretrain", "--shards", shards, *OPTIONS, *EXACT, "--set", "optim.window=10"]
    done = sleep2vec(*arguments, "--out", tmp_path / "one", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", 2, "--standalone"]
    launch = [*torchrun, "-m", "flows.cli", *arguments, "--out", tmp_path / "two"]
    result = subprocess.run(
        [*map(str, launch)],
        cwd=Path(__file__).parents[2],
        env=environment(GLOO_SOCKET_IFNAME="lo", OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("next: sleep2vec finetune") == 1
    assert _losses(tmp_path / "two") == pytest.approx(_losses(tmp_path / "one"), abs=1e-4)
    again = sleep2vec(*arguments, "--out", tmp_path / "two", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert len(_losses(tmp_path / "two")) == N_STEP

"""What needs Prefect's library but no server: settings, tags, deployments, commands; in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import environment, sleep2vec

ROOT = Path(__file__).parents[3]


def run(code: str, **more: str) -> str:
    """Return what a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(**more), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


TOLD = """\
import json, os, flows.orchestration
from flows.conversion import Conversion
from flows.deployments import nightly_deployment
from flows.flow_runs import _lives, process_tags
from prefect._internal.analytics.enabled import is_telemetry_enabled
from prefect.settings import get_current_settings as now

what = Conversion(manifest="synthetic", root="a folder", out="s3://bucket/out")
found = nightly_deployment("mine", what, check="all", shards="a set", evaluate="a run", cron="0 2 * * *")
mine = process_tags(os.getpid())
print(json.dumps({
    "client": is_telemetry_enabled(),
    "server": now().server.analytics_enabled,
    "patience_s": now().server.ephemeral.startup_timeout_seconds,
    "entrypoint": found.entrypoint,
    "parameters": found.parameters,
    "limit": [found.concurrency_limit, found.concurrency_options.collision_strategy],
    "cron": [schedule.schedule.cron for schedule in found.schedules],
    "lives": [_lives(mine), _lives([mine[0], mine[1] + "1"]), _lives([mine[0], "process:999999999-1"]), _lives([])],
}))
"""


@pytest.fixture(scope="module")
def told() -> dict[str, object]:
    """What one interpreter says of everything at once."""
    found: dict[str, object] = json.loads(run(TOLD, PREFECT_HOME=os.devnull))
    return found


def test_nothing_leaves_the_machine(told: dict[str, object]) -> None:
    """Telemetry is off unless the environment asks for it, and a slow start is no error."""
    assert (told["client"], told["server"], told["patience_s"]) == (False, False, 180)


def test_a_deployment_means_the_same_in_every_folder(told: dict[str, object]) -> None:
    """Paths are absolute, URLs and shipped names stay, the flow is found by its module."""
    assert told["entrypoint"] == "flows.nightly.nightly"
    assert told["parameters"] == {
        "conversion": {
            "manifest": "synthetic",
            "root": str(ROOT / "a folder"),
            "out": "s3://bucket/out",
            "workers": 1,
            "dask": None,
            "timeout_s": None,
            "only": None,
            "batch_size": 100,
        },
        "check": "all",
        "shards": str(ROOT / "a set"),
        "evaluate": str(ROOT / "a run"),
    }
    assert told["cron"] == ["0 2 * * *"]


def test_one_run_at_a_time(told: dict[str, object]) -> None:
    """A run that is due while another goes on waits."""
    assert told["limit"] == [1, "ENQUEUE"]


def test_a_process_is_told_from_later_ones(told: dict[str, object]) -> None:
    """The same number begun at another time is another process; no tag is no evidence of death."""
    assert told["lives"] == [True, False, False, True]


@pytest.mark.parametrize("command", ["serve", "deploy"])
def test_schedules_need_a_server(command: str, tmp_path: Path) -> None:
    """Without a server that stays the command says how to start one."""
    done = sleep2vec(command, "synthetic", "--root", "a", "--out", "b", cwd=tmp_path, PREFECT_HOME=str(tmp_path))
    assert done.returncode == 2
    assert "prefect server start" in done.stderr


@pytest.mark.parametrize("command", ["nightly", "serve"])
def test_a_model_is_evaluated_on_shards(command: str, tmp_path: Path) -> None:
    """A checkpoint without a set to evaluate it on is an error of use, told before anything starts."""
    arguments = (command, "synthetic", "--root", "a", "--out", "b", "--evaluate", "run")
    done = sleep2vec(*arguments, cwd=tmp_path, PREFECT_HOME=str(tmp_path))
    assert done.returncode == 2
    assert "--evaluate needs --shards" in done.stderr


def test_converting_needs_no_prefect() -> None:
    """What carries out a conversion in batches has not loaded Prefect."""
    code = "import sys, flows.conversion, flows.commands.convert, flows.reporting; print('prefect' in sys.modules)"
    assert run(code) == "False\n"

"""The nightly flow on a real Prefect server on loopback: what it does, and what a kill leaves."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.aftermath import unsettled
from tests.command_line import sleep2vec
from tests.e2e.flow_campaign import COHORT, kill_and_finish, many_nights, stores
from tests.postgresql import postgresql
from tests.prefect_server import Server, command, end, prefect_server, wait_for

pytestmark = pytest.mark.system


def served(server: Server, folder: Path, name: str = "served") -> AbstractContextManager[subprocess.Popen[bytes]]:
    """Return the context of a nightly deployment that is being served, without a schedule of its own."""
    arguments = ("serve", COHORT, "--root", folder / "dl", "--out", folder / "out", "--name", name)
    return command(server, folder, *arguments)


def written(server: Server) -> list[int]:
    """Return how many stores each run wrote, from the tables that a person sees."""
    rows = [row for table in server.tables(f"convert-{COHORT}") for row in table]
    return [row["n"] for row in rows if row["recordings"] == "written by this run"]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_second_night_converts_exactly_the_new_ones(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A served deployment, triggered twice: the second time, what has arrived since is done and nothing else."""
    many_nights(tmp_path / "dl", 5)
    arrived = sorted((tmp_path / "dl").rglob("*-0004*")) + sorted((tmp_path / "dl").rglob("*-0005*"))
    for path in arrived:
        path.rename(path.with_name(f"{path.name}.later"))
    if database == "sqlite":
        _two_nights(request.getfixturevalue("server"), tmp_path, arrived)
    else:
        with postgresql() as url, prefect_server(tmp_path / "home", url) as server:
            _two_nights(server, tmp_path, arrived)


def _two_nights(server: Server, folder: Path, arrived: list[Path]) -> None:
    n_before = len(written(server))
    with served(server, folder):
        wait_for(lambda: server.has_deployment("served"))
        assert server.ended(server.trigger("served"))["type"] == "COMPLETED"
        first = stores(folder / "out")
        assert len(first) == 3
        for path in arrived:
            path.with_name(f"{path.name}.later").rename(path)
        assert server.ended(server.trigger("served"))["type"] == "COMPLETED"
    second = stores(folder / "out")
    assert len(second) == 5
    assert {key: second[key] for key in first} == first
    assert written(server)[n_before:] == [3, 2]
    assert len(list((folder / "out" / ".ledger" / "segments").iterdir())) == 2


def test_a_failed_recording_is_told_with_its_reason(server: Server, tmp_path: Path) -> None:
    """The flow ends well, the command says 3, and the table of failures names reason and next command."""
    many_nights(tmp_path / "dl", 2)
    broken = next((tmp_path / "dl").rglob("*-0001.edf"))
    broken.unlink()
    broken.write_bytes(b"no EDF")
    arguments = ("nightly", COHORT, "--root", tmp_path / "dl", "--out", tmp_path / "out")
    with command(server, tmp_path, *arguments) as run:
        assert run.wait(120) == 3
    (failure,) = server.tables(f"failures-{COHORT}")[-1]
    assert (failure["reason"], failure["n"]) == ("edf_corrupt", 1)
    assert failure["next command"].startswith("sleep2vec ")
    assert server.runs("nightly")[-1]["state"]["type"] == "COMPLETED"


def test_the_night_ends_with_an_evaluation(server: Server, tmp_path: Path) -> None:
    """A model made from last night's shards is evaluated on tonight's, and its measures are a table of the page."""
    many_nights(tmp_path / "dl", 10)
    arguments = (
        "nightly",
        COHORT,
        "--root",
        tmp_path / "dl",
        "--out",
        tmp_path / "out",
        "--shards",
        tmp_path / "set",
    )
    with command(server, tmp_path, *arguments) as run:
        assert run.wait(300) == 0
    head = ("--task", "stage3", "--shards", tmp_path / "set", "--out", tmp_path / "head", "--steps", 1)
    done = sleep2vec("finetune", *head, "--modalities", "spo2", "ibi", "--device", "cpu", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with command(server, tmp_path, *arguments, "--evaluate", tmp_path / "head") as run:
        assert run.wait(300) == 0
    rows = {row["measure"]: row["value"] for row in server.tables("evaluation")[-1]}
    assert rows["task"] == "stage3"
    assert rows["n_recordings"] >= 1
    assert 0 <= rows["accuracy"] <= 1


def test_a_second_run_on_one_output_is_refused(server: Server, tmp_path: Path) -> None:
    """While one run goes on another ends as failed, and says who holds the output; the first is not disturbed."""
    many_nights(tmp_path / "dl", 12)
    arguments = ("nightly", COHORT, "--root", tmp_path / "dl", "--out", tmp_path / "out")
    with command(server, tmp_path, *arguments) as first:
        wait_for(lambda: stores(tmp_path / "out"))
        os.killpg(first.pid, signal.SIGSTOP)
        with command(server, tmp_path, *arguments, log="second.log") as second:
            assert second.wait(120) == 2
        os.killpg(first.pid, signal.SIGCONT)
        assert first.wait(120) == 0
    states = [run["state"] for run in server.runs("nightly")[-2:]]
    assert [state["type"] for state in states] == ["COMPLETED", "FAILED"]
    assert f"another run is writing here: saw process {first.pid}" in states[1]["message"]


def test_a_disk_that_refuses_is_asked_again(server: Server, tmp_path: Path) -> None:
    """A fault of storage ends an attempt, not the run: the next attempt does what is missing."""
    many_nights(tmp_path / "dl", 2)
    blocked = tmp_path / "out"
    blocked.write_text("a file where the folder should be")
    arguments = ("nightly", COHORT, "--root", tmp_path / "dl", "--out", blocked)
    with command(server, tmp_path, *arguments) as run:
        wait_for(lambda: "Retry 1/3" in (tmp_path / "command.log").read_text())
        blocked.unlink()
        assert run.wait(120) == 0
    assert len(stores(blocked)) == 2


def test_runs_of_a_dead_machine_are_swept_and_do_not_block(server: Server, tmp_path: Path) -> None:
    """All processes are killed at once: the next service reports the run as crashed, and it blocks nothing."""
    many_nights(tmp_path / "dl", 12)
    with served(server, tmp_path, "swept") as service:
        wait_for(lambda: server.has_deployment("swept"))
        dead = server.trigger("swept")
        wait_for(lambda: stores(tmp_path / "out"))
        end(service)
    assert server.state(dead)["type"] == "RUNNING"
    with served(server, tmp_path, "swept"):
        assert server.ended(dead, 60)["type"] == "CRASHED"
        assert server.ended(server.trigger("swept"))["type"] == "COMPLETED"
    assert len(stores(tmp_path / "out")) == 12


def test_a_kill_of_the_flow_leaves_nothing_to_repair(server: Server, tmp_path: Path) -> None:
    """A random moment: the next run does the rest and only that; no run stays running. More: docs/evidence."""
    found = kill_and_finish(server, many_nights(tmp_path / "dl", 8), 8, tmp_path / "out", "flow", 11)
    assert found.is_right, found
    assert found.n_finished < 8
    assert {run["state"]["type"] for run in server.runs("nightly")} <= {"COMPLETED", "FAILED", "CRASHED"}


def test_a_server_that_comes_back_is_not_missed(server: Server, tmp_path: Path) -> None:
    """The server is killed and started again during a conversion: the run ends as if nothing had been."""
    many_nights(tmp_path / "dl", 8)
    arguments = ("nightly", COHORT, "--root", tmp_path / "dl", "--out", tmp_path / "out", "--batch-size", 2)
    with command(server, tmp_path, *arguments) as run:
        wait_for(lambda: stores(tmp_path / "out"))
        server.stop()
        server.start()
        assert run.wait(180) == 0
    assert server.runs("nightly")[-1]["state"]["type"] == "COMPLETED"
    assert unsettled(tmp_path / "out", 8) == ()

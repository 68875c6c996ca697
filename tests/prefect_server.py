"""A Prefect server of a test's own on loopback, and its REST interface, without Prefect in the test's process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.command_line import COMMAND, environment

START_S = 180.0  # a fresh database takes half a minute on an idle machine
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def free_port() -> int:
    """Return a port of loopback on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: Callable[[], Any], seconds: float = 120.0) -> Any:
    """Return the first answer that is true."""
    deadline_s = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline_s, f"waited {seconds:g} s in vain"
        time.sleep(0.1)
    return found


@dataclass
class Server:
    """A server process, and what commands need in their environment to find it."""

    home: Path
    port: int
    database: str | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        database = {"PREFECT_API_DATABASE_CONNECTION_URL": self.database} if self.database else {}
        return {
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_URL": f"{self.url}/api",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "NO_PROXY": "127.0.0.1",
            "PREFECT_RUNNER_POLL_FREQUENCY": "1",  # seconds; a service looks for runs every 10 without
            **database,
        }

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "prefect", "server", "start", "--port", str(self.port)],
                env=environment(**self.settings),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_for(self._answers, START_S)

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it and all its processes."""
        if self.process is not None:
            end(self.process, how)
            self.process = None

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.home / "server.log").read_text()
        try:
            return bool(self.get("/health"))
        except (urllib.error.URLError, ConnectionError):
            return False

    def get(self, path: str) -> Any:
        """Return what a GET of the interface answers."""
        with urllib.request.urlopen(f"{self.url}/api{path}", timeout=30) as answer:
            return json.load(answer)

    def post(self, path: str, **body: Any) -> Any:
        """Return what a POST of the interface answers."""
        request = urllib.request.Request(
            f"{self.url}/api{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def has_deployment(self, name: str) -> bool:
        """Whether the nightly flow is deployed under this name."""
        try:
            return bool(self.get(f"/deployments/name/nightly/{name}"))
        except urllib.error.HTTPError:
            return False

    def trigger(self, deployment: str) -> str:
        """Ask for a run of a deployment, and return the run's id."""
        found = self.get(f"/deployments/name/nightly/{deployment}")
        return str(self.post(f"/deployments/{found['id']}/create_flow_run", state={"type": "SCHEDULED"})["id"])

    def state(self, run: str) -> dict[str, Any]:
        """Return a flow run's state."""
        state: dict[str, Any] = self.get(f"/flow_runs/{run}")["state"]
        return state

    def ended(self, run: str, seconds: float = 120.0) -> dict[str, Any]:
        """Wait for the end of a flow run, and return its state."""
        wait_for(lambda: self.state(run)["type"] in ENDED, seconds)
        return self.state(run)

    def runs(self, name: str) -> list[dict[str, Any]]:
        """Return all runs of a flow that are not merely due, the first begun first."""
        found: list[dict[str, Any]] = self.post(
            "/flow_runs/filter",
            sort="START_TIME_ASC",
            flows={"name": {"any_": [name]}},
            flow_runs={"state": {"type": {"not_any_": ["SCHEDULED"]}}},
        )
        return found

    def artifacts(self, key: str) -> list[dict[str, Any]]:
        """Return the artifacts of a key, the first made first."""
        found = self.post("/artifacts/filter", artifacts={"key": {"any_": [key]}}, sort="CREATED_DESC")
        return list(reversed(found))

    def tables(self, key: str) -> list[list[dict[str, Any]]]:
        """Return the tables of a key, the first made first."""
        return [json.loads(artifact["data"]) for artifact in self.artifacts(key)]


@contextmanager
def prefect_server(home: Path, database: str | None = None) -> Iterator[Server]:
    """Yield a server that answers; it ends afterwards."""
    server = Server(home, free_port(), database)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def command(
    server: Server, cwd: Path, *arguments: object, log: str = "command.log"
) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a running command of ours, a group of processes of its own; all of them are gone afterwards."""
    with (cwd / log).open("ab") as stream:
        process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=cwd,
            env=environment(**server.settings),
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGKILL) -> None:
    """End a process and all that it started, and wait for it."""
    groups = [process.pid, *_groups_below(process.pid)]
    for group in groups:
        try:
            os.killpg(group, how)
        except ProcessLookupError:
            continue
    process.wait(30)


def _groups_below(pid: int) -> Sequence[int]:
    """Return the groups of all processes that this one started, directly or not."""
    parents: dict[int, tuple[int, int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, parent, group, *_ = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = (int(parent), int(group))
    below, found = {pid}, set[int]()
    while grown := {child for child, (parent, _) in parents.items() if parent in below} - below:
        below |= grown
        found |= {parents[child][1] for child in grown}
    return sorted(found - {pid, os.getpgid(0)})

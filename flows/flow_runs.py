"""Flow runs whose process is gone: Prefect would show them as running for ever.

Every run of ours writes host and process on itself as tags. Whoever comes next on that host looks whether the
process still lives, and reports the run as crashed where it does not. A run on another host is left alone.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from flows.orchestration import (
    Crashed,
    FlowRunContext,
    FlowRunFilter,
    StateType,
    SyncPrefectClient,
    get_client,
    get_run_logger,
)

__all__ = ["claim", "process_tags", "sweep"]

_PROCESS = "process:"


def claim() -> None:
    """Write on the flow run in which this is called that this process does it; report dead ones as crashed."""
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    with get_client(sync_client=True) as client:
        n_dead = sweep(client)
        client.update_flow_run(context.flow_run.id, tags=[*context.flow_run.tags, *process_tags(os.getpid())])
    if n_dead:
        get_run_logger().warning("%d flow runs were shown as running whose process is gone", n_dead)


def sweep(client: SyncPrefectClient) -> int:
    """Report the runs of this host as crashed whose process is gone; return how many."""
    stuck = FlowRunFilter.model_validate(
        {
            "state": {"type": {"any_": [StateType.RUNNING, StateType.CANCELLING]}},
            "tags": {"all_": [_host_tag()]},
        }
    )
    dead = [run for run in client.read_flow_runs(flow_run_filter=stuck) if not _lives(run.tags)]
    for run in dead:
        client.set_flow_run_state(run.id, Crashed(message="Its process is gone; run it again."), force=True)
    return len(dead)


def process_tags(pid: int) -> list[str]:
    """Return what tells a process from all others, later ones of the same number included."""
    started = _started(pid)
    return [_host_tag(), f"{_PROCESS}{pid}-{started}"] if started else []


def _host_tag() -> str:
    return f"host:{socket.gethostname()}"


def _lives(tags: list[str]) -> bool:
    """Whether the process that these tags name runs on this host; tags that name none are given the doubt."""
    names = [tag.removeprefix(_PROCESS) for tag in tags if tag.startswith(_PROCESS)]
    return not names or any(_started(int(name.split("-")[0])) == name.split("-")[1] for name in names)


def _started(pid: int) -> str | None:
    """Return when a process began, in the kernel's ticks since the machine's start; none where it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else fields[18]  # proc(5): field 22, and the first after the name is field 3

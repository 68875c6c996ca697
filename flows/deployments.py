"""The nightly flow as a deployment: when it runs, with what, and never twice at once."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from flows.conversion import Conversion
from flows.flow_runs import sweep
from flows.nightly import nightly
from flows.orchestration import (
    ConcurrencyLimitConfig,
    ConcurrencyLimitStrategy,
    EntrypointType,
    ObjectNotFound,
    RunnerDeployment,
    WorkPoolCreate,
    get_client,
    serve,
)
from flows.settings import SETTINGS

__all__ = ["absolute", "deploy", "nightly_deployment", "serve_nightly"]

_ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)


def absolute(conversion: Conversion) -> Conversion:
    """Return the conversion with paths that mean the same in every folder; URLs and shipped names stay."""
    manifest = conversion.manifest
    return conversion.model_copy(
        update={
            "manifest": str(Path(manifest).resolve()) if Path(manifest).is_file() else manifest,
            "root": _absolute(conversion.root),
            "out": _absolute(conversion.out),
        }
    )


def _absolute(place: str) -> str:
    return place if "://" in place else str(Path(place).resolve())


def nightly_deployment(
    name: str,
    conversion: Conversion,
    *,
    check: Literal["new", "all"] = "new",
    shards: str | None = None,
    evaluate: str | None = None,
    cron: str | None = None,
    interval_s: float | None = None,
) -> RunnerDeployment:
    """Return the deployment ``nightly/NAME``; a run waits while another of the same deployment goes on.

    Parameters
    ----------
    cron : str, optional
        Five fields, UTC.
    interval_s : float, optional
        Seconds between the beginnings of two runs.
    """
    return RunnerDeployment.from_flow(
        nightly,
        name,
        cron=cron,
        interval=interval_s,
        parameters={
            "conversion": absolute(conversion).model_dump(),
            "check": check,
            "shards": _absolute(shards) if shards else None,
            "evaluate": _absolute(evaluate) if evaluate else None,
        },
        concurrency_limit=_ONE_AT_A_TIME,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def serve_nightly(deployment: RunnerDeployment) -> None:
    """Register the deployment and do its runs in processes of this machine, one at a time, until interrupted."""
    with get_client(sync_client=True) as client:
        sweep(client)
    serve(deployment, limit=1)


def deploy(deployment: RunnerDeployment, pool: str) -> None:
    """Register the deployment for the workers of a pool; a pool that is not there is made, of local processes."""
    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(pool)
        except ObjectNotFound:
            client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
    deployment.job_variables = {"env": SETTINGS}
    deployment.apply(work_pool_name=pool)

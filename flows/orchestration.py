"""The only door to Prefect: what is imported from here is quiet and patient, unless the environment says otherwise.

Settings are read when Prefect is imported, so they must stand before it; a server that is started by hand needs the
first two in its own environment (docs/operate.md).
"""

from __future__ import annotations

import os

os.environ.setdefault("DO_NOT_TRACK", "1")  # the client sends nothing
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")  # neither does a server that it starts
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")  # Prefect's 20 s are too few

from prefect import flow, get_run_logger, serve, task
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, StateType
from prefect.context import FlowRunContext
from prefect.deployments.runner import EntrypointType, RunnerDeployment
from prefect.states import Crashed

__all__ = [
    "ConcurrencyLimitConfig",
    "ConcurrencyLimitStrategy",
    "Crashed",
    "EntrypointType",
    "FlowRunContext",
    "FlowRunFilter",
    "RunnerDeployment",
    "StateType",
    "SyncPrefectClient",
    "create_progress_artifact",
    "create_table_artifact",
    "flow",
    "get_client",
    "get_run_logger",
    "serve",
    "task",
    "update_progress_artifact",
]

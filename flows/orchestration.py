"""The only door to Prefect: what is imported from here is quiet and patient, unless the environment says otherwise.

Settings are read when Prefect is imported, so they must stand before it; a server that is started by hand needs the
first two in its own environment (docs/operate.md).
"""

from __future__ import annotations

import os

from flows.settings import SETTINGS

os.environ.update({**SETTINGS, **os.environ})

from prefect import flow, get_run_logger, serve, task
from prefect.artifacts import (
    create_link_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, StateType
from prefect.context import FlowRunContext
from prefect.deployments.runner import EntrypointType, RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.states import Crashed

__all__ = [
    "ConcurrencyLimitConfig",
    "ConcurrencyLimitStrategy",
    "Crashed",
    "EntrypointType",
    "FlowRunContext",
    "FlowRunFilter",
    "ObjectNotFound",
    "RunnerDeployment",
    "StateType",
    "SyncPrefectClient",
    "WorkPoolCreate",
    "create_link_artifact",
    "create_progress_artifact",
    "create_table_artifact",
    "flow",
    "get_client",
    "get_current_settings",
    "get_run_logger",
    "serve",
    "task",
    "update_progress_artifact",
]

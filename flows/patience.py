"""Tasks that are tried again when a disk or a bucket refuses, and for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flows.orchestration import task
from schemas.errors import StorageError

__all__ = ["patient_task"]

_WAITS_S = [10.0, 60.0, 300.0]  # before a disk that refused the whole work is asked again


def patient_task(name: str) -> Callable[[Callable[..., Any]], Any]:
    """Return the decorator of such a task."""
    return task(
        name=name,
        retries=len(_WAITS_S),
        retry_delay_seconds=_WAITS_S,
        retry_condition_fn=_is_storage_fault,
    )


def _is_storage_fault(task: Any, task_run: Any, state: Any) -> bool:
    return isinstance(state.result(raise_on_failure=False), StorageError)

"""Whether there is a Prefect server to speak to."""

from __future__ import annotations

import time

from flows.orchestration import get_client, get_current_settings

__all__ = ["server_answers", "server_url"]

_LOOK_S = 1.0


def server_url() -> str | None:
    """Return the server that the settings name; without one, Prefect starts a temporary one for every run."""
    return get_current_settings().api.url


def server_answers(patience_s: float = 60.0) -> bool:
    """Whether the server answers, after waiting for one that is just being started.

    Parameters
    ----------
    patience_s : float
        A server needs half a minute to come up.
    """
    deadline_s = time.monotonic() + patience_s
    with get_client(sync_client=True) as client:
        while client.api_healthcheck() is not None:
            if time.monotonic() > deadline_s:
                return False
            time.sleep(_LOOK_S)
    return True

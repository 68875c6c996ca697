"""What Prefect is told before it is imported, unless the environment says otherwise."""

from __future__ import annotations

__all__ = ["SETTINGS"]

SETTINGS = {
    "DO_NOT_TRACK": "1",  # the client sends nothing
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",  # neither does a server that it starts
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",  # Prefect's 20 s are too few
}

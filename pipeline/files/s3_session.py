"""Requests to an object store that end in any case.

The libraries' read time-out begins when a request has been sent. Where the store stops taking its body, or does not
say that it may come (``100 Continue``), they would wait for ever, and so would a run. Here the whole request has a
limit.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiobotocore.httpsession import AIOHTTPSession, ReadTimeoutError  # type: ignore[import-untyped]

__all__ = ["LimitedSession"]

_N_SILENCE = 10  # read time-outs that a request may take without its body, the wait for a free connection included
_SLOWEST_BYTE_S = 100_000  # bytes a second that a body is sent with at least


class LimitedSession(AIOHTTPSession):  # type: ignore[misc]
    """A session whose requests are answered in time or given up, as those that get no answer are."""

    async def send(self, request: Any) -> Any:
        """Send one request.

        Raises
        ------
        ReadTimeoutError
            After `_N_SILENCE` read time-outs, and the time that its body takes over a slow line.
        """
        n_byte = int(request.headers.get("Content-Length", 0))
        try:
            async with asyncio.timeout(_N_SILENCE * self._timeout.sock_read + n_byte / _SLOWEST_BYTE_S):
                return await super().send(request)
        except TimeoutError as error:
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error

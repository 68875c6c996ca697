"""Where the log of a run goes: JSON lines to a file, plain lines to the terminal.

What is logged are counts, keys, reasons and times (`pipeline.batch.books`): no text from a source, no path.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["log_to"]

_NAME = "sleep2vec"


@contextmanager
def log_to(path: Path | None, *, verbose: bool) -> Iterator[None]:
    """Send the log of what happens inside the block to a file, and to the terminal when ``verbose``.

    Parameters
    ----------
    path : Path or None
        One JSON object a line is added: ``time``, ``level``, ``event`` and what belongs to the event.
    """
    handlers = [_handler(logging.StreamHandler(), _Plain())] if verbose else []
    if path is not None:
        handlers.append(_handler(logging.FileHandler(path, encoding="utf-8"), _Json()))
    log = logging.getLogger(_NAME)
    before = log.level
    log.setLevel(logging.INFO if handlers else before)
    for handler in handlers:
        log.addHandler(handler)
    try:
        yield
    finally:
        log.setLevel(before)
        for handler in handlers:
            log.removeHandler(handler)
            handler.close()


def _handler(handler: logging.Handler, formatter: logging.Formatter) -> logging.Handler:
    handler.setFormatter(formatter)
    return handler


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        head = {"time": when, "level": record.levelname.lower(), "event": record.getMessage()}
        return json.dumps(head | getattr(record, "facts", {}))


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        facts = " ".join(f"{name}={value}" for name, value in getattr(record, "facts", {}).items() if value)
        return f"{when} {record.getMessage()} {facts}"

"""One run at a time writes to an output folder.

The lock is the kernel's (``flock``): it goes with its process, however that ends, so a lock is never stale.
The file's text only tells the next one who holds it. Works between hosts where the file system says so.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from schemas.errors import OutputBusy, StorageError

__all__ = ["LEDGER_FOLDER", "hold"]

LEDGER_FOLDER = ".ledger"  # below the output folder; work state, never data
_NAME = "lock"


@contextmanager
def hold(out: Path) -> Iterator[None]:
    """Hold the output folder for this process.

    Raises
    ------
    OutputBusy
        When another process holds it; says which, where and since when.
    StorageError
        When the folder cannot be made, or its file system has no locks.
    """
    try:
        folder = out / LEDGER_FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StorageError("the output folder cannot be used", saw=os.strerror(error.errno or 0)) from None
    try:
        _acquire(handle)
        _write_holder(handle)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutputBusy(
            "another run is writing here",
            saw=_holder(handle),
            why="Two runs would write the same stores.",
            do="Wait for it, stop it, or choose another --out.",
        ) from None
    except OSError as error:
        raise StorageError(
            "the output folder's file system has no locks",
            saw=os.strerror(error.errno or 0),
            do="Choose an --out on a file system that has them.",
        ) from None


def _holder(handle: int) -> str:
    try:
        holder = json.loads(os.pread(handle, 4096, 0))
        return f"process {holder['pid']} on {holder['host']}, since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "a process that has not said who it is"


def _write_holder(handle: int) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    text = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since})
    os.ftruncate(handle, 0)
    os.pwrite(handle, text.encode(), 0)

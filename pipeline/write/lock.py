"""One run at a time writes to an output folder.

On a disk the lock is the kernel's (``flock``): it goes with its process, however that ends, so a lock is never
stale. The file's text only tells the next one who holds it. Works between hosts where the file system says so.
Object stores, and file systems without locks, have a lease instead: `pipeline.write.lease`.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipeline.files.places import is_remote, storage_errors
from pipeline.write.lease import lease
from schemas.errors import OutputBusy

__all__ = ["LEDGER_FOLDER", "hold"]

LEDGER_FOLDER = ".ledger"  # below the output folder; work state, never data
_NAME = "lock"


_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL}


@contextmanager
def hold(out: Path) -> Iterator[Callable[[], None]]:
    """Hold the output for this process.

    Yields
    ------
    callable
        To be called before anything visible is written: raises OutputBusy when the output was lost to another run.

    Raises
    ------
    OutputBusy
        When another process holds it; says which, where and since when.
    StorageError
        When the output cannot be written to.
    """
    folder = out / LEDGER_FOLDER
    if is_remote(out):
        with lease(folder) as held:
            yield held.check
        return
    with storage_errors("the output folder cannot be used"):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if _acquire(handle):
            _write_holder(handle)
            yield _held_for_good
            return
        with lease(folder) as held:
            yield held.check
    finally:
        os.close(handle)


def _held_for_good() -> None:
    """Nobody takes the kernel's lock away."""


def _acquire(handle: int) -> bool:
    """Lock, or return False where the file system has no locks."""
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
        if error.errno in _NO_LOCKS:
            return False
        with storage_errors("the output folder cannot be locked"):
            raise
    return True


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

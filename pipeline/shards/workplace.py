"""Where a set is made before it has its name: one folder beside it, for one process."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.files.places import storage_errors
from pipeline.shards.documents import read_set
from pipeline.shards.sources import Folder
from schemas.errors import OutputBusy, StoreError
from schemas.shard import SET
from schemas.store import PART

__all__ = ["clear", "set_at", "workplace"]


@contextmanager
def workplace(target: Path) -> Iterator[Path]:
    """Give the folder beside the target to this process alone; what a killed run left is still in it.

    Raises
    ------
    OutputBusy
        When another process has it.
    StorageError
        When the disk refuses.
    """
    work = target.with_name(f"{target.name}{PART}")
    with storage_errors("the set cannot be made here", where=target.name):
        work.mkdir(parents=True, exist_ok=True)
        handle = os.open(work, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputBusy("another run is making this set", where=target.name, do="Let it finish.") from None
        with storage_errors("the set cannot be made here", where=target.name):
            yield work
    finally:
        os.close(handle)


def clear(folder: Path) -> None:
    """Empty a folder."""
    for left in folder.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def set_at(target: Path) -> dict[str, Any] | None:
    """Return what the set at the target says of itself; None where there is none, or one that cannot be read.

    Raises
    ------
    OutputBusy
        When something else lies there: it would be replaced.
    """
    if not target.exists():
        return None
    if not (target / SET).is_file() and any(target.iterdir()):
        raise OutputBusy(
            "something else lies here", where=target.name, do="Name a new folder: it would be replaced as a whole."
        )
    try:
        return read_set(Folder(target), target.name)
    except StoreError:
        return None

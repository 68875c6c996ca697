"""Give finished stores their names, take names away, and clear up what dead runs left.

Only the holder of the output's lock may call what is here. Design: docs/adr/0005-work-and-ledger.md.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from pathlib import Path

from pipeline.places import storage_errors
from schemas.store import PART

__all__ = ["publish", "remove_leftovers", "temporary_name", "withdraw"]

_LEFTOVER = re.compile(rf".+\.zarr{re.escape(PART)}-[0-9a-f]+")


def temporary_name(final: Path) -> Path:
    """Return a new name beside ``final``, with `PART` in it; nothing is made."""
    return final.with_name(f"{final.name}{PART}-{uuid.uuid4().hex[:12]}")


def publish(temporary: Path, final: Path) -> None:
    """Make a finished store durable, then give it its name; a store of that name is replaced.

    A kill at any moment leaves a whole store or none under ``final``; whatever else remains has `PART` in
    its name.

    Raises
    ------
    StorageError
        When the disk refuses.
    """
    with storage_errors("the store cannot be published"):
        for folder, _, files in os.walk(temporary):
            for name in files:
                _sync(Path(folder, name))
            _sync(Path(folder))
        aside = temporary_name(final)
        replaces = final.exists()
        if replaces:
            final.rename(aside)
        temporary.rename(final)
        _sync(final.parent)
        if replaces:
            shutil.rmtree(aside)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def withdraw(store: Path) -> None:
    """Remove a published store, in one step for any reader; nothing happens where there is none."""
    if store.exists():
        aside = temporary_name(store)
        store.rename(aside)
        shutil.rmtree(aside)


def remove_leftovers(out: Path) -> int:
    """Remove unfinished stores; return how many there were."""
    found = [path for path in out.glob(f"*/*{PART}*") if _LEFTOVER.fullmatch(path.name)]
    for path in found:
        shutil.rmtree(path, ignore_errors=True)
    return len(found)

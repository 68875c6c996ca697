"""A quick *unchanged* for a store: names, sizes and times of its files, no contents."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline.files.places import FileStat, files_below, is_remote, storage_errors
from schemas.store import ARRAY_FILE

__all__ = ["stat_digest", "stat_digests"]

_N_AT_ONCE = 16  # listings of an object store


def stat_digest(path: Path) -> str:
    """Return SHA-256 over relative path, size and modification time of every file: a quick *unchanged*.

    Differs whenever a file was added, removed, resized or written again; reads no contents.
    """
    return _digest(files_below(path))


def _digest(files: Mapping[str, FileStat]) -> str:
    digest = hashlib.sha256()
    for name, (size, mtime_ns) in sorted(files.items()):
        digest.update(f"{name}\0{size}\0{mtime_ns}\n".encode())
    return digest.hexdigest()


def stat_digests(stores: Sequence[Path]) -> list[str | None]:
    """Return the digest of every store, None where there is none; in an object store many are asked at once.

    Raises
    ------
    StorageError
        When the disk or the object store refuses.
    """
    with storage_errors("the stores of earlier runs cannot be listed"):
        if not stores or not is_remote(stores[0]):
            return [stat_digest(store) if store.exists() else None for store in stores]
        with ThreadPoolExecutor(_N_AT_ONCE) as pool:
            return list(pool.map(_remote_digest, stores))


def _remote_digest(store: Path) -> str | None:
    """What has no root document is no store there: it was being written, replaced or removed."""
    files = files_below(store)
    return _digest(files) if ARRAY_FILE in files else None

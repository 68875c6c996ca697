"""The files that a ledger consists of: numbered, only ever added to, on a disk or in an object store.

On a disk a run appends to one file. In an object store nothing can be appended to, so every batch of rows is an
object of its own, and the run puts them together as it goes: what is read later is few objects.
"""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

from pipeline.files.places import entries, is_remote, read_all, remove_files

__all__ = ["FileSegment", "ObjectSegments", "open_segment", "read_segments"]

_SUFFIX = ".jsonl"
_N_LOOSE = 64  # objects after which they are put together
_N_TRY = 3  # a reader may list objects that the writer is just putting together


def read_segments(folder: Path) -> list[tuple[str, bytes]]:
    """Return name and content of every segment, the oldest first; none where there is no ledger.

    Raises
    ------
    OSError
        When the disk or the object store refuses.
    """
    for n_left in reversed(range(_N_TRY)):
        names = _names(folder)
        try:
            return list(zip(names, read_all([folder / name for name in names]), strict=True))
        except FileNotFoundError:
            if not n_left:
                raise
    raise AssertionError  # the last try returns or raises


def _names(folder: Path) -> list[str]:
    if not is_remote(folder) and not folder.exists():
        return []
    names = [name for name, is_folder in entries(folder) if name.endswith(_SUFFIX) and not is_folder]
    return sorted(names, key=lambda name: (_number(name), name))


def _number(name: str) -> int:
    return int(name.partition("-")[0])


def _new_name(number: int) -> str:
    when = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{number:06d}-{when}-{secrets.token_hex(4)}{_SUFFIX}"


def open_segment(folder: Path) -> FileSegment | ObjectSegments:
    """Begin a new segment; only the holder of the output's lock may."""
    return ObjectSegments(folder) if is_remote(folder) else FileSegment(folder)


class FileSegment:
    """One new file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        last = max(map(_number, _names(folder)), default=0)
        path = folder / _new_name(last + 1)
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        parent = os.open(folder, os.O_RDONLY)
        os.fsync(parent)
        os.close(parent)

    def append(self, content: bytes) -> None:
        """Add bytes; they are on the disk when this returns."""
        while content:
            content = content[os.write(self._handle, content) :]
        os.fsync(self._handle)

    def close(self) -> None:
        """Release the file."""
        os.close(self._handle)


class ObjectSegments:
    """New objects, put together whenever there are many: a row may be there twice for a moment, never missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        names = _names(folder)
        self._last = max(map(_number, names), default=0)
        self._loose: list[tuple[str, bytes]] = []  # of this run, small
        self._bundles: list[tuple[str, bytes]] = []  # of this run, put together
        if len(names) > _N_LOOSE:  # runs that were killed left them
            self._bundle(read_segments(folder))

    def append(self, content: bytes) -> None:
        """Add bytes; they are in the object store when this returns."""
        self._loose.append((self._put(content), content))
        if len(self._loose) >= _N_LOOSE:
            self._bundles.append(self._bundle(self._loose))
            self._loose = []

    def close(self) -> None:
        """Leave one object of the whole run."""
        if len(self._bundles) + len(self._loose) > 1:
            self._bundle(self._bundles + self._loose)

    def _bundle(self, parts: list[tuple[str, bytes]]) -> tuple[str, bytes]:
        content = b"".join(content for _, content in parts)
        name = self._put(content)
        remove_files(self._folder, [name for name, _ in parts])
        return name, content

    def _put(self, content: bytes) -> str:
        self._last += 1
        name = _new_name(self._last)
        (self._folder / name).write_bytes(content)
        return name

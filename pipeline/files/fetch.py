"""Fetch the files of one night from an object store for the time that its conversion takes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pipeline.files.discover import Source
from pipeline.files.hashing import file_stat
from pipeline.files.places import copy_in, is_remote, storage_errors

__all__ = ["fetched"]


@contextmanager
def fetched(source: Source, folder: Path) -> Iterator[Source]:
    """Give the night with its files on a disk; those that are there already are used where they are.

    Copies have the time of the original, so that hash and comparison see one file.

    Parameters
    ----------
    folder : Path
        Where to put copies; removed afterwards.

    Raises
    ------
    SourceMissing
        When a file is not there.
    StorageError
        When the object store or the disk refuses.
    """
    if not any(map(is_remote, source.paths)):
        yield source
        return
    try:
        stats = [file_stat(path, name) for path, name in zip(source.paths, source.names, strict=True)]
        copies = _copies(source.paths, folder)
        with storage_errors("the source files cannot be fetched"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            copied = dict(zip(source.paths, copies, strict=True))
            copy_in(list(copied), list(copied.values()))
            for copy, (_, mtime_ns) in zip(copies, stats, strict=True):
                os.utime(copy, ns=(mtime_ns, mtime_ns))
        yield replace(
            source,
            signals=tuple(copied[path] for path in source.signals),
            companions=tuple(copied[path] for path in source.companions),
            annotations={name: copied[path] for name, path in source.annotations.items()},
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copies(paths: Sequence[Path], folder: Path) -> tuple[Path, ...]:
    """Return where each file goes: files of one folder stay together, because some name each other."""
    parents = list(dict.fromkeys(path.parent for path in paths))
    return tuple(folder / str(parents.index(path.parent)) / path.name for path in paths)

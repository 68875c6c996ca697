"""Fetch the files of one night from an object store for the time that its conversion takes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pipeline.discover import Source
from pipeline.hashing import file_stat
from pipeline.places import copy_in, is_remote, storage_errors

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
        copies = tuple(folder / str(number) / path.name for number, path in enumerate(source.paths))
        with storage_errors("the source files cannot be fetched"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            copy_in(source.paths, copies)
            for copy, (_, mtime_ns) in zip(copies, stats, strict=True):
                os.utime(copy, ns=(mtime_ns, mtime_ns))
        n_signals = len(source.signals)
        annotation = copies[n_signals] if source.annotation is not None else None
        yield replace(source, signals=copies[:n_signals], annotation=annotation)
    finally:
        shutil.rmtree(folder, ignore_errors=True)

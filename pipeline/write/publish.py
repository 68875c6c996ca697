"""Give finished stores their names, take names away, and clear up what dead runs left.

Only the holder of the output's lock may call what is here. On a disk a name is given by one rename. An object store
has no rename: there the root document, which holds the digests of all other files, is put last and removed first,
and what has none is not there for any reader. Design: docs/adr/0005-work-and-ledger.md and 0010-storage.md.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import uuid
from pathlib import Path

from pipeline.files.places import (
    copy_out,
    entries,
    files_below,
    identity,
    is_remote,
    remove_files,
    scratch_root,
    storage_errors,
)
from pipeline.write.digest import stat_digest, stat_digests
from schemas.embedding import EMBEDDING
from schemas.store import ARRAY_FILE, PART

__all__ = [
    "discard",
    "make_durable",
    "n_unfinished",
    "publish",
    "published",
    "remove_leftovers",
    "remove_unfinished",
    "source_folder",
    "temporary_name",
    "withdraw",
]

_LEFTOVER = re.compile(rf".+\.zarr{re.escape(PART)}-[0-9a-f]+")


# --- names -------------------------------------------------------------------------------------------------


def temporary_name(final: Path) -> Path:
    """Return a new name with `PART` in it for what will be ``final``; nothing is made.

    Beside ``final`` on a disk; in the scratch folder where ``final`` lies in an object store.
    """
    name = f"{final.name}{PART}-{uuid.uuid4().hex[:12]}"
    return _scratch(final) / final.parent.name / name if is_remote(final) else final.with_name(name)


def source_folder(temporary: Path, final: Path) -> Path:
    """Return where the source files of one conversion are fetched to, if they lie in an object store."""
    return _scratch(final) / "sources" / temporary.name


def _scratch(final: Path) -> Path:
    """Return the folder for all work in hand of one output; nobody else may look into it."""
    digest = hashlib.sha256(identity(final.parent.parent).encode()).hexdigest()[:16]
    return scratch_root() / f"sleep2vec-{os.getuid()}-{digest}"


def published(out: Path) -> list[Path]:
    """Return all stores of an output, sorted.

    Raises
    ------
    StorageError
        When a folder cannot be listed.
    """
    stores = _stores(out)
    if not is_remote(out):
        return stores
    return [store for store, digest in zip(stores, stat_digests(stores), strict=True) if digest is not None]


def _stores(out: Path) -> list[Path]:
    """Return all folders with the name of a store."""
    with storage_errors("the output cannot be listed"):
        if not is_remote(out) and not out.exists():
            return []
        cohorts = [out / name for name, is_folder in entries(out) if is_folder and not name.startswith(".")]
        return [
            cohort / name
            for cohort in cohorts
            for name, is_folder in entries(cohort)
            if is_folder and name.endswith(".zarr") and not name.endswith(EMBEDDING)
        ]


def n_unfinished(out: Path) -> int:
    """Return how many stores there are that a run has in hand, or had when it died; readers never see them."""
    if not is_remote(out):
        return len(list(out.glob(f"*/*{PART}*")))
    return len(_unfinished(out))


def _unfinished(out: Path) -> list[Path]:
    """Return the stores of an object store that have no root document."""
    whole = set(published(out))
    return [store for store in _stores(out) if store not in whole]


# --- publishing --------------------------------------------------------------------------------------------


def make_durable(temporary: Path) -> None:
    """Wait until every file of a local store is on the disk: the slow part of publishing, for many workers at once.

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


def publish(temporary: Path, final: Path) -> str:
    """Give a finished and durable store its name; a store of that name is replaced.

    A kill at any moment leaves a whole store or none under ``final``; whatever else remains is unfinished by its
    name, or in an object store by the lack of a root document.

    Returns
    -------
    str
        `stat_digest` of the published store.

    Raises
    ------
    StorageError
        When the disk or the object store refuses.
    """
    with storage_errors("the store cannot be published"):
        if is_remote(final):
            _upload(temporary, final)
            shutil.rmtree(temporary)
        else:
            _rename(temporary, final)
        return stat_digest(final)


def _rename(temporary: Path, final: Path) -> None:
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


def _upload(temporary: Path, final: Path) -> None:
    """Put all files, the root document last; what was there under this name is removed first."""
    _take_away(final)
    files = {name: temporary / name for name in files_below(temporary)}
    root = files.pop(ARRAY_FILE)
    copy_out(files, final)
    copy_out({ARRAY_FILE: root}, final)


def withdraw(store: Path) -> None:
    """Remove a published store and its embedding, each in one step for any reader, where there is one.

    Raises
    ------
    StorageError
        When the disk or the object store refuses.
    """
    with storage_errors("the store cannot be removed"):
        _take_away(store)
        _take_away(store.with_name(store.name.removesuffix(".zarr") + EMBEDDING))


def _take_away(store: Path) -> None:
    if is_remote(store):
        names = list(files_below(store))
        remove_files(store, [ARRAY_FILE] if ARRAY_FILE in names else [])
        remove_files(store, [name for name in names if name != ARRAY_FILE])
    elif store.exists():
        aside = temporary_name(store)
        store.rename(aside)
        shutil.rmtree(aside)


# --- clearing up -------------------------------------------------------------------------------------------


def discard(temporary: Path, final: Path) -> None:
    """Remove what one conversion has in hand."""
    for folder in (temporary, source_folder(temporary, final)):
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(out: Path) -> int:
    """Remove what dead runs had in hand; return how many stores were unfinished."""
    beside = [] if is_remote(out) else [p for p in out.glob(f"*/*{PART}*") if _LEFTOVER.fullmatch(p.name)]
    scratch = _scratch(out / "cohort" / "store")
    found = [*beside, *(p for p in scratch.glob(f"*/*{PART}*") if p.parent.name != "sources")]
    for path in (*found, scratch):
        shutil.rmtree(path, ignore_errors=True)
    return len(found)


def remove_unfinished(out: Path) -> int:
    """Remove what dead runs had in hand, in an object store also what they left there; return the number of stores.

    A run needs `remove_leftovers` only: publishing takes away what lies under its store's name.

    Raises
    ------
    StorageError
        When the object store refuses.
    """
    n_local = remove_leftovers(out)
    unfinished = _unfinished(out) if is_remote(out) else []
    for store in unfinished:
        withdraw(store)
    return n_local + len(unfinished)

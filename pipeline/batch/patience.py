"""Ask a disk again that refused: how often, how soon, and when there is no point in asking."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import TypeVar

from schemas.errors import StorageError, StorageFull

__all__ = ["patiently"]

T = TypeVar("T")

_WAITS_S = (0.2, 1.0, 5.0)  # before a refused disk is asked again
_NO_ROOM = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
}  # waiting does not help, nor does another recording
_IN_VAIN = {errno.EACCES, errno.EPERM}  # waiting does not help; another recording may be allowed


def patiently(do: Callable[[], T], *, before_retry: Callable[[], None] | None = None) -> T:
    """Return what ``do`` returns; where storage refuses, try again a few times.

    Parameters
    ----------
    before_retry : callable, optional
        Takes away what the refused attempt left.

    Raises
    ------
    StorageFull
        At once, when there is no room left or nothing may be written at all.
    StorageError
        When storage refused every time, or said that this is not allowed.
    """
    waits_s = iter(_WAITS_S)
    while True:
        try:
            return do()
        except StorageError as error:
            if _says(error, _NO_ROOM):
                raise _full(error) from error
            wait_s = None if _says(error, _IN_VAIN) else next(waits_s, None)
            if wait_s is None:
                raise
        if before_retry is not None:
            before_retry()
        time.sleep(wait_s)


def _says(error: StorageError, numbers: set[int]) -> bool:
    """Whether the operating system or the object store said so, in this error or in the one behind it."""
    behind = (error, error.__cause__, error.__context__)
    return any(isinstance(each, OSError) and each.errno in numbers for each in behind)


def _full(error: StorageError) -> StorageFull:
    return StorageFull(
        error.what,
        saw=error.saw,
        where=error.where,
        why="Every further recording would fail in the same way; what is finished is safe.",
        do="Make room where --out is, or let it be written, then run the same command again.",
    )

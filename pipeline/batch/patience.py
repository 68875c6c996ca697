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
        When storage refused every time.
    """
    waits_s = iter(_WAITS_S)
    while True:
        try:
            return do()
        except StorageError as error:
            if _has_no_room(error):
                raise _full(error) from error
            wait_s = next(waits_s, None)
            if wait_s is None:
                raise
        if before_retry is not None:
            before_retry()
        time.sleep(wait_s)


def _has_no_room(error: StorageError) -> bool:
    """Whether the operating system said so, in this error or in the one behind it."""
    behind = (error, error.__cause__, error.__context__)
    return any(isinstance(each, OSError) and each.errno in _NO_ROOM for each in behind)


def _full(error: StorageError) -> StorageFull:
    return StorageFull(
        error.what,
        saw=error.saw,
        where=error.where,
        why="Every further recording would fail in the same way; what is finished is safe.",
        do="Make room where --out is, then run the same command again.",
    )

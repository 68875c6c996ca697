"""Where things lie: on a disk or behind a URL; the one door to what speaks to object stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import PsgError, StorageError

__all__ = ["storage_errors"]


@contextmanager
def storage_errors(what: str, *, where: str | None = None) -> Iterator[None]:
    """Turn what disks say inside the block into StorageError; our own errors pass."""
    try:
        yield
    except PsgError:
        raise
    except OSError as error:
        raise StorageError(
            what,
            saw=error.strerror or type(error).__name__,
            where=where,
            do="Make room or look at the disk, then run the same command again.",
        ) from error

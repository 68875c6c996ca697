"""Open a source file, and turn what the operating system says about it into our errors.

A file that is not there, or may not be read, is the recording's fault (`SourceMissing`); a disk or a network
that fails in the middle is nobody's fault and worth another try (`StorageError`).
"""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pipeline.files.places import open_to_read, storage_errors
from schemas.errors import PsgError, SourceMissing, StorageError

__all__ = ["open_source"]

_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM}


@contextmanager
def open_source(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading; errors of the system inside the block become ours.

    Parameters
    ----------
    path : Path
        The file; errors name it by its last part only.

    Raises
    ------
    SourceMissing
        When it is not there, is no regular file, or may not be read.
    StorageError
        When the disk or the network fails.
    """
    with storage_errors("the file cannot be read", where=path.name), _told(path.name):
        if not stat.S_ISREG(path.stat().st_mode):  # a named pipe would block for ever on open
            raise SourceMissing(
                "there is no file to read", saw="a folder or a device", expected="a file", where=path.name
            )
        with open_to_read(path) as file:
            yield file


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except PsgError:
        raise
    except OSError as error:
        raise _translate(error, name) from error


def _translate(error: OSError, name: str) -> PsgError:
    if error.errno in _NOT_THERE or isinstance(error, FileNotFoundError):
        return SourceMissing(
            "the file is not there", do="Check the download and the manifest's layout.", where=name
        )
    if error.errno in _NOT_ALLOWED or isinstance(error, PermissionError):
        return SourceMissing(
            "the file may not be read", saw="permission denied", do="Give this user read access.", where=name
        )
    words = errno.errorcode.get(error.errno or 0, "an unnamed error")
    return StorageError(
        "the disk or network failed while the file was read", saw=words, do="Run again.", where=name
    )

"""Where a set is read from: a folder, an http server that knows ranges, or an object store.

Every source gives bytes of a file by its path below the set. Transfers that fail are `StorageError`, which callers
may try again; a file that is not there is `StoreIncomplete`.
"""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from pipeline.files.places import place, storage_errors
from schemas.errors import StorageError, StoreIncomplete

__all__ = ["Folder", "HttpServer", "ObjectStore", "Source", "source_of"]

_TIMEOUT_S = 60  # a server that is silent for so long is gone
_WEB = ("http://", "https://")


class Source(Protocol):
    """Bytes of the files of a set."""

    is_open: bool  # whether anybody may read here: terms may forbid that

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return the bytes ``[start, stop)`` of a file, to the end without; a negative start is from there."""


def source_of(text: str | Path) -> Source:
    """Return the source that a folder's path or a URL names."""
    place = str(text)
    if place.startswith(_WEB):
        return HttpServer(place)
    return ObjectStore(place) if "://" in place else Folder(Path(place))


class Folder:
    """A set on a disk; whoever may read it was let in by the file system."""

    is_open = False

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return bytes of a file."""
        try:
            with (
                storage_errors("a file of the set cannot be read", where=name),
                (self._path / name).open("rb") as f,
            ):
                f.seek(start, os.SEEK_END if start < 0 else os.SEEK_SET)
                return f.read(-1 if stop is None else stop - start)
        except StorageError as error:
            if isinstance(error.__cause__, (FileNotFoundError, NotADirectoryError)):
                raise _missing(name) from None
            raise


class HttpServer:
    """A set behind http or https; open to anybody unless the URL holds a name and a password, over https."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url.rstrip("/"))
        self.is_open = parts.scheme != "https" or parts.username is None
        self._headers, self._secret = {"User-Agent": "sleep2vec"}, ""
        if parts.username is not None:
            from base64 import b64encode

            secret = b64encode(f"{parts.username}:{parts.password or ''}".encode()).decode()
            self._secret = f"Basic {secret}"
        host = parts.netloc.rpartition("@")[2]
        self._url = f"{parts.scheme}://{host}{parts.path}"

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return bytes of a file, asked for as a range; fewer than asked for is an error."""
        headers = dict(self._headers)
        if start or stop is not None:
            headers["Range"] = (
                f"bytes={start}" if start < 0 else f"bytes={start}-{'' if stop is None else stop - 1}"
            )
        request = urllib.request.Request(f"{self._url}/{quote(name)}", headers=headers)
        if self._secret:
            request.add_unredirected_header(
                "Authorization", self._secret
            )  # for this host, not where it may send us
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
                content: bytes = response.read()
                is_part = response.status == http.client.PARTIAL_CONTENT
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in (http.client.NOT_FOUND, http.client.GONE):
                raise _missing(name) from None
            raise StorageError("the server refused a file", where=name, saw=f"status {error.code}") from None
        except (OSError, http.client.HTTPException) as error:
            raise StorageError("the transfer was cut", where=name, saw=type(error).__name__) from None
        if "Range" in headers and not is_part:
            content = content[start:stop]  # the server does not know ranges: all of it came
        if stop is not None and len(content) != stop - start:
            raise StorageError("the transfer was cut", where=name, saw=len(content), expected=stop - start)
        return content


class ObjectStore:
    """A set in a bucket; who may read it is the bucket's business."""

    is_open = False

    def __init__(self, url: str) -> None:
        root: Any = place(url)
        self._system, self._root = root.fs, str(root.path)

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return bytes of an object."""
        try:
            with storage_errors("a file of the set cannot be read", where=name):
                return bytes(self._system.cat_file(f"{self._root}/{name}", start=start or None, end=stop))
        except StorageError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise _missing(name) from None
            raise


def _missing(name: str) -> StoreIncomplete:
    return StoreIncomplete("a file of the set is missing", where=name, do="Pull or build the set again.")

"""Where things lie: on a disk or in an object store; the one door to what speaks to the latter.

`place` gives a path object for either, with the interface of `pathlib`: code that joins, reads and writes need not
know. The functions here do what differs: many files at once, listings in one request, and errors that are ours.
Credentials, region and endpoint come from the environment, as every S3 client reads it.

Design: docs/adr/0010-storage.md.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from itertools import takewhile
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from schemas.errors import PsgError, StorageError

__all__ = [
    "FileStat",
    "copy_in",
    "copy_out",
    "create",
    "entries",
    "files_below",
    "identity",
    "is_remote",
    "local_copy",
    "matching_files",
    "open_to_read",
    "place",
    "read_all",
    "remove_files",
    "scratch_folder",
    "scratch_root",
    "storage_errors",
    "storage_options",
]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_BUCKET = re.compile(r"s3://[A-Za-z0-9][A-Za-z0-9._-]{2,}(/.*)?")  # no user, no password, no port
_CODE = re.compile(r"[A-Za-z0-9]{3,50}")  # of an error, as S3 has them; anything else could hold anything
_MAGIC = re.compile(r"[*?\[]")  # what makes a name a pattern
_CONNECT_S, _READ_S = 10, 30  # seconds; a large object comes in parts, each within the second
_AHEAD_BYTE = 2**16  # read with what is asked for; the libraries' 50 MiB would fetch a night for its header
_N_TRY = 3  # of a request that was cut off or not answered
_FOREIGN = ("botocore", "aiobotocore", "aiohttp", "urllib3")  # errors of these are the network's or the store's
_ON_A_DISK = "Make room or look at the disk, then run the same command again."
_IN_A_STORE = "Look at network, endpoint, bucket and credentials (AWS_…), then run the same command again."


class FileStat(NamedTuple):
    """Size in bytes and time of the last change in ns since 1970 (whole seconds in object stores)."""

    size: int
    mtime_ns: int


def place(text: str | Path) -> Path:
    """Return the path object of a local path or of an ``s3://bucket/prefix``.

    Parameters
    ----------
    text : str or Path
        A path object is given back as it is.

    Raises
    ------
    StorageError
        When the URL is none that is understood, or what speaks to object stores is not installed.
    """
    if not isinstance(text, str) or not _URL.match(text):
        return Path(text) if isinstance(text, str) else text
    if not _BUCKET.fullmatch(text):
        raise StorageError(
            "not the URL of a place for recordings",
            expected="s3://BUCKET/PREFIX, without user and password",
            do="Credentials and endpoint belong into the environment: AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL.",
        )
    try:
        from upath import UPath
    except ImportError:
        raise StorageError(
            "object stores need more than is installed", do="Install it: pip install 'sleep2vec[s3]'."
        ) from None
    return cast(Path, UPath(text.rstrip("/"), protocol="s3", **_options()))


def is_remote(path: Path) -> bool:
    """Return whether a path lies in an object store."""
    return not isinstance(path, Path)


def identity(path: Path) -> str:
    """Return what tells a place from all others: the absolute path, or the URL with the store's address."""
    if not is_remote(path):
        return str(path.absolute())
    with storage_errors("the object store cannot be used"):
        return f"{_store(path).s3.meta.endpoint_url} {path}"


def storage_options(path: Path) -> dict[str, Any] | None:
    """Return what ``xr.open_zarr`` needs beside the path; None on a disk."""
    return _options() if is_remote(path) else None


def scratch_root() -> Path:
    """Return the local folder for work in hand: ``SLEEP2VEC_SCRATCH``, or the system's temporary one."""
    return Path(os.environ.get("SLEEP2VEC_SCRATCH") or tempfile.gettempdir())


def _options() -> dict[str, Any]:
    """Return our time-outs; whoever sets ``FSSPEC_S3`` knows better."""
    from fsspec.config import conf  # type: ignore[import-untyped]

    from pipeline.files.s3_session import LimitedSession

    own = {
        "connect_timeout": _CONNECT_S,
        "read_timeout": _READ_S,
        "retries": {"total_max_attempts": 1},
        "http_session_cls": LimitedSession,
    }
    theirs = conf.get("s3", {}).get("config_kwargs", {})
    return {"use_listings_cache": False, "config_kwargs": own | theirs}


def _store(path: Path) -> Any:
    """Return the file system behind a path, told how often to try: it retries what was cut off."""
    store = cast(Any, path).fs
    store.retries = _N_TRY
    return store


def _key(path: Path) -> str:
    return str(cast(Any, path).path)


# --- errors ------------------------------------------------------------------------------------------------


@contextmanager
def storage_errors(what: str, *, where: str | None = None) -> Iterator[None]:
    """Turn what disks, networks and object stores say inside the block into StorageError.

    Our own errors pass, and so does everything that has nothing to do with storage.

    Parameters
    ----------
    what : str
        What cannot be done because of it.
    where : str, optional
        A name that outputs may have.
    """
    try:
        yield
    except PsgError:
        raise
    except Exception as error:
        is_foreign = type(error).__module__.partition(".")[0] in _FOREIGN
        if not is_foreign and not isinstance(error, OSError):
            raise
        saw, is_disk = _seen(error)
        refused = StorageError(what, saw=saw, where=where, do=_ON_A_DISK if is_disk else _IN_A_STORE)
        refused.errno = error.errno if isinstance(error, OSError) else None
        if isinstance(error, PermissionError):  # those of object stores have no number
            refused.errno = errno.EACCES
        raise refused from error


def _seen(error: Exception) -> tuple[str, bool]:
    """Return what happened in words that hold no path and no key, and whether a disk said it."""
    kind = _kind(error.__cause__ or error)
    if isinstance(error, OSError) and error.errno is not None and not _is_translated(error):
        return os.strerror(error.errno), True
    if kind in ("NoSuchBucket", "NoCredentialsError", "PartialCredentialsError"):
        return {"NoSuchBucket": "no such bucket"}.get(kind, "no credentials in the environment"), False
    if isinstance(error, PermissionError):
        return f"permission denied by the object store ({kind})", False
    if isinstance(error, FileNotFoundError):
        return "no such object or bucket", False
    if "Timeout" in kind:
        return f"no answer in time ({kind})", False
    if "Connection" in kind:
        return f"no connection ({kind})", False
    if "Checksum" in kind or "Digest" in kind:
        return f"content that does not fit its checksum ({kind})", False
    return f"a failure of the object store ({kind})", False


def _kind(error: BaseException) -> str:
    """Return the code of an object store's answer, or the name of an exception."""
    response = getattr(error, "response", None)
    code = str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
    return code if _CODE.fullmatch(code) else type(error).__name__


def _is_translated(error: OSError) -> bool:
    """Whether an error of an object store was given the number of one of the system's."""
    return type(error.__cause__).__module__.partition(".")[0] in _FOREIGN


# --- listings ----------------------------------------------------------------------------------------------


def entries(folder: Path) -> list[tuple[str, bool]]:
    """Return what lies directly in a folder, sorted, each name with whether it is a folder.

    An object store has no folders: what lies nowhere is an empty one.

    Raises
    ------
    OSError
        When it is not there, or cannot be listed.
    """
    if not is_remote(folder):
        with os.scandir(folder) as scan:
            return sorted((entry.name, entry.is_dir()) for entry in scan)
    prefix = f"{_key(folder)}/"
    try:
        found = _store(folder).ls(_key(folder), detail=True)
    except FileNotFoundError as error:
        if error.__cause__ is not None:  # no such bucket
            raise
        return []
    rows = ((row["name"].rstrip("/"), row["type"] == "directory") for row in found)
    return sorted((name.removeprefix(prefix), is_folder) for name, is_folder in rows if name.startswith(prefix))


def files_below(folder: Path) -> dict[str, FileStat]:
    """Return size and time of every file below a folder by its relative path; one request in an object store."""
    if not is_remote(folder):
        return dict(_walk(str(folder), ""))
    prefix = f"{_key(folder)}/"
    found = _store(folder).find(_key(folder), detail=True)
    return {
        name.removeprefix(prefix): FileStat(row["size"], int(row["LastModified"].timestamp()) * 10**9)
        for name, row in found.items()
        if name.startswith(prefix) and not name.endswith("/")
    }


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, FileStat]]:
    with os.scandir(folder) as scan:
        for entry in scan:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, f"{prefix}{entry.name}/")
            else:
                stat = entry.stat(follow_symlinks=False)
                yield prefix + entry.name, FileStat(stat.st_size, stat.st_mtime_ns)


def matching_files(folder: Path, pattern: str) -> list[Path]:
    """Return the files below a folder whose path fits a pattern of `pathlib.Path.glob` without ``**``.

    The libraries behind URLs take a store that does not answer for one that has no such file; this does not.

    Raises
    ------
    OSError
        When the object store cannot be listed.
    """
    if not is_remote(folder):
        return [path for path in folder.glob(pattern) if path.is_file()]
    parts = pattern.split("/")
    start = folder.joinpath(*takewhile(lambda part: not _MAGIC.search(part), parts[:-1]))
    prefix = _key(start).removeprefix(_key(folder)).lstrip("/")
    names = (f"{prefix}/{name}".lstrip("/") for name in files_below(start))
    return [folder / name for name in names if _fits(name.split("/"), parts)]


def _fits(names: Sequence[str], patterns: Sequence[str]) -> bool:
    return len(names) == len(patterns) and all(map(fnmatchcase, names, patterns))


# --- many files at once ------------------------------------------------------------------------------------


def open_to_read(path: Path) -> BinaryIO:
    """Open a file; of an object only what is read is fetched, and a little more."""
    if is_remote(path):
        return cast(BinaryIO, cast(Any, path).open("rb", block_size=_AHEAD_BYTE))
    return path.open("rb")


def read_all(paths: Sequence[Path]) -> list[bytes]:
    """Return the contents of files of one place, in their order; from an object store all at once."""
    if not paths or not is_remote(paths[0]):
        return [path.read_bytes() for path in paths]
    contents = _store(paths[0]).cat([_key(path) for path in paths])
    if isinstance(contents, bytes):  # of one path
        return [contents]
    return [contents[_key(path)] for path in paths]


def create(path: Path, content: bytes) -> bool:
    """Write a file that is not there yet; return whether it was, of several who try, we who did."""
    try:
        if is_remote(path):
            _store(path).pipe_file(_key(path), content, mode="create")
        else:
            with path.open("xb") as stream:
                stream.write(content)
    except FileExistsError:
        return path.read_bytes() == content  # the answer to our own first try may have been lost
    return True


def copy_out(files: Mapping[str, Path], folder: Path) -> None:
    """Put local files below a folder of an object store, all at once, and see that they arrived as they are.

    Each is sent with a checksum that the store may check. What it then lists, size and entity tag (the content's
    MD5 unless the store encrypts with keys of its own), is compared too; the file is read back where the tag is
    another one.

    Raises
    ------
    StorageError
        When a file did not arrive, or arrived changed.
    """
    store, prefix = _store(folder), f"{_key(folder)}/"
    store.put([str(path) for path in files.values()], [prefix + name for name in files])
    listed = store.find(_key(folder), detail=True)
    for name, path in files.items():
        content, row = path.read_bytes(), listed.get(prefix + name, {})
        tag = str(row.get("ETag", "")).strip('"')
        if row.get("size") != len(content) or (
            tag != hashlib.md5(content, usedforsecurity=False).hexdigest()
            and store.cat_file(prefix + name) != content
        ):
            raise StorageError("a file arrived changed, or not at all", saw=name, do="Run again.")


def copy_in(paths: Sequence[Path], targets: Sequence[Path]) -> None:
    """Fetch files of an object store into local files, whose folders are made."""
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
    if paths:
        _store(paths[0]).get([_key(path) for path in paths], [str(target) for target in targets])


def remove_files(folder: Path, names: Sequence[str]) -> None:
    """Remove files below a folder of an object store."""
    if names:
        _store(folder).rm([f"{_key(folder)}/{name}" for name in names])


@contextmanager
def local_copy(folder: Path) -> Iterator[Path]:
    """Give a folder to what reads files from a disk: itself, or a copy for the duration of the block.

    Raises
    ------
    StorageError
        When it cannot be fetched.
    """
    if not is_remote(folder):
        yield folder
        return
    with scratch_folder() as scratch:
        copy = scratch / folder.name
        with storage_errors("the folder cannot be fetched", where=folder.name):
            names = list(files_below(folder))
            copy_in([folder / name for name in names], [copy / name for name in names])
        yield copy


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give a new local folder for the duration of the block, which nobody else may look into.

    Raises
    ------
    StorageError
        When the disk refuses.
    """
    with storage_errors("there is no scratch folder to fetch into"):
        scratch = Path(tempfile.mkdtemp(prefix="sleep2vec-", dir=scratch_root()))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)

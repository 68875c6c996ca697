"""One recording, once: the only place where an exception becomes an outcome.

Runs in a worker process. Nothing that it returns holds text from a source, a path or a traceback's message.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pipeline.batch.patience import patiently
from pipeline.files.discover import Source
from pipeline.files.fetch import fetched
from pipeline.files.hashing import FileHash, check_unchanged, hash_file
from pipeline.files.places import is_remote, local_copy
from pipeline.verify.store import verify_store
from pipeline.write.publish import discard, make_durable, source_folder
from pipeline.write.readback import read_back
from pipeline.write.store import StoreSummary
from schemas.errors import OutOfMemory, PsgError, StorageError, StorageFull, StoreError
from schemas.fingerprint import fingerprint
from schemas.manifest import CohortManifest

__all__ = ["ConvertResult", "Converted", "Converter", "Failed", "Job", "attempt"]

_DETAIL_LENGTH = 1000  # characters of an error's text that the ledger keeps
_N_FRAMES = 6  # places that an internal error names, the innermost first


@dataclass(frozen=True)
class ConvertResult:
    """What a converter hands back of the temporary store that it wrote.

    Parameters
    ----------
    sources : tuple of FileHash
        Of ``source.paths`` in that order, each hashed before it was read.
    fingerprint : str
        `pipeline.batch.recipe.fingerprint_of`; also an attribute of the store.
    store : StoreSummary
        From `pipeline.write.store.write_store`.
    """

    sources: tuple[FileHash, ...]
    fingerprint: str
    store: StoreSummary


Converter = Callable[[Source, CohortManifest, Path], ConvertResult]


@dataclass(frozen=True)
class Job:
    """What a worker needs to know of one recording.

    Parameters
    ----------
    recipe : str
        Digest of all that decides the store but the files' content.
    temporary, final : Path
        Where to write the store, and where it will be published.
    check : bool
        Whether a good store may be there already; it is converted only if there is none.
    known : tuple of (str, str) or None
        Fingerprint and root digest of the store that the ledger knows.
    """

    source: Source
    recipe: str
    temporary: Path
    final: Path
    check: bool
    known: tuple[str, str] | None


@dataclass(frozen=True)
class Converted:
    """A store is ready: a new one to be published, or the one that is there."""

    result: ConvertResult
    is_new: bool
    took_s: float = 0.0


@dataclass(frozen=True)
class Failed:
    """Why there is none.

    Parameters
    ----------
    ends_run : bool
        Whether no other recording would fare better.
    """

    reason: str
    detail: str
    took_s: float = 0.0
    ends_run: bool = False


def attempt(job: Job, convert: Converter, manifest: CohortManifest) -> Converted | Failed:
    """Keep the recording's store if it is good, else convert; whatever happens, return.

    Parameters
    ----------
    convert : callable
        Writes the store to the path it is given; raises PsgError where the recording is to blame.
    """
    begun_s = time.monotonic()
    answer = _answer(job, convert, manifest)
    return replace(answer, took_s=round(time.monotonic() - begun_s, 3))


def _answer(job: Job, convert: Converter, manifest: CohortManifest) -> Converted | Failed:
    try:
        kept = _kept(job) if job.check else None
        return kept or Converted(_converted(job, convert, manifest), is_new=True)
    except PsgError as error:
        detail = job.source.describe(error)[:_DETAIL_LENGTH]
        return Failed(error.reason, detail, ends_run=isinstance(error, StorageFull))
    except MemoryError:
        exceeded = OutOfMemory("needs more memory than a worker may have", do="Give workers more, or exclude it.")
        return Failed(exceeded.reason, job.source.describe(exceeded))
    except Exception as error:
        return Failed("internal_error", f"{type(error).__name__} at {_places(error)}")


def _kept(job: Job) -> Converted | None:
    """Return the published store if it was made from these very files by this recipe and is intact."""
    try:
        found = read_back(job.final)
    except StoreError:
        return None
    sources = _hash_all(job.source)
    if found.fingerprint != fingerprint(job.recipe, (file.sha256 for file in sources)):
        return None
    known_fingerprint, root_digest = job.known or (None, None)
    expected = root_digest if found.fingerprint == known_fingerprint else None  # else it is newer than its row
    with local_copy(job.final) as store:
        if verify_store(store, expected_root_digest=expected).problems:
            return None
    return Converted(ConvertResult(sources, found.fingerprint, found.summary), is_new=False)


def _hash_all(source: Source) -> tuple[FileHash, ...]:
    return tuple(hash_file(path, name) for path, name in zip(source.paths, source.names, strict=True))


def _converted(job: Job, convert: Converter, manifest: CohortManifest) -> ConvertResult:
    return patiently(
        partial(_convert_once, job, convert, manifest),
        before_retry=partial(discard, job.temporary, job.final),
    )


def _convert_once(job: Job, convert: Converter, manifest: CohortManifest) -> ConvertResult:
    try:
        with fetched(job.source, source_folder(job.temporary, job.final)) as source:
            result = convert(source, manifest, job.temporary)
    except OSError as error:
        if isinstance(error, PsgError):
            raise
        raise StorageError("the disk refused", saw=os.strerror(error.errno or 0)) from error
    for path, file in zip(job.source.paths, result.sources, strict=True):
        check_unchanged(path, file)
    if not is_remote(job.final):
        make_durable(job.temporary)
    return result


def _places(error: Exception) -> str:
    """Return module and line of the innermost frames; an exception's own text could hold anything."""
    frames = traceback.extract_tb(error.__traceback__)[-_N_FRAMES:]
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))

"""What to do about recordings that failed: for every reason, the next command."""

from __future__ import annotations

from schemas.errors import (
    ChannelError,
    OutOfMemory,
    PsgError,
    RecordingTimeout,
    SignalError,
    SourceError,
    StorageError,
    StoreError,
    WorkerDied,
)

__all__ = ["remedy"]

# The first family that a reason belongs to counts. {out} is the output; words in capitals are the reader's.
_REMEDIES: tuple[tuple[type[PsgError], str], ...] = (
    (ChannelError, "sleep2vec scan MANIFEST --root ROOT, then mend the manifest's montage"),
    (SourceError, "copy the files again, or: sleep2vec quarantine exclude {out} RECORDING --reason WHY"),
    (SignalError, "look at the night, then: sleep2vec quarantine exclude {out} RECORDING --reason WHY"),
    (RecordingTimeout, "sleep2vec quarantine retry {out} MANIFEST --root ROOT --timeout MORE"),
    (OutOfMemory, "sleep2vec quarantine retry {out} MANIFEST --root ROOT --memory MORE"),
    (WorkerDied, "sleep2vec quarantine retry {out} MANIFEST --root ROOT --workers 1"),
    (StoreError, "sleep2vec quarantine retry {out} MANIFEST --root ROOT"),
    (StorageError, "look at the disk, then: sleep2vec quarantine retry {out} MANIFEST --root ROOT"),
)
_OTHERWISE = "report the lines that the ledger names, then: sleep2vec quarantine retry {out} MANIFEST --root ROOT"


def remedy(reason: str, out: str) -> str:
    """Return what to type next for recordings that failed for this reason.

    Parameters
    ----------
    reason : str
        From a row of the ledger.
    out : str
        The output, quoted for a shell.
    """
    family = _families().get(reason, PsgError)
    return next((text for of, text in _REMEDIES if issubclass(family, of)), _OTHERWISE).format(out=out)


def _families() -> dict[str, type[PsgError]]:
    found: dict[str, type[PsgError]] = {}
    waiting: list[type[PsgError]] = [PsgError]
    while waiting:
        family = waiting.pop()
        found[family("").reason] = family
        waiting += family.__subclasses__()
    return found

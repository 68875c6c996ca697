"""The ledger: how every recording ended, as rows that are only ever added.

Segments of JSON Lines below ``OUT/.ledger/segments``, one a run, read in the order of their numbers; the newest
row of a recording counts and a torn last line does not. One process writes (the lock's holder), any may read.
Lost, it can be rebuilt from the stores. Design: docs/adr/0005-work-and-ledger.md.
"""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

from pipeline.files.hashing import FileHash
from pipeline.files.places import storage_errors
from pipeline.write.lock import LEDGER_FOLDER
from pipeline.write.segments import FileSegment, ObjectSegments, open_segment, read_segments
from schemas.findings import Finding, Severity
from schemas.vocabulary import Outcome

if TYPE_CHECKING:  # it brings xarray and pandas, and reading a ledger takes less than importing them
    from pipeline.write.store import StoreSummary

__all__ = [
    "Ledger",
    "LedgerWriter",
    "Row",
    "Stored",
    "codes",
    "now",
    "outcome_of",
    "read_ledger",
    "read_plain_rows",
    "store_path",
]

T = TypeVar("T")

_SEGMENTS = "segments"
_BLOCK = 2**16  # bytes parsed at once: the next block takes the memory that this one gave back
_ENCODER = json.JSONEncoder(separators=(",", ":"), default=dict)


class Stored(NamedTuple):
    """What the ledger keeps of a published store: digests to know it again by, and its size."""

    root_digest: str
    stat_digest: str
    n_byte: int
    n_epoch: int

    @classmethod
    def of(cls, summary: StoreSummary) -> Stored:
        """Take over what the writer says."""
        return cls(summary.root_digest, summary.stat_digest, summary.n_byte, summary.n_epoch)


class Row(NamedTuple):
    """One outcome of one recording.

    Parameters
    ----------
    reason : str or None
        Why it was excluded or failed, machine-readable.
    detail : str or None
        The same for people; never text from a source.
    fingerprint : str or None
        Of the conversion; none without a store.
    sources : tuple of FileHash
        The files as they were read.
    findings : mapping of str to int
        How often each code was found; the findings themselves are in the store.
    finished : str
        UTC, ISO 8601, whole seconds.
    took_s : float
        Seconds that a worker spent on it.
    """

    cohort: str
    key: str
    outcome: Outcome
    finished: str
    reason: str | None = None
    detail: str | None = None
    fingerprint: str | None = None
    sources: tuple[FileHash, ...] = ()
    store: Stored | None = None
    findings: Mapping[str, int] = {}
    took_s: float = 0.0
    version: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON, empty ones left out."""
        row = self._asdict()
        return {name: value for name, value in row.items() if value or name in ("cohort", "key", "outcome")}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Row:
        """Rebuild a row from `to_json`; fields of later versions are ignored."""
        typed = {**row, "outcome": _OUTCOMES[row["outcome"]]}
        if "store" in row:
            typed["store"] = Stored._make(row["store"])
        if "sources" in row:
            typed["sources"] = tuple(map(FileHash._make, row["sources"]))
        try:
            return cls(**typed)
        except TypeError:
            return cls(**{name: value for name, value in typed.items() if name in _FIELDS})


_FIELDS = frozenset(Row._fields)
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}


@dataclass(frozen=True)
class Ledger:
    """The newest row of every recording.

    Parameters
    ----------
    rows : mapping of (cohort, key) to Row
    state : tuple of (str, int)
        Names and sizes of the segments that were read: two equal states are the same ledger.
    """

    rows: Mapping[tuple[str, str], Row]
    state: tuple[tuple[str, int], ...]


def now() -> str:
    """Return the time as rows give it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def outcome_of(findings: Iterable[Finding]) -> Outcome:
    """Return how a conversion with these findings ended; findings for information alone do not count."""
    is_plain = all(finding.severity is Severity.INFO for finding in findings)
    return Outcome.CONVERTED if is_plain else Outcome.CONVERTED_WITH_FINDINGS


def codes(findings: Iterable[Finding]) -> dict[str, int]:
    """Return how often each code was found, sorted by code."""
    return dict(sorted(Counter(finding.code for finding in findings).items()))


def store_path(out: Path, cohort: str, key: str) -> Path:
    """Return where a recording's store is, or would be."""
    return out / cohort / f"{key}.zarr"


# --- reading -----------------------------------------------------------------------------------------------


def read_ledger(out: Path) -> Ledger:
    """Read all segments; a folder without a ledger has an empty one.

    Raises
    ------
    StorageError
        When the disk refuses.

    Notes
    -----
    Cost: about 13 µs of CPU time a row.
    """
    return Ledger(*_newest(out, Row.from_json))


def read_plain_rows(out: Path) -> list[dict[str, Any]]:
    """Return the newest row of every recording as `Row.to_json` gives it, but for fingerprint and sources.

    For who counts, in less than half the time and memory.

    Raises
    ------
    StorageError
        When the disk refuses.
    """
    return list(_newest(out, _slim)[0].values())


def _slim(row: dict[str, Any]) -> dict[str, Any]:
    row.pop("fingerprint", None)
    row.pop("sources", None)
    return row


def _newest(
    out: Path, kept: Callable[[dict[str, Any]], T]
) -> tuple[dict[tuple[str, str], T], tuple[tuple[str, int], ...]]:
    """Return what is ``kept`` of every recording's newest row, and the state of the ledger."""
    newest: dict[tuple[str, str], T] = {}
    with storage_errors("the ledger cannot be read"):
        segments = read_segments(out / LEDGER_FOLDER / _SEGMENTS)
    with _no_collection():
        for _, content in segments:
            for row in _rows(content):
                newest[row["cohort"], row["key"]] = kept(row)
    return newest, tuple((name, len(content)) for name, content in segments)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector from walking a million new objects over and over: it takes half the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _rows(content: bytes) -> Iterator[dict[str, Any]]:
    """Parse whole lines; what follows the last line's end was being written when the process died."""
    begin, end = 0, content.rfind(b"\n")
    while begin < end:
        stop = content.index(b"\n", min(begin + _BLOCK, end))
        yield from _parsed(content[begin:stop])
        begin = stop + 1


def _parsed(lines: bytes) -> Iterator[dict[str, Any]]:
    try:
        yield from json.loads(b"[" + lines.replace(b"\n", b",") + b"]")
    except ValueError:
        for line in lines.splitlines():
            yield from _row(line)


def _row(line: bytes) -> Iterator[dict[str, Any]]:
    try:
        row = json.loads(line)
    except ValueError:
        return
    if isinstance(row, dict) and {"cohort", "key", "outcome"} <= row.keys():
        yield row


# --- writing -----------------------------------------------------------------------------------------------


class LedgerWriter:
    """Adds rows to a segment of its own; only the holder of the lock may have one."""

    def __init__(self, out: Path) -> None:
        self._folder = out / LEDGER_FOLDER / _SEGMENTS
        self._segment: FileSegment | ObjectSegments | None = None

    def append(self, *rows: Row) -> None:
        """Add rows; they are on the disk when this returns.

        Raises
        ------
        StorageError
            When the disk or the object store refuses.
        """
        text = "".join(_ENCODER.encode(row.to_json()) + "\n" for row in rows)
        with storage_errors("the ledger cannot be written"):
            if self._segment is None:
                self._segment = open_segment(self._folder)
            self._segment.append(text.encode())

    def close(self) -> None:
        """Release the segment; another `append` starts a new one.

        Raises
        ------
        StorageError
            When the object store refuses; every row is in the ledger nevertheless.
        """
        if self._segment is not None:
            segment, self._segment = self._segment, None
            with storage_errors("the ledger's objects cannot be put together"):
                segment.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

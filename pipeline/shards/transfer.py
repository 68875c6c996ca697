"""Bring pieces of files here: checked as they arrive, fetched again when they are wrong, never twice when right.

There is no journal. A piece that is on the disk already and has the right checksum is not fetched, so a transfer
that was interrupted anywhere goes on where it was.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TypeVar

from pipeline.shards.sources import Source
from schemas.errors import StorageError, StoreCorrupt

__all__ = ["Counted", "Piece", "Tally", "fetch", "retried", "transfer"]

T = TypeVar("T")

_N_TRY = 6  # of a piece
_PAUSE_S = 0.1  # before the second try, twice as long before each further one


@dataclass(frozen=True)
class Piece:
    """A range of bytes of a file that knows when it is right.

    Parameters
    ----------
    name : str
        The file, relative to the set; the same on both sides.
    """

    name: str
    start: int
    stop: int
    is_good: Callable[[bytes], bool]

    @property
    def n_byte(self) -> int:
        """Bytes of the range."""
        return self.stop - self.start


@dataclass
class Tally:
    """What a transfer has done so far, in bytes; ``n_again`` counts pieces that had to be fetched again."""

    n_fetched: int = 0
    n_kept: int = 0
    n_again: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def add(self, *, fetched: int = 0, kept: int = 0, again: int = 0) -> None:
        """Count, from any thread."""
        with self._lock:
            self.n_fetched += fetched
            self.n_kept += kept
            self.n_again += again


class Counted:
    """A source that counts what it gives."""

    def __init__(self, source: Source, tally: Tally) -> None:
        self.is_open = source.is_open
        self._source, self._tally = source, tally

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return bytes of a file."""
        content = self._source.read(name, start, stop)
        self._tally.add(fetched=len(content))
        return content


def fetch(source: Source, piece: Piece, tally: Tally) -> bytes:
    """Return a piece, fetched as often as it takes.

    Raises
    ------
    StoreCorrupt
        When it arrives wrong every time: it is wrong over there.
    StorageError
        When it does not arrive.
    """

    def once() -> bytes:
        content = source.read(piece.name, piece.start, piece.stop)
        if not piece.is_good(content):
            raise StoreCorrupt(
                "a file arrives with a wrong checksum every time",
                where=piece.name,
                saw=f"bytes {piece.start} to {piece.stop}",
                do="Verify the set where it comes from.",
            )
        return content

    return retried(once, tally)


def retried(work: Callable[[], T], tally: Tally) -> T:
    """Do what may fail on its way here again, a few times; the last failure is raised."""
    for number in range(_N_TRY - 1):
        try:
            return work()
        except (StorageError, StoreCorrupt):
            tally.add(again=1)
            time.sleep(_PAUSE_S * 2**number)
    return work()


def transfer(
    source: Source,
    folder: Path,
    pieces: Sequence[Piece],
    *,
    workers: int,
    tally: Tally,
    on_piece: Callable[[int], None],
) -> None:
    """Bring all pieces into their places below ``folder``, several at a time.

    Parameters
    ----------
    on_piece : callable
        Told the bytes of every piece that is in its place, from this thread.

    Raises
    ------
    StoreCorrupt, StorageError
        As `fetch`; what has arrived stays.
    """
    for name in sorted({piece.name for piece in pieces}):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    with ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(_bring, source, folder, piece, tally) for piece in pieces]
        try:
            for done in as_completed(waiting):
                on_piece(done.result())
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _bring(source: Source, folder: Path, piece: Piece, tally: Tally) -> int:
    """Bring one piece into its place and return its bytes."""
    handle = os.open(folder / piece.name, os.O_RDWR)
    try:
        there = os.pread(handle, piece.n_byte, piece.start)
        if len(there) == piece.n_byte and piece.is_good(there):
            tally.add(kept=len(there))
            return piece.n_byte
        content = fetch(source, piece, tally)
        at = piece.start
        while content:
            n = os.pwrite(handle, content, at)
            at, content = at + n, content[n:]
        return piece.n_byte
    finally:
        os.close(handle)

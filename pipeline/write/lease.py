"""Hold an output where the kernel has no locks: a lease, renewed while its holder lives.

Leases are numbered objects. Who wants the next one creates it under a condition (*only if it is not there*): the
one thing that object stores and file systems do for one of several at once. A holder renews its lease by writing it
again, and looks whether there is a higher one; a lease that was not renewed for `STALE_S` belongs to a dead run and
is passed over. Ages are told by the store's own clock, so those of the hosts need not agree. Where the holder was
a process of this very machine, and is not there any more, nobody waits.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.files.places import create, entries, is_remote, remove_files, storage_errors
from schemas.errors import OutputBusy, StorageError

__all__ = ["RENEW_S", "STALE_S", "Lease", "lease"]

RENEW_S = 15.0  # between two renewals
STALE_S = 60.0  # without one: the holder is dead, or has been cut off and stops by itself
_PREFIX, _SUFFIX = "lease-", ".json"


@contextmanager
def lease(folder: Path) -> Iterator[Lease]:
    """Hold the lease in a folder, which is there; a thread renews it.

    Raises
    ------
    OutputBusy
        When somebody else holds it; says who, where and since when.
    StorageError
        When the store refuses.
    """
    with storage_errors("the output cannot be reserved"):
        held = Lease(folder)
    try:
        yield held
    finally:
        held.release()


class Lease:
    """A lease that was taken; its maker has just done so."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._facts: dict[str, Any] = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "machine": _machine(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "token": secrets.token_hex(8),
            "released": False,
        }
        self._renewed_s = time.monotonic()
        self._number = self._take()
        self._is_lost = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True, name="lease")
        self._thread.start()

    def check(self) -> None:
        """Raise OutputBusy when the lease is not, or perhaps not, held any more: nothing may be written then."""
        if self._is_lost:
            raise OutputBusy(
                "another run has taken the output over",
                why="This one had not renewed its lease in time.",
                do="Let the other one finish.",
            )
        age_s = time.monotonic() - self._renewed_s
        if age_s > STALE_S:
            raise OutputBusy(
                "the output's lease could not be renewed",
                saw=f"{age_s:.0f} s since the last time",
                expected=f"at most {STALE_S:.0f} s",
                why="Another run may hold it by now.",
                do="Look at the network, then run the same command again.",
            )

    def release(self) -> None:
        """Let the next one have it; if that cannot be said, it finds out by the lease's age."""
        self._ended.set()
        self._thread.join()
        if not self._is_lost:
            with suppress(StorageError), storage_errors("the lease cannot be released"):
                self._write(released=True)

    def _take(self) -> int:
        """Create the lease after the highest, unless that one is held."""
        highest = max(_numbers(self._folder), default=0)
        if highest:
            _refuse_held(self._folder, _path(self._folder, highest))
        number = highest + 1
        taken = create(_path(self._folder, number), json.dumps(self._facts).encode())
        others = _numbers(self._folder)
        if not taken or max(others) > number:
            raise OutputBusy("another run has just begun to write here", do="Wait for it, or choose another --out.")
        _remove(self._folder, [n for n in others if n < number])
        return number

    def _keep(self) -> None:
        while not self._ended.wait(RENEW_S):
            with suppress(StorageError), storage_errors("the lease cannot be renewed"):
                begun_s = time.monotonic()
                self._write(released=False)
                if max(_numbers(self._folder)) > self._number:
                    self._is_lost = True
                    return
                self._renewed_s = begun_s

    def _write(self, *, released: bool) -> None:
        content = json.dumps(self._facts | {"released": released}).encode()
        _path(self._folder, self._number).write_bytes(content)


def _refuse_held(folder: Path, path: Path) -> None:
    """Raise OutputBusy when the highest lease is held by a run that may live."""
    try:
        facts = json.loads(path.read_bytes())
        if facts["released"] or _is_dead_here(facts):
            return
        holder = f"process {facts['pid']} on {facts['host']}, since {facts['since']}"
    except (ValueError, KeyError, TypeError):
        holder = "a process that has not said who it is"
    age_s = _now_s(folder) - path.stat().st_mtime
    if age_s <= STALE_S:
        raise OutputBusy(
            "another run is writing here",
            saw=holder,
            why="Two runs would write the same stores.",
            do=f"Wait for it, or stop it; if it was killed, try again in {STALE_S - age_s + 1:.0f} s.",
        )


def _is_dead_here(facts: dict[str, Any]) -> bool:
    """Whether the holder was a process of this machine and is not there any more."""
    if facts["machine"] != _machine():
        return False
    try:
        os.kill(facts["pid"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _machine() -> str:
    """Return what tells this run of this machine, and its view of processes, from all others."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return secrets.token_hex(8)  # no machine like any other: its leases end by their age


def _now_s(folder: Path) -> float:
    """Return the time by the clock that stamps the leases."""
    probe = folder / f"clock-{secrets.token_hex(8)}"
    probe.write_bytes(b"")
    now_s = probe.stat().st_mtime
    probe.unlink()
    return now_s


def _numbers(folder: Path) -> list[int]:
    names = (name for name, _ in entries(folder))
    return [int(name[len(_PREFIX) : -len(_SUFFIX)]) for name in names if name.startswith(_PREFIX)]


def _path(folder: Path, number: int) -> Path:
    return folder / f"{_PREFIX}{number:08d}{_SUFFIX}"


def _remove(folder: Path, numbers: list[int]) -> None:
    if is_remote(folder):
        remove_files(folder, [_path(folder, number).name for number in numbers])
    else:
        for number in numbers:
            _path(folder, number).unlink(missing_ok=True)

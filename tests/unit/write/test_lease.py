"""The lease: one of several holds it, a dead one loses it, and who lost it finds out."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline.write import lease as leases
from pipeline.write.lease import Lease, lease
from schemas.errors import OutputBusy

HOLDER = """
import pathlib, sys, time
from pipeline.write.lease import lease
with lease(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_holder_is_refused_and_told_who_holds(tmp_path: Path) -> None:
    """The error names process, host, time, and when to try again."""
    with lease(tmp_path), pytest.raises(OutputBusy, match=r"process \d+ on \S+, since .* try again in \d+ s"):
        _hold_a_moment(tmp_path)


def test_a_released_lease_is_free_at_once(tmp_path: Path) -> None:
    """The next one takes it without waiting, also after an error; old ones are cleared away."""
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), lease(tmp_path):
            raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["lease-00000003.json"]


def test_of_several_at_once_one_holds(tmp_path: Path) -> None:
    """Whoever comes in between, never two."""
    start, held, refused = threading.Barrier(8), list[Lease](), list[OutputBusy]()

    def try_it() -> None:
        start.wait()
        try:
            held.append(Lease(tmp_path))
        except OutputBusy as error:
            refused.append(error)

    threads = [threading.Thread(target=try_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in held:
        one.release()
    assert (len(held), len(refused)) == (1, 7)


def test_a_killed_holder_of_this_machine_is_passed_over(tmp_path: Path) -> None:
    """Its process is gone: nobody waits for the lease to grow old."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(OutputBusy, match=f"process {holder.pid} "):
            _hold_a_moment(tmp_path)
        holder.kill()
    _hold_a_moment(tmp_path)


def test_a_lease_of_another_machine_is_passed_over_when_it_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can see that process: only the age of its lease counts."""
    facts = {"pid": 1, "host": "far", "machine": "another", "since": "then", "token": "t", "released": False}
    (tmp_path / "lease-00000007.json").write_text(json.dumps(facts))
    with pytest.raises(OutputBusy, match="process 1 on far"):
        _hold_a_moment(tmp_path)
    monkeypatch.setattr(leases, "STALE_S", -1.0)
    _hold_a_moment(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["lease-00000008.json"]


def test_a_lease_that_cannot_be_read_is_held(tmp_path: Path) -> None:
    """What is unknown is not free."""
    (tmp_path / "lease-00000001.json").write_text("{")
    with pytest.raises(OutputBusy, match="has not said who it is"):
        _hold_a_moment(tmp_path)


def test_who_was_taken_over_finds_out_and_writes_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A holder that slept too long sees the higher lease at its next renewal, and leaves that one alone."""
    monkeypatch.setattr(leases, "RENEW_S", 0.01)
    with lease(tmp_path) as held:
        held.check()
        (tmp_path / "lease-00000002.json").write_text("another's")
        deadline_s = time.monotonic() + 10
        while _is_good(held) and time.monotonic() < deadline_s:
            time.sleep(0.01)
        with pytest.raises(OutputBusy, match="taken the output over"):
            held.check()
    assert (tmp_path / "lease-00000002.json").read_text() == "another's"


def test_a_lease_that_could_not_be_renewed_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older than the time after which others may take it, it must be held by nobody."""
    with lease(tmp_path) as held:
        monkeypatch.setattr(leases, "STALE_S", -1.0)
        with pytest.raises(OutputBusy, match="could not be renewed"):
            held.check()


def _is_good(held: Lease) -> bool:
    try:
        held.check()
    except OutputBusy:
        return False
    return True


def _hold_a_moment(folder: Path) -> None:
    with lease(folder):
        pass

"""Kill conversions at moments drawn over their length, and look at what they leave and what the next run does.

Importable and a program: ``python -m tests.e2e.crash_campaign ROOT OUT WORKERS`` is the run that gets killed. What
is converted, and by which command, is a `Subject`; the judgement is the same for all.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.batch import run
from pipeline.verify import verify_store
from pipeline.write.ledger import read_ledger
from tests.stub_cohort import convert, make_plan, write_nights

END_S = 60.0  # for processes to end after their parent


@dataclass(frozen=True)
class Subject:
    """What is killed: a command that converts into ``out``, and how many stores it should leave."""

    command: Sequence[str]
    out: Path
    n_recording: int


@dataclass(frozen=True)
class Moment:
    """One kill and what came of it.

    Parameters
    ----------
    share : float
        Of the undisturbed run's length.
    whole_group : bool
        Whether all processes were killed, or the parent alone.
    n_finished : int
        Stores that were published at the kill.
    n_converted : int
        Stores that the next run wrote.
    faults : tuple of str
        What should not be; empty when all is well.
    """

    share: float
    whole_group: bool
    n_finished: int
    n_converted: int
    faults: tuple[str, ...]


@dataclass(frozen=True)
class Campaign:
    """All kills, and the undisturbed run that they were drawn over."""

    n_recording: int
    undisturbed_s: float
    moments: tuple[Moment, ...]

    @property
    def n_interrupted(self) -> int:
        """Kills that left work undone."""
        return sum(moment.n_finished < self.n_recording for moment in self.moments)


def stub_subject(tmp: Path, *, n_recording: int, sleep_s: float) -> Subject:
    """Return a cohort of text files, each of which takes a while."""
    names = [f"n{i:03d}" for i in range(n_recording)]
    root = write_nights(tmp / "in", dict.fromkeys(names, f"sleep={sleep_s}"))
    out = tmp / "out"
    return Subject([sys.executable, "-m", __name__, str(root), str(out), "2"], out, n_recording)


def command_subject(tmp: Path, *, cohort: str, n_recording: int, hours: float) -> Subject:
    """Return a synthetic cohort and the command that a user would type."""
    cli, root, out = [sys.executable, "-m", "flows.cli"], tmp / "in", tmp / "out"
    size = ["--nights", str(n_recording), "--hours", str(hours)]
    subprocess.run([*cli, "synth", str(root), "--cohort", cohort, *size], check=True, stdout=subprocess.DEVNULL)
    convert = ["convert", cohort, "--root", str(root), "--out", str(out), "--workers", "2"]
    return Subject([*cli, *convert], out, n_recording)


def campaign(subject: Subject, *, n_moment: int, seed: int) -> Campaign:
    """Measure an undisturbed run, then kill others at moments drawn over its length, one in each equal part.

    The output is emptied each time; the whole process group and the parent alone are killed alternately.
    """
    shutil.rmtree(subject.out, ignore_errors=True)
    begun_s = time.monotonic()
    if faults := _finish(subject):
        raise AssertionError(f"the undisturbed run failed: {faults}")
    undisturbed_s = time.monotonic() - begun_s
    rng = random.Random(seed)
    shares = [(i + rng.random()) / n_moment for i in range(n_moment)]
    moments = (_moment(subject, share, undisturbed_s, bool(i % 2)) for i, share in enumerate(shares))
    return Campaign(subject.n_recording, round(undisturbed_s, 2), tuple(moments))


def _moment(subject: Subject, share: float, undisturbed_s: float, whole_group: bool) -> Moment:
    shutil.rmtree(subject.out, ignore_errors=True)
    _kill_after(subject, share * undisturbed_s, whole_group)
    killed_ns = time.time_ns()
    before = _stores(subject.out)
    faults = [f"torn at the kill: {problem}" for problem in _problems(subject.out, before)]
    faults += _finish(subject)
    after = _stores(subject.out)
    n_converted = sum(max(written.values()) > killed_ns for written in after.values())
    if n_converted != subject.n_recording - len(before):
        faults.append(f"{len(before)} of {subject.n_recording} were finished, {n_converted} were converted")
    faults += [f"redone: {key}" for key, written in before.items() if after.get(key) != written]
    faults += [f"written by two runs: {key}" for key, written in after.items() if _is_mixed(written, killed_ns)]
    faults += _faults_at_end(subject, after)
    return Moment(round(share, 3), whole_group, len(before), n_converted, tuple(faults))


def _faults_at_end(subject: Subject, stores: dict[str, dict[str, int]]) -> list[str]:
    faults = [f"at the end: {problem}" for problem in _problems(subject.out, stores)]
    faults += [f"left over: {path.name}" for path in subject.out.rglob("*.part*")]
    rows = read_ledger(subject.out).rows
    if not (len(stores) == len(rows) == subject.n_recording):
        faults.append(f"{subject.n_recording} recordings, {len(stores)} stores, {len(rows)} rows")
    faults += _finish(subject)
    if _stores(subject.out) != stores or read_ledger(subject.out).rows != rows:
        faults.append("a further run was not a no-op")
    return faults


def _kill_after(subject: Subject, wait_s: float, whole_group: bool) -> None:
    """Start a run in a process group of its own, kill it, and wait until all its processes are gone."""
    with subprocess.Popen(
        subject.command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            process.wait(wait_s)
        except subprocess.TimeoutExpired:
            (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)
    _wait_until_gone(process.pid)


def _wait_until_gone(group: int) -> None:
    """Workers must end by themselves when their parent is gone."""
    deadline_s = time.monotonic() + END_S
    while any(_is_running(stat, group) for stat in Path("/proc").glob("[0-9]*/stat")):
        if time.monotonic() > deadline_s:
            raise AssertionError(f"processes of the killed run were alive after {END_S:g} s")
        time.sleep(0.02)


def _is_running(stat: Path, group: int) -> bool:
    try:
        state, _, process_group, *_ = stat.read_text().rpartition(")")[2].split()
    except OSError:  # it has just ended
        return False
    return int(process_group) == group and state != "Z"


def _finish(subject: Subject) -> list[str]:
    """Run to the end; return what the ledger says where the command says that not all is well."""
    ended = subprocess.run(subject.command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if ended.returncode == 0:
        return []
    failed = [
        f"{row.key}: {row.reason}: {row.detail}" for row in read_ledger(subject.out).rows.values() if row.reason
    ]
    return [f"exit code {ended.returncode}", *failed]


def _stores(out: Path) -> dict[str, dict[str, int]]:
    """Return, of every published store, its files' modification times in ns."""
    return {
        f"{store.parent.name}/{store.stem}": {
            str(file.relative_to(store)): file.stat().st_mtime_ns for file in store.rglob("*") if file.is_file()
        }
        for store in out.glob("*/*.zarr")
    }


def _problems(out: Path, stores: dict[str, dict[str, int]]) -> list[str]:
    return [f"{key}: {problem}" for key in stores for problem in verify_store(out / f"{key}.zarr").problems]


def _is_mixed(written_ns: dict[str, int], killed_ns: int) -> bool:
    return len({time_ns > killed_ns for time_ns in written_ns.values()}) > 1


if __name__ == "__main__":
    run(make_plan(Path(sys.argv[1]), Path(sys.argv[2])), convert, workers=int(sys.argv[3]))

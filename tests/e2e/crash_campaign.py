"""Kill conversions, and look at what they leave and what the next run does.

`campaign` draws the moments over the length of an undisturbed run; `kill_at` waits for stores to appear, which no
busy machine can upset. What is converted, and by which command, is a `Subject`; the judgement is the same.
``python -m tests.e2e.crash_campaign ROOT OUT [local]`` is the stub's command, on a Dask cluster with the last word.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.batch.executors import open_executor
from pipeline.batch.run import run
from pipeline.write.ledger import read_ledger
from tests.aftermath import Aftermath, unsettled, unsound, wait_until_gone, written
from tests.stub_cohort import convert, make_plan, write_nights


@dataclass(frozen=True)
class Subject:
    """What is killed: a command that converts into ``out``, and how many stores it should leave.

    Parameters
    ----------
    gate : Path or None
        A file without which the last recordings cannot end; it is there only while a run shall end.
    """

    command: Sequence[str]
    out: Path
    n_recording: int
    gate: Path | None = None

    def open_gate(self, *, is_open: bool) -> None:
        """Let runs end, or not."""
        if self.gate and is_open:
            self.gate.touch()
        elif self.gate:
            self.gate.unlink(missing_ok=True)


@dataclass(frozen=True)
class Moment:
    """One kill and what came of it.

    Parameters
    ----------
    when : str
        What the kill waited for.
    whole_group : bool
        Whether all processes were killed, or the parent alone.
    n_finished : int
        Stores that were published at the kill.
    n_converted : int
        Stores that the next run wrote.
    faults : tuple of str
        What should not be; empty when all is well.
    """

    when: str
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


def stub_subject(tmp: Path, *, n_quick: int, n_gated: int, on_dask: bool = False) -> Subject:
    """Return a cohort of text files, the last of which wait for the gate."""
    gate, out = tmp / "gate", tmp / "out"
    texts = [""] * n_quick + [f"until={gate}"] * n_gated
    root = write_nights(tmp / "in", {f"n{i:03d}": text for i, text in enumerate(texts)})
    command = [sys.executable, "-m", __name__, str(root), str(out), *(["local"] if on_dask else [])]
    return Subject(command, out, len(texts), gate)


def command_subject(tmp: Path, *, cohort: str, n_recording: int, hours: float, on_dask: bool = False) -> Subject:
    """Return a synthetic cohort and the command that a user would type."""
    cli, root, out = [sys.executable, "-m", "flows.cli"], tmp / "in", tmp / "out"
    size = ["--nights", str(n_recording), "--hours", str(hours)]
    subprocess.run([*cli, "synth", str(root), "--cohort", cohort, *size], check=True, stdout=subprocess.DEVNULL)
    convert = ["convert", cohort, "--root", str(root), "--out", str(out), "--workers", "2"]
    convert += ["--dask", "local"] if on_dask else []
    return Subject([*cli, *convert], out, n_recording)


def campaign(subject: Subject, *, n_moment: int, seed: int) -> Campaign:
    """Measure an undisturbed run, then kill others at moments drawn over its length, one in each equal part.

    The output is emptied each time; the parent alone and the whole process group are killed alternately. The first
    run of all is not the measured one: it warms the caches.
    """
    for _ in range(2):
        shutil.rmtree(subject.out, ignore_errors=True)
        begun_s = time.monotonic()
        if faults := _finish(subject):
            raise AssertionError(f"the undisturbed run failed: {faults}")
        undisturbed_s = time.monotonic() - begun_s
    rng = random.Random(seed)
    moments = []
    for i in range(n_moment):
        wait_s = (i + rng.random()) / n_moment * undisturbed_s
        moments.append(_moment(subject, f"{wait_s:.2f} s", partial(_has_passed, wait_s), bool(i % 2)))
    return Campaign(subject.n_recording, round(undisturbed_s, 2), tuple(moments))


def kill_at(subject: Subject, n_store: int, *, whole_group: bool) -> Moment:
    """Kill a run when so many stores are published and another one is begun."""
    return _moment(subject, f"{n_store} stores", partial(_has_stores, subject.out, n_store), whole_group)


def kill_worker_at(subject: Subject, n_store: int, *, seed: int) -> Aftermath:
    """Kill a Dask worker soon after so many stores are published; the run must come to its end by itself."""
    draw = random.Random(seed)
    wait_s = draw.uniform(0.0, 0.5)
    is_due = partial(_has_stores, subject.out, n_store)
    return _kill_worker(subject, f"{n_store} stores + {wait_s:.2f} s", is_due, wait_s, draw)


def kill_first_worker(subject: Subject) -> Aftermath:
    """Kill a Dask worker as soon as there is one, before the cluster is complete."""
    return _kill_worker(subject, "the first worker", partial(_has_passed, 0.0), 0.0, random.Random(0))


def _has_passed(wait_s: float, elapsed_s: float) -> bool:
    return elapsed_s >= wait_s


def _has_stores(out: Path, n_store: int, elapsed_s: float) -> bool:
    return len(list(out.glob("*/*.zarr"))) >= n_store and any(out.glob("*/*.part*"))


def _moment(subject: Subject, when: str, is_due: Callable[[float], bool], whole_group: bool) -> Moment:
    shutil.rmtree(subject.out, ignore_errors=True)
    subject.open_gate(is_open=False)
    _kill_when(subject, is_due, whole_group)
    killed_ns = time.time_ns()
    before = written(subject.out)
    faults = [f"torn at the kill: {problem}" for problem in unsound(subject.out)]
    faults += _finish(subject)
    after = written(subject.out)
    n_converted = sum(max(files.values()) > killed_ns for files in after.values())
    if n_converted != subject.n_recording - len(before):
        faults.append(f"{len(before)} of {subject.n_recording} were finished, {n_converted} were converted")
    faults += [f"redone: {key}" for key, files in before.items() if after.get(key) != files]
    faults += [f"written by two runs: {key}" for key, files in after.items() if _is_mixed(files, killed_ns)]
    faults += _faults_at_end(subject)
    return Moment(when, whole_group, len(before), n_converted, tuple(faults))


def _kill_worker(
    subject: Subject, when: str, is_due: Callable[[float], bool], wait_s: float, draw: random.Random
) -> Aftermath:
    shutil.rmtree(subject.out, ignore_errors=True)
    subject.open_gate(is_open=False)
    begun_s = time.monotonic()
    with subprocess.Popen(
        subject.command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None and not (is_due(time.monotonic() - begun_s) and _dask_workers(process.pid)):
            time.sleep(0.02)
        time.sleep(wait_s)
        before = written(subject.out)
        if workers := _dask_workers(process.pid):
            os.kill(draw.choice(workers), signal.SIGKILL)
        subject.open_gate(is_open=True)
        faults = [f"exit code {code}"] if (code := process.wait()) else []
    torn = unsound(subject.out)
    faults += _faults_of_a_further_run(subject)
    redone = tuple(key for key, files in before.items() if written(subject.out).get(key) != files)
    faults += unsettled(subject.out, subject.n_recording)
    return Aftermath(when, subject.n_recording, len(before), redone, (*torn, *unsound(subject.out)), tuple(faults))


def _dask_workers(parent: int) -> list[int]:
    """Return the processes that the run's cluster has started; what these start converts."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            of = int(stat.read_text().rpartition(")")[2].split()[1])
            if of == parent and b"spawn_main" in (stat.parent / "cmdline").read_bytes():
                found.append(int(stat.parent.name))
        except OSError:  # it has just ended
            continue
    return sorted(found)


def _faults_at_end(subject: Subject) -> list[str]:
    faults = [f"at the end: {problem}" for problem in unsound(subject.out)]
    return [*faults, *unsettled(subject.out, subject.n_recording), *_faults_of_a_further_run(subject)]


def _faults_of_a_further_run(subject: Subject) -> list[str]:
    stores, rows = written(subject.out), read_ledger(subject.out).rows
    faults = _finish(subject)
    if written(subject.out) != stores or read_ledger(subject.out).rows != rows:
        faults.append("a further run was not a no-op")
    return faults


def _kill_when(subject: Subject, is_due: Callable[[float], bool], whole_group: bool) -> None:
    """Start a run in a process group of its own, kill it, and wait until all its processes are gone."""
    begun_s = time.monotonic()
    with subprocess.Popen(
        subject.command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None and not is_due(time.monotonic() - begun_s):
            time.sleep(0.02)
        if process.poll() is None:
            (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)
    wait_until_gone(process.pid)


def _finish(subject: Subject) -> list[str]:
    """Run to the end; return what the ledger says where the command says that not all is well."""
    subject.open_gate(is_open=True)
    ended = subprocess.run(subject.command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if ended.returncode == 0:
        return []
    failed = [
        f"{row.key}: {row.reason}: {row.detail}" for row in read_ledger(subject.out).rows.values() if row.reason
    ]
    return [f"exit code {ended.returncode}", *failed]


def _is_mixed(written_ns: dict[str, int], killed_ns: int) -> bool:
    return len({time_ns > killed_ns for time_ns in written_ns.values()}) > 1


if __name__ == "__main__":
    root, out, *dask = sys.argv[1:]
    with open_executor(*dask, workers=2) as executor:
        run(make_plan(Path(root), Path(out)), convert, executor=executor)

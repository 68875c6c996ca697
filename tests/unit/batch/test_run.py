"""Carrying out a plan: one outcome a recording, whatever happens to it; judged by folders and the ledger."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.batch.attempt import Failed, attempt
from pipeline.batch.executors import Processes
from pipeline.batch.run import Progress, RunReport, _jobs, run
from pipeline.batch.workers import in_workers
from pipeline.verify.store import verify_store
from pipeline.write.ledger import Row, read_ledger
from pipeline.write.lock import hold
from pipeline.write.publish import remove_leftovers
from schemas.errors import OutputBusy, StorageFull, WorkerDied
from schemas.vocabulary import Outcome
from tests.stub_cohort import SECRET, convert, make_plan, manifest, write_nights

TIMEOUT_S = 10.0
EXPECTED = {  # night: (what the stub is told, outcome, reason)
    "a": ("warning", Outcome.CONVERTED_WITH_FINDINGS, None),
    "b": ("info", Outcome.CONVERTED, None),
    "c": ("corrupt", Outcome.FAILED, "edf_corrupt"),
    "d": ("surprise", Outcome.FAILED, "internal_error"),
    "e": ("die", Outcome.FAILED, "worker_died"),
    "f": ("die={tmp}/died", Outcome.CONVERTED, None),
    "g": ("sleep=600", Outcome.FAILED, "recording_timeout"),
    "h": ("refuse={tmp}/refused,1", Outcome.CONVERTED, None),
    "i": ("touch", Outcome.FAILED, "source_changed"),
    "j": ("", Outcome.EXCLUDED, "excluded_by_manifest"),
    "k": ("", Outcome.CONVERTED, None),
}
EXCLUDE_J = [{"key": "j", "reason": "too dark", "source": "the night nurse"}]


@dataclass(frozen=True)
class Eventful:
    """A run in which everything happens."""

    out: Path
    report: RunReport
    progress: list[Progress]
    seen_rows: list[int]

    @property
    def rows(self) -> dict[str, Row]:
        return {key: row for (_, key), row in read_ledger(self.out).rows.items()}


@pytest.fixture(scope="module")
def eventful(tmp_path_factory: pytest.TempPathFactory) -> Eventful:
    """The nights of `EXPECTED`, converted by two workers."""
    tmp = tmp_path_factory.mktemp("eventful")
    root = write_nights(tmp / "in", {name: text.format(tmp=tmp) for name, (text, _, _) in EXPECTED.items()})
    out = tmp / "out"
    unfinished = out / "stub" / "z.zarr.part-0123456789ab"
    unfinished.mkdir(parents=True)
    (out / "stub" / "notes.part-1").touch()
    progress, seen = list[Progress](), list[int]()

    def note(event: Progress) -> None:
        progress.append(event)
        seen.append(len(read_ledger(out).rows))

    plan = make_plan(root, out, manifest(exclude=EXCLUDE_J))
    return Eventful(out, run(plan, convert, workers=2, on_progress=note, timeout_s=TIMEOUT_S), progress, seen)


@pytest.mark.parametrize("name", EXPECTED)
def test_every_recording_has_its_outcome_and_reason(eventful: Eventful, name: str) -> None:
    """One row a recording says how it ended, and only that one suffers from its fault."""
    _, outcome, reason = EXPECTED[name]
    assert (outcome, reason) == (eventful.rows[name].outcome, eventful.rows[name].reason)


def test_a_store_is_there_exactly_when_the_ledger_says_so(eventful: Eventful) -> None:
    """Published stores verify, agree with their rows, and nothing else of ours is in the folder."""
    converted = {name for name, row in eventful.rows.items() if row.store is not None}
    assert {f"{name}.zarr" for name in converted} | {"notes.part-1"} == set(os.listdir(eventful.out / "stub"))
    for name in converted:
        path = eventful.out / "stub" / f"{name}.zarr"
        row = eventful.rows[name]
        attrs = json.loads((path / "zarr.json").read_text())["attributes"]
        assert row.store is not None
        assert verify_store(path, expected_root_digest=row.store.root_digest).problems == ()
        assert (row.fingerprint, row.store.n_epoch) == (attrs["fingerprint"], 2)


def test_the_report_counts_what_happened(eventful: Eventful) -> None:
    """Outcomes, reasons, new stores and leftovers add up, and a failing run ends in the command to type next."""
    report = eventful.report
    assert (dict(report.outcomes)) == {
        Outcome.CONVERTED: 4,
        Outcome.CONVERTED_WITH_FINDINGS: 1,
        Outcome.EXCLUDED: 1,
        Outcome.FAILED: 5,
    }
    assert {reason for _, outcome, reason in EXPECTED.values() if outcome is Outcome.FAILED} == set(report.failures)
    assert (report.n_converted, report.n_unchanged, report.n_leftover) == (5, 0, 1)
    assert f"sleep2vec quarantine list {eventful.out}" == report.next_command


def test_a_recording_is_reported_when_its_row_is_on_the_disk(eventful: Eventful) -> None:
    """At each report the ledger has all rows so far: one exclusion, then one more row each time."""
    n_done = [event.n_done for event in eventful.progress]
    assert list(range(1, 11)) == n_done
    assert [1 + n for n in n_done] == eventful.seen_rows
    assert {10} == {event.n_total for event in eventful.progress}


def test_nothing_personal_reaches_the_ledger(eventful: Eventful) -> None:
    """An unexpected exception leaves its class and places, not its text; paths stay relative."""
    text = "".join(path.read_text() for path in eventful.out.rglob("*.jsonl"))
    assert SECRET not in text
    assert str(eventful.out.parent) not in text
    assert eventful.rows["d"].detail is not None
    assert eventful.rows["d"].detail.startswith("ValueError at stub_cohort.py:")


def test_findings_are_counted_in_the_row(eventful: Eventful) -> None:
    """Rows are slim: codes and how often, no messages."""
    assert dict(eventful.rows["a"].findings) == {"PSG-A001": 1}


def test_only_leftovers_of_stores_are_removed(tmp_path: Path) -> None:
    """Somebody else's files survive, even if their names contain the same letters."""
    for name in ("a/b.zarr.part-00ff", "a/film.part-1", "a/b.zarr", "c.zarr.part-00ff"):
        (tmp_path / name).mkdir(parents=True)
    assert remove_leftovers(tmp_path) == 1
    assert sorted(os.listdir(tmp_path / "a")) == ["b.zarr", "film.part-1"]


@pytest.mark.parametrize(("number", "n_try"), [(errno.EIO, 4), (errno.EACCES, 1)])
def test_a_disk_that_refuses_fails_the_recording_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, n_try: int
) -> None:
    """A system's error is a storage error with its kind and without its text; asked again only where that helps."""
    monkeypatch.setattr("pipeline.batch.patience._WAITS_S", (0.0, 0.0, 0.0))
    root = write_nights(tmp_path / "in", {"a": f"count={tmp_path}/log oserror={number}"})
    answer = attempt(_jobs(make_plan(root, tmp_path / "out"))[0], convert, manifest())
    assert isinstance(answer, Failed)
    assert (answer.reason, answer.detail, answer.ends_run) == (
        "storage_error",
        f"stub/a: the disk refused: saw {os.strerror(number)}.",
        False,
    )
    assert len((tmp_path / "log").read_text().split()) == n_try


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_disk_ends_the_run_and_the_next_one_goes_on(tmp_path: Path, number: int) -> None:
    """No recording is blamed for the disk: what is finished stays, and nothing else has an outcome.

    The worker may be at the next recording by then; that one is given up, and no other begins.
    """
    room = tmp_path / "room"
    full = f"unless={room} oserror={number}"
    nights = {"a": "", "b": full, "c": f"until={room}", "d": f"count={tmp_path}/log"}
    root = write_nights(tmp_path / "in", nights)
    out = tmp_path / "out"
    with pytest.raises(StorageFull, match=rf"stub/b: the disk refused: saw {os.strerror(number)}\. .*Make room"):
        run(make_plan(root, out), convert, timeout_s=60)
    assert [key for _, key in read_ledger(out).rows] == ["a"]
    assert os.listdir(out / "stub") == ["a.zarr"]
    assert not (tmp_path / "log").exists()
    room.touch()
    assert (run(make_plan(root, out), convert).n_converted, len(read_ledger(out).rows)) == (3, 4)


def test_a_recording_that_needs_too_much_memory_says_so(tmp_path: Path) -> None:
    """A worker's limit of memory fails the recording that runs into it, and no other."""
    root = write_nights(tmp_path / "in", {"a": "hog=4000", "b": ""})
    report = run(make_plan(root, tmp_path / "out"), convert, executor=Processes(1, memory_byte=2 * 10**9))
    assert {row.key: row.reason for row in report.failed} == {"a": "out_of_memory"}
    assert report.n_converted == 1


def test_a_plan_that_became_outdated_is_refused(tmp_path: Path) -> None:
    """Between planning and running nobody else may have written."""
    root = write_nights(tmp_path / "in", {"a": "", "b": ""})
    early = make_plan(root, tmp_path / "out", manifest(exclude=[{**EXCLUDE_J[0], "key": "a"}]), only="a")
    late = make_plan(root, tmp_path / "out")
    run(early, convert)
    with pytest.raises(OutputBusy, match="since this plan was made"):
        run(late, convert)


def test_a_second_run_is_refused_while_the_first_lasts(tmp_path: Path) -> None:
    """The lock belongs to one run, and the error says who has it."""
    plan = make_plan(write_nights(tmp_path / "in", {"a": ""}), tmp_path / "out")
    with hold(tmp_path / "out"), pytest.raises(OutputBusy, match=rf"process {os.getpid()} on "):
        run(plan, convert)


def _interrupt_after_one(_: Progress) -> None:
    raise KeyboardInterrupt


def test_an_interruption_leaves_everything_consistent(tmp_path: Path) -> None:
    """Ctrl-C kills the workers and removes what is unfinished; the next run does only the rest."""
    log = tmp_path / "log"
    root = write_nights(tmp_path / "in", {"a": f"count={log}", "b": f"count={log} sleep=1", "c": f"count={log}"})
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run(make_plan(root, out), convert, workers=2, on_progress=_interrupt_after_one)
    done = [key for _, key in read_ledger(out).rows]
    assert [f"{key}.zarr" for key in done] == os.listdir(out / "stub")
    log.unlink()
    report = run(make_plan(root, out), convert)
    assert (3 - len(done), 0) == (report.n_converted, report.n_leftover)
    assert sorted({"a", "b", "c"} - set(done)) == sorted(log.read_text().split())


def _square(number: int) -> int:
    return number * number


def _fail_to_load() -> Any:
    raise RuntimeError("this cannot be loaded")


class _Unloadable:
    def __reduce__(self) -> tuple[Any, ...]:
        return _fail_to_load, ()

    def __call__(self, job: int) -> int:
        return job


def test_workers_do_every_job_once() -> None:
    """More jobs than workers, and more workers than jobs."""
    for n_worker, n_job in ((2, 7), (3, 1)):
        answers = dict(in_workers(range(n_job), _square, workers=n_worker, timeout_s=None))
        assert {n: n * n for n in range(n_job)} == answers


def test_workers_that_cannot_begin_end_the_run() -> None:
    """A converter that cannot be imported is not tried for every recording in turn."""
    with pytest.raises(WorkerDied, match="before it could begin"):
        list(in_workers([1, 2], _Unloadable(), workers=1, timeout_s=None))


def test_workers_have_one_thread_each_and_the_parent_keeps_its_own() -> None:
    """Two workers on two cores do not become two times two threads."""
    before = dict(os.environ)
    [(_, value)] = in_workers(["OPENBLAS_NUM_THREADS"], os.getenv, workers=1, timeout_s=None)
    assert before.get("OPENBLAS_NUM_THREADS", "1") == value
    assert before == dict(os.environ)

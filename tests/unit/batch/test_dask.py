"""A Dask cluster does the work of a run as processes of our own do, and loses nothing when it loses workers."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.batch.executors import Executor, open_executor
from pipeline.batch.run import Progress, RunReport, run
from pipeline.verify.store import verify_store
from pipeline.write.ledger import read_ledger
from schemas.errors import WorkerDied
from schemas.vocabulary import Outcome
from tests.stub_cohort import convert, make_plan, write_nights

TIMEOUT_S = 10.0
NIGHTS = {  # night: (what the stub is told, outcome, reason)
    "a": ("warning count={tmp}/log", Outcome.CONVERTED_WITH_FINDINGS, None),
    "b": ("corrupt", Outcome.FAILED, "edf_corrupt"),
    "c": ("die", Outcome.FAILED, "worker_died"),
    "d": ("die={tmp}/died", Outcome.CONVERTED, None),
    "e": ("sleep=600", Outcome.FAILED, "recording_timeout"),
    "f": ("count={tmp}/log", Outcome.CONVERTED, None),
    "g": ("hog=60000", Outcome.FAILED, "out_of_memory"),
    "h": ("die_with_parent={tmp}/parent count={tmp}/log", Outcome.CONVERTED, None),
    "i": ("count={tmp}/log", Outcome.CONVERTED, None),
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Executor]:
    """Two Dask workers."""
    with open_executor("local", workers=2) as executor:
        yield executor


@pytest.fixture(scope="module")
def eventful(cluster: Executor, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunReport]:
    """A run in which processes die, hang and take too much, and one Dask worker is killed."""
    tmp = tmp_path_factory.mktemp("eventful")
    root = write_nights(tmp / "in", {name: text.format(tmp=tmp) for name, (text, _, _) in NIGHTS.items()})
    report = run(make_plan(root, tmp / "out"), convert, executor=cluster, timeout_s=TIMEOUT_S)
    return tmp / "out", report


def test_every_recording_has_its_outcome(eventful: tuple[Path, RunReport]) -> None:
    """What hangs, dies or takes too much fails alone; what a lost worker was at is done by another."""
    out, _ = eventful
    rows = {key: (row.outcome, row.reason) for (_, key), row in read_ledger(out).rows.items()}
    assert rows == {name: (outcome, reason) for name, (_, outcome, reason) in NIGHTS.items()}


def test_stores_are_whole_and_nothing_is_left(eventful: tuple[Path, RunReport]) -> None:
    """Stores of attempts that were lost never get a name."""
    out, report = eventful
    good = {name for name, (_, outcome, _) in NIGHTS.items() if outcome is not Outcome.FAILED}
    assert {f"{name}.zarr" for name in good} == set(os.listdir(out / "stub"))
    assert [verify_store(out / "stub" / f"{name}.zarr").problems for name in sorted(good)] == [()] * len(good)
    assert report.n_converted == len(good)


def test_what_was_done_is_not_done_again(eventful: tuple[Path, RunReport]) -> None:
    """Only the recording at which the worker was lost began twice, and the one after it perhaps."""
    out, _ = eventful
    begun = (out.parent / "log").read_text().split()
    assert begun.count("a") == 1
    assert begun.count("f") <= 2


@pytest.mark.system
def test_processes_and_dask_write_the_same_bytes(cluster: Executor, tmp_path: Path) -> None:
    """Every file of every store is the same wherever the work was done."""
    root = write_nights(tmp_path / "in", {"a": "", "b": "warning", "c": "info"})
    run(make_plan(root, tmp_path / "pool"), convert, workers=2)
    run(make_plan(root, tmp_path / "dask"), convert, executor=cluster)
    pool, dask = (_files(tmp_path / name / "stub") for name in ("pool", "dask"))
    assert (pool, len(pool) > 30) == (dask, True)


@pytest.mark.usefixtures("ctrl_c")
def test_an_interruption_ends_the_work_and_the_cluster_stays(cluster: Executor, tmp_path: Path) -> None:
    """Ctrl-C kills what is being done; the same cluster does the rest in the next run."""
    log = f"count={tmp_path}/log"
    root = write_nights(tmp_path / "in", {"a": log, "b": f"unless={tmp_path}/go sleep=600", "c": log})
    out = tmp_path / "out"
    cluster.args[0].wait_for_workers(
        2, timeout=60
    )  # one was killed before; behind the sleeper nothing would be done
    with pytest.raises(KeyboardInterrupt):
        run(make_plan(root, out), convert, executor=cluster, on_progress=_interrupt_after(2), timeout_s=60)
    assert sorted(os.listdir(out / "stub")) == ["a.zarr", "c.zarr"]
    (tmp_path / "go").touch()
    assert run(make_plan(root, out), convert, executor=cluster).n_converted == 1
    assert sorted((tmp_path / "log").read_text().split()) == ["a", "c"]


def test_an_address_where_nobody_is_ends_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong address is said, soon."""
    monkeypatch.setattr("pipeline.batch.dask_executor._ANSWER_S", "1s")
    with (
        pytest.raises(WorkerDied, match=r"scheduler does not answer: saw tcp://127\.0\.0\.1:9"),
        open_executor("tcp://127.0.0.1:9"),
    ):
        pass


def _interrupt_after(n: int) -> Callable[[Progress], None]:
    def interrupt(progress: Progress) -> None:
        if progress.n_done == n:
            os.kill(os.getpid(), signal.SIGINT)

    return interrupt


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

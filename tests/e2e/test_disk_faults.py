"""Disks that are full, closed or gone: a clear error, nothing lost, and the next run completes."""

from __future__ import annotations

import ctypes
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.batch.run import run
from pipeline.verify.store import verify_store
from pipeline.write.ledger import read_ledger
from pipeline.write.publish import n_unfinished, published
from schemas.errors import SourceMissing
from tests.stub_cohort import convert, make_plan, write_nights
from tests.stub_run import stub_run

_SMALL = 4096  # bytes of a file: the root document of a store needs more
_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 24, 1, 2  # Linux, prctl(2), capabilities(7)


def _small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (_SMALL, _SMALL))


def _modes_count() -> None:
    """Let file modes hold for this process, also where it runs as root."""
    for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three nights, which note when their conversion begins, and an output in which the first is finished."""
    tmp = tmp_path_factory.mktemp("made")
    (tmp / "log").touch()
    write_nights(tmp / "in", dict.fromkeys("abc", f"count={tmp}/log"))
    run(make_plan(tmp / "in", tmp / "out", only="a"), convert)
    return tmp


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """The nights, to be damaged."""
    return Path(shutil.copytree(made / "in", tmp_path / "in"))


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    """The output, to be damaged."""
    return Path(shutil.copytree(made / "out", tmp_path / "out"))


def _state(out: Path) -> tuple[set[str], int]:
    """Return recordings with a sound store and a row, and how many stores are unfinished."""
    stores = published(out)
    assert [store for store in stores if verify_store(store).problems] == []
    rows = {key for (_, key), row in read_ledger(out).rows.items() if row.store is not None}
    assert {store.stem for store in stores} == rows
    return rows, n_unfinished(out)


def _completes(root: Path, out: Path, made: Path) -> None:
    """The next run does what is missing and nothing else."""
    before = _state(out)[0]
    (made / "log").write_text("")
    assert run(make_plan(root, out), convert).failed == ()
    assert _state(out) == ({"a", "b", "c"}, 0)
    assert set((made / "log").read_text().split()) == {"a", "b", "c"} - before


def test_a_full_disk_ends_the_run(root: Path, out: Path, made: Path) -> None:
    """No further recording is tried and none is called failed: the disk is at fault."""
    code, said = stub_run(root, out, _small_files)
    assert (code, said.count("\n")) == (1, 1)
    assert "the run has ended" in said
    assert "Make room" in said
    assert _state(out) == ({"a"}, 0)
    assert len(read_ledger(out).rows) == 1
    _completes(root, out, made)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for some of twelve stores: their small files take a page each."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.system
def test_a_full_file_system_ends_the_run(tiny_disk: Path, tmp_path: Path) -> None:
    """Stores that still fit stay; with room made, the rest follows. Needs the right to mount."""
    (tmp_path / "log").touch()
    root = write_nights(tmp_path / "in", {f"n{i:02d}": f"count={tmp_path}/log" for i in range(12)})
    out = tiny_disk / "out"
    code, said = stub_run(root, out)
    assert (code, "No space left" in said) == (1, True), said
    finished = set(_state(out)[0])
    assert 0 < len(finished) < 12
    subprocess.run(["mount", "-o", "remount,size=100m", str(tiny_disk)], check=True)
    assert stub_run(root, out) == (0, "")
    done = (tmp_path / "log").read_text().split()
    assert [name for name in finished if done.count(name) > 1] == []


@pytest.mark.system
def test_a_read_only_file_system_is_told(tiny_disk: Path, root: Path, made: Path) -> None:
    """Nothing begins; mounted as it should be, the rest follows. Needs the right to mount."""
    out = Path(shutil.copytree(made / "out", tiny_disk / "out"))
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    code, said = stub_run(root, out)
    assert (code, "the output folder cannot be used: saw Read-only file system" in said) == (1, True), said
    assert _state(out) == ({"a"}, 0)
    subprocess.run(["mount", "-o", "remount,rw", str(tiny_disk)], check=True)
    _completes(root, out, made)


def test_an_output_that_may_not_be_written_is_told(root: Path, out: Path, made: Path) -> None:
    """Read-only folders, and a file where a folder should be: nothing begins."""
    folders = [out, out / ".ledger", out / ".ledger" / "segments"]
    for path in [*folders, *(out / ".ledger").glob("lock")]:
        path.chmod(0o500)
    code, said = stub_run(root, out, _modes_count)
    assert (code, "the output folder cannot be used: saw Permission denied" in said) == (1, True), said
    for path in [*folders, *(out / ".ledger").glob("lock")]:
        path.chmod(0o700)
    assert _state(out) == ({"a"}, 0)
    _completes(root, out, made)
    (root.parent / "file").touch()
    code, said = stub_run(root, root.parent / "file")
    assert (code, "the output folder cannot be used: saw" in said) == (1, True), said


def test_a_source_that_may_not_be_listed_is_told(root: Path, out: Path, made: Path) -> None:
    """The folder is named within the root; what was converted is left alone."""
    (root / "nights").chmod(0)
    code, said = stub_run(root, out, _modes_count)
    (root / "nights").chmod(0o700)
    assert (code, said.startswith("nights: a folder of the source cannot be listed")) == (1, True), said
    _completes(root, out, made)


def test_a_source_that_vanishes_costs_its_own_recording(root: Path, out: Path, made: Path) -> None:
    """Between plan and conversion a file goes: that recording says so, and comes back with its file."""
    plan = make_plan(root, out)
    away = shutil.move(root / "nights" / "b.edf", root.parent / "b.edf")
    report = run(plan, convert)
    assert {row.key: row.reason for row in report.failed} == {"b": "source_missing"}
    shutil.move(away, root / "nights" / "b.edf")
    assert _state(out) == ({"a", "c"}, 0)
    _completes(root, out, made)


def test_a_download_that_vanishes_is_told_and_costs_nothing(root: Path, out: Path, made: Path) -> None:
    """A lost mount ends the plan; stores and rows stay."""
    root.rename(root.with_name("elsewhere"))
    with pytest.raises(SourceMissing, match="the root is not a folder"):
        make_plan(root, out)
    root.with_name("elsewhere").rename(root)
    _completes(root, out, made)

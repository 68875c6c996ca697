"""The audit of a whole output: every store that is there or should be, and what an operator should know."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline import process
from pipeline.batch.audit import audit
from pipeline.batch.convert import convert_recording
from pipeline.batch.plan import plan
from pipeline.batch.run import run
from pipeline.files.discover import discover
from pipeline.write.ledger import LedgerWriter, Row, now, read_ledger
from schemas.errors import StoreIncomplete
from schemas.vocabulary import Outcome
from tests.small_cohort import manifest, signals, write_night
from tests.stub_cohort import convert, make_plan, write_nights


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp = tmp_path_factory.mktemp("stub")
    run(make_plan(write_nights(tmp / "in", {"a": "", "b": "", "c": ""}), tmp / "out"), convert)
    return tmp / "out"


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    """An output of three nights of text, to be damaged."""
    return Path(shutil.copytree(made, tmp_path / "out"))


def test_a_good_output_has_no_problems(out: Path) -> None:
    """Three stores are looked at and nothing is said."""
    report = audit(out)
    assert report.to_json() == {"n_stores": 3, "n_compared": 0, "problems": [], "notes": ()}


def deleted(out: Path) -> None:
    shutil.rmtree(out / "stub" / "b.zarr")


def flipped_byte(out: Path) -> None:
    file = out / "stub" / "b.zarr" / "spo2" / "c" / "0" / "0"
    content = bytearray(file.read_bytes())
    content[3] ^= 1
    file.write_bytes(content)


def truncated(out: Path) -> None:
    file = out / "stub" / "b.zarr" / "spo2" / "c" / "0" / "0"
    file.write_bytes(file.read_bytes()[:-5])


def lost_file(out: Path) -> None:
    (out / "stub" / "b.zarr" / "stage" / "zarr.json").unlink()


def other_root(out: Path) -> None:
    """A store that is sound by itself and not the one that was published."""
    shutil.rmtree(out / "stub" / "b.zarr")
    shutil.copytree(out / "stub" / "c.zarr", out / "stub" / "b.zarr")


DAMAGES: dict[str, tuple[Callable[[Path], None], str, str, str]] = {
    "a store deleted": (deleted, "V1", "zarr.json", "store_incomplete"),
    "a byte flipped": (flipped_byte, "V2", "spo2/c/0/0", "store_corrupt"),
    "a file truncated": (truncated, "V2", "spo2/c/0/0", "store_corrupt"),
    "a file lost": (lost_file, "V2", "stage/zarr.json", "store_incomplete"),
    "another store in its place": (other_root, "V2", "zarr.json", "store_corrupt"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named_with_recording_and_file(out: Path, damage: str) -> None:
    """One store is damaged: one problem, with the recording, the rule, the file and the reason."""
    harm, rule, file, reason = DAMAGES[damage]
    harm(out)
    report = audit(out)
    found = [(p.recording, p.problem.rule, p.problem.file, p.problem.reason) for p in report.problems]
    assert found == [("stub/b", rule, file, reason)]
    assert report.n_stores == 3


def test_two_workers_find_the_same(out: Path) -> None:
    """The answer does not depend on the number of processes."""
    deleted(out)
    assert audit(out, workers=2) == audit(out)


def test_a_store_that_the_ledger_does_not_know_is_looked_at(out: Path) -> None:
    """It is verified like the others, damage included, and the operator is told."""
    shutil.copytree(out / "stub" / "a.zarr", out / "stub" / "new.zarr")
    (out / "stub" / "new.zarr" / "spo2" / "c" / "0" / "0").unlink()
    report = audit(out)
    assert report.notes == ("1 stores are not in the ledger; the next convert adopts them",)
    assert [(p.recording, p.problem.rule) for p in report.problems] == [("stub/new", "V2")]


def test_a_store_whose_recording_failed_since_is_told(out: Path) -> None:
    """It stays, is verified like the others, and nobody is told that it will be adopted."""
    with LedgerWriter(out) as ledger:
        ledger.append(Row("stub", "a", Outcome.FAILED, now(), reason="edf_truncated"))
    report = audit(out)
    assert (report.n_stores, report.problems) == (3, ())
    assert [note.split(";")[0] for note in report.notes] == ["1 stores are of an earlier run"]


def test_an_unfinished_store_is_no_store(out: Path) -> None:
    """What a killed run left is counted and not judged."""
    (out / "stub" / "d.zarr.part-0123456789ab" / "spo2").mkdir(parents=True)
    report = audit(out)
    assert (report.n_stores, report.problems) == (3, ())
    assert [note.split()[:3] for note in report.notes] == [["1", "unfinished", "stores"]]


def test_a_folder_without_stores_is_refused(tmp_path: Path) -> None:
    """Nothing to verify is not the same as nothing wrong."""
    with pytest.raises(StoreIncomplete, match="no recording stores"):
        audit(tmp_path)


def test_without_a_source_nothing_is_compared(out: Path, tmp_path: Path) -> None:
    """The stores are good, and the operator is told that they were not compared."""
    (tmp_path / "empty").mkdir()
    report = audit(out, tmp_path / "empty")
    assert (report.n_compared, report.problems) == (0, ())
    assert report.notes[-1].startswith("3 not compared")


# --- against the source ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two small real nights, the second of which was exchanged after the conversion, and their output."""
    root, out = (tmp_path_factory.mktemp("small") / name for name in ("in", "out"))
    for name in ("n1", "n2"):
        write_night(root / f"{name}.edf", signals())
    run(plan(discover(manifest(), root), out, manifest(), read_ledger(out)), convert_recording)
    eeg = signals()["eeg"]
    write_night(root / "n2.edf", signals(eeg=eeg.but(value=-eeg.value)))
    return root, out


@pytest.mark.parametrize("workers", [1, 2])
def test_a_turned_polarity_is_found(nights: tuple[Path, Path], workers: int) -> None:
    """Both stores are compared; a source with one sign turned is another file, and the channel is named."""
    root, out = nights
    report = audit(out, root, workers=workers)
    found = [(p.recording, p.problem.rule, p.problem.array, p.problem.reason) for p in report.problems]
    assert found == [
        ("small/n2", "S1", "", "source_mismatch"),
        ("small/n2", "S2", "eeg_c4_m1", "source_mismatch"),
    ]
    assert (report.n_compared, report.notes) == (2, ())


def test_a_fault_of_the_conversion_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A conversion that turns a sign writes a sound store of an unchanged file; only the comparison sees it."""
    upright = process.resample_wave

    def turned(*args: object, **options: object) -> object:
        made = upright(*args, **options)  # type: ignore[arg-type]
        np.negative(made.value, out=made.value)
        return made

    root, out = tmp_path / "in", tmp_path / "out"
    write_night(root / "n1.edf", signals())
    monkeypatch.setattr(process, "resample_wave", turned)
    (source,) = discover(manifest(), root)
    convert_recording(source, manifest(), out / "small" / "n1.zarr")
    report = audit(out, root)
    assert {p.problem.rule for p in report.problems} == {"S2"}
    assert {p.problem.array for p in report.problems} == {"eeg_c4_m1", "eog_l", "ecg", "thor", "abdo"}

"""The audit of a whole output: every store that is there or should be, and what an operator should know."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline import process
from pipeline.batch.audit import AuditReport, audit
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
    """An output of nights of text, not to be changed."""
    tmp = tmp_path_factory.mktemp("stub")
    run(make_plan(write_nights(tmp / "in", dict.fromkeys("abcdefg", "")), tmp / "out"), convert)
    return tmp / "out"


def copied(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(made, tmp_path_factory.mktemp("copied") / "out"))


def test_a_good_output_has_no_problems(made: Path) -> None:
    """All stores are looked at and nothing is said."""
    assert audit(made).to_json() == {"n_stores": 7, "n_compared": 0, "problems": [], "notes": ()}


# --- damage ------------------------------------------------------------------------------------------------


def deleted(store: Path) -> None:
    shutil.rmtree(store)


def flipped_byte(store: Path) -> None:
    file = store / "spo2" / "c" / "0" / "0"
    content = bytearray(file.read_bytes())
    content[3] ^= 1
    file.write_bytes(content)


def truncated(store: Path) -> None:
    file = store / "spo2" / "c" / "0" / "0"
    file.write_bytes(file.read_bytes()[:-5])


def lost_file(store: Path) -> None:
    (store / "stage" / "zarr.json").unlink()


def other_root(store: Path) -> None:
    """A store that is sound by itself and not the one that was published."""
    shutil.rmtree(store)
    shutil.copytree(store.with_name("a.zarr"), store)


DAMAGES: dict[str, tuple[Callable[[Path], None], str, str, str]] = {
    "b": (deleted, "V1", "zarr.json", "store_incomplete"),
    "c": (flipped_byte, "V2", "spo2/c/0/0", "store_corrupt"),
    "d": (truncated, "V2", "spo2/c/0/0", "store_corrupt"),
    "e": (lost_file, "V2", "stage/zarr.json", "store_incomplete"),
    "f": (other_root, "V2", "zarr.json", "store_corrupt"),
}


@pytest.fixture(scope="module")
def damaged(made: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, AuditReport]:
    """An output with a damage of every sort, each in a store of its own, and its audit."""
    out = copied(made, tmp_path_factory)
    for name, (harm, *_) in DAMAGES.items():
        harm(out / "stub" / f"{name}.zarr")
    return out, audit(out)


@pytest.mark.parametrize("name", DAMAGES, ids=lambda name: DAMAGES[name][0].__name__)
def test_damage_is_named_with_recording_and_file(damaged: tuple[Path, AuditReport], name: str) -> None:
    """One problem, with the recording, the rule, the file and the reason."""
    _, report = damaged
    problems = [p.problem for p in report.problems if p.recording == f"stub/{name}"]
    assert [(p.rule, p.file, p.reason) for p in problems] == [DAMAGES[name][1:]]


def test_what_is_sound_is_not_named(damaged: tuple[Path, AuditReport]) -> None:
    """Every store is looked at, and the damage of one is no other's."""
    _, report = damaged
    assert {p.recording for p in report.problems} == {f"stub/{name}" for name in DAMAGES}
    assert (report.n_stores, report.notes) == (7, ())


def test_two_workers_find_the_same(damaged: tuple[Path, AuditReport]) -> None:
    """The answer does not depend on the number of processes."""
    out, report = damaged
    assert audit(out, workers=2) == report


# --- notes -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def untidy(made: Path, tmp_path_factory: pytest.TempPathFactory) -> AuditReport:
    """The audit of an output with a store that nobody recorded, one whose recording failed, and one unfinished."""
    out = copied(made, tmp_path_factory)
    shutil.copytree(out / "stub" / "a.zarr", out / "stub" / "new.zarr")
    (out / "stub" / "new.zarr" / "spo2" / "c" / "0" / "0").unlink()
    with LedgerWriter(out) as ledger:
        ledger.append(Row("stub", "b", Outcome.FAILED, now(), reason="edf_truncated"))
    (out / "stub" / "z.zarr.part-0123456789ab" / "spo2").mkdir(parents=True)
    return audit(out)


def test_a_store_that_the_ledger_does_not_know_is_looked_at(untidy: AuditReport) -> None:
    """It is verified like the others, damage included, and the operator is told."""
    assert untidy.notes[1] == "1 stores are not in the ledger; the next convert adopts them"
    assert [(p.recording, p.problem.rule) for p in untidy.problems] == [("stub/new", "V2")]


def test_a_store_whose_recording_failed_since_is_told(untidy: AuditReport) -> None:
    """It stays, is verified like the others, and nobody is told that it will be adopted."""
    assert untidy.notes[0].startswith("1 stores are of an earlier run;")


def test_an_unfinished_store_is_no_store(untidy: AuditReport) -> None:
    """What a killed run left is counted and not judged."""
    assert untidy.n_stores == 8
    assert untidy.notes[2].startswith("1 unfinished stores ")
    assert len(untidy.notes) == 3


def test_a_folder_without_stores_is_refused(tmp_path: Path) -> None:
    """Nothing to verify is not the same as nothing wrong."""
    with pytest.raises(StoreIncomplete, match="no recording stores"):
        audit(tmp_path)


def test_without_a_source_nothing_is_compared(made: Path, tmp_path: Path) -> None:
    """The stores are good, and the operator is told that they were not compared."""
    (tmp_path / "empty").mkdir()
    report = audit(made, tmp_path / "empty")
    assert (report.n_compared, report.problems) == (0, ())
    assert report.notes[-1].startswith("7 not compared")


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


def test_a_turned_polarity_is_found(nights: tuple[Path, Path]) -> None:
    """Both stores are compared; a source with one sign turned is another file, and the channel is named."""
    root, out = nights
    report = audit(out, root, workers=2)
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

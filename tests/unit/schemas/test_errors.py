"""The error tree: its names, its sentences, and its way through processes."""

from __future__ import annotations

import copy
import inspect
import multiprocessing
import pickle
import re
from concurrent.futures import ProcessPoolExecutor

import pytest

import schemas.errors
from schemas.errors import EdfTruncated, ManifestInvalid, PsgError, StorageError, StorageFull, UnitUnexpected
from schemas.units import parse_unit

# Ledgers of years ago hold these: a reason may be added, never renamed.
REASONS = {
    "annotation_corrupt",
    "channel_ambiguous",
    "channel_error",
    "checkpoint_invalid",
    "edf_corrupt",
    "edf_truncated",
    "epoch_length_unexpected",
    "hypnogram_mismatch",
    "manifest_error",
    "manifest_invalid",
    "manifest_not_found",
    "model_error",
    "no_usable_channel",
    "out_of_memory",
    "output_busy",
    "parts_disagree",
    "psg_error",
    "query_invalid",
    "recording_gone",
    "recording_timeout",
    "recording_too_short",
    "selection_error",
    "signal_error",
    "signal_file_corrupt",
    "source_changed",
    "source_error",
    "source_missing",
    "spec_too_new",
    "spec_violation",
    "split_invalid",
    "split_leak",
    "storage_error",
    "storage_full",
    "store_corrupt",
    "store_error",
    "store_incomplete",
    "subject_table_corrupt",
    "unit_missing",
    "unit_unexpected",
    "worker_died",
}


def _classes() -> list[type[PsgError]]:
    members = vars(schemas.errors).values()
    return [member for member in members if inspect.isclass(member) and issubclass(member, PsgError)]


CLASSES = _classes()


def _full(cls: type[PsgError]) -> PsgError:
    return cls("what", saw=3, expected=(4, "5"), why="Why.", do="Do.", where="cohort/night")


def _fields(error: PsgError) -> tuple[object, ...]:
    return type(error), error.what, error.saw, error.expected, error.why, error.do, error.where, str(error)


def test_reasons_are_stable() -> None:
    """The machine-readable reasons are exactly those of the list above."""
    assert {cls("x").reason for cls in CLASSES} == REASONS


def test_reasons_are_unique() -> None:
    """No two classes share a reason."""
    assert len({cls("x").reason for cls in CLASSES}) == len(CLASSES)


def test_everything_is_exported() -> None:
    """``__all__`` names every class of the module, and nothing else."""
    assert sorted(schemas.errors.__all__) == sorted(cls.__name__ for cls in CLASSES)


def test_the_docstring_is_the_tree() -> None:
    """Every class stands in the module's docstring under its parent, and no other name does."""
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (schemas.errors.__doc__ or "").splitlines():
        if match := re.match(r"^    ([│├└─ ]*)([A-Z]\w+)", line):
            depth = len(match[1]) // 4
            path[depth:] = [match[2]]
            drawn[match[2]] = path[depth - 1] if depth else "Exception"
    actual = {c.__name__: next(b.__name__ for b in c.__bases__ if b is not ValueError) for c in CLASSES}
    assert drawn == actual


@pytest.mark.parametrize("cls", CLASSES)
def test_pickle_keeps_everything(cls: type[PsgError]) -> None:
    """A pickled error comes back with class, fields and sentence."""
    error = _full(cls)
    assert _fields(pickle.loads(pickle.dumps(error))) == _fields(error)


def test_errors_cross_processes() -> None:
    """Errors of every class survive a spawned process, as values and raised there."""
    errors = [_full(cls) for cls in CLASSES]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert [_fields(error) for error in pool.submit(copy.copy, errors).result()] == [*map(_fields, errors)]
        with pytest.raises(UnitUnexpected) as caught:
            pool.submit(parse_unit, "furlong").result()
    assert caught.value.saw == "'furlong'"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (PsgError("it is wrong"), "it is wrong."),
        (PsgError("it is wrong", saw=3), "it is wrong: saw 3."),
        (PsgError("it is wrong", expected=0), "it is wrong: expected 0."),
        (PsgError("it is wrong", saw=3, expected=4), "it is wrong: saw 3, expected 4."),
        (PsgError("it is wrong", where="c/n"), "c/n: it is wrong."),
        (PsgError("it is wrong", do="Mend it."), "it is wrong. Mend it."),
        (
            EdfTruncated("short", saw=1, expected=2, why="Half a night.", do="Copy it again.", where="a.edf"),
            "a.edf: short: saw 1, expected 2. Half a night. Copy it again.",
        ),
        (StorageError("disk full", where="out"), "out: disk full."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_grammar(error: PsgError, sentence: str) -> None:
    """An error reads: where, what, saw, expected, why, do; what is not given leaves no trace."""
    assert str(error) == sentence


def test_where_is_said_once() -> None:
    """The place nearest to the fault stays; `at` returns the error itself."""
    error = PsgError("wrong")
    assert error.at("inner") is error
    assert error.at("outer").where == "inner"


def test_families_that_python_code_catches() -> None:
    """Manifest errors are ValueErrors and storage errors are OSErrors; no other class is either."""
    assert {c for c in CLASSES if issubclass(c, OSError)} == {StorageError, StorageFull}
    assert all(issubclass(c, ValueError) == (c.__name__.startswith("Manifest")) for c in CLASSES)
    assert issubclass(ManifestInvalid, ValueError)


@pytest.mark.parametrize("cls", CLASSES)
def test_documented_in_a_sentence(cls: type[PsgError]) -> None:
    """Every class says what it means."""
    assert cls.__doc__
    assert cls.__doc__.splitlines()[0].endswith(".")

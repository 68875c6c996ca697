"""What an operator decides holds in every later run, and what nobody needs can be cleared away."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.batch.clearing import Rubbish, clear, find_rubbish
from pipeline.batch.plan import Decision, Why
from pipeline.batch.quarantine import exclude, include, quarantined
from pipeline.batch.remedies import remedy
from pipeline.batch.run import run
from pipeline.write.ledger import read_ledger
from pipeline.write.lock import hold
from schemas.errors import OutputBusy, PsgError, StoreIncomplete
from schemas.vocabulary import Outcome
from tests.stub_cohort import convert, make_plan, write_nights


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One night that fails, two that do not."""
    return write_nights(tmp_path / "in", {"a": "corrupt", "b": "", "c": ""})


@pytest.fixture
def out(root: Path, tmp_path: Path) -> Path:
    """The output of a run."""
    run(make_plan(root, tmp_path / "out"), convert)
    return tmp_path / "out"


def _rows(out: Path) -> Mapping[str, tuple[Outcome, str | None]]:
    return {key: (row.outcome, row.reason) for (_, key), row in read_ledger(out).rows.items()}


def test_what_an_operator_leaves_out_stays_out(root: Path, out: Path) -> None:
    """Neither a later run nor --fresh converts it, its store goes, and its row says who decided and why."""
    assert exclude(out, ["stub/a", "stub/b"], "electrodes swapped") == 2
    assert os.listdir(out / "stub") == ["c.zarr"]
    plan = make_plan(root, out, fresh=True)
    assert [(item.decision, item.why) for item in plan.items[:2]] == [
        (Decision.EXCLUDE, Why.EXCLUDED_BY_OPERATOR)
    ] * 2
    report = run(plan, convert)
    assert dict(report.outcomes) == {Outcome.EXCLUDED: 2, Outcome.CONVERTED: 1}
    assert _rows(out)["a"] == (Outcome.EXCLUDED, "excluded_by_operator")
    assert [(row.key, row.detail) for row in quarantined(out)] == [(key, "electrodes swapped") for key in "ab"]


def test_the_decision_can_be_undone(root: Path, out: Path) -> None:
    """What is taken in again is converted by the next run; what was not left out stays as it is."""
    exclude(out, ["stub/b"], "a mistake")
    assert include(out, ["stub/b", "stub/c"]) == 1
    assert run(make_plan(root, out), convert).n_converted == 1
    assert _rows(out) == {
        "a": (Outcome.FAILED, "edf_corrupt"),
        "b": (Outcome.CONVERTED, None),
        "c": (Outcome.CONVERTED, None),
    }


def test_a_misspelt_recording_is_refused_whole(out: Path) -> None:
    """Nothing is done when one of the names is unknown."""
    before = _rows(out)
    with pytest.raises(StoreIncomplete, match="stub/z: the ledger does not know this recording"):
        exclude(out, ["stub/b", "stub/z"], "why")
    assert _rows(out) == before


def test_only_what_failed_is_tried_again(root: Path, out: Path) -> None:
    """A retry leaves new nights to the next whole run."""
    write_nights(root, {"a": "", "d": ""})
    report = run(make_plan(root, out, only_failed=True), convert)
    assert (report.n_converted, sorted(_rows(out))) == (1, ["a", "b", "c"])


def test_unfinished_stores_are_cleared_and_nothing_else(out: Path) -> None:
    """Looking changes nothing; clearing takes away what the look has found."""
    (out / "stub" / "b.zarr.part-00ff00ff00ff").mkdir()
    assert find_rubbish(out) == clear(out) == Rubbish(1)
    assert not find_rubbish(out)
    assert sorted(os.listdir(out / "stub")) == ["b.zarr", "c.zarr"]


def test_recordings_whose_source_is_gone_are_cleared_and_may_come_back(root: Path, out: Path) -> None:
    """The store goes, the row says why, no later plan misses it; should the source return, it is converted."""
    (root / "nights" / "b.edf").unlink()
    present = {"a", "c"}
    assert find_rubbish(out, cohort="stub", present=present).gone == ("stub/b",)
    assert "b.zarr" in os.listdir(out / "stub")
    clear(out, cohort="stub", present=present)
    assert os.listdir(out / "stub") == ["c.zarr"]
    assert _rows(out)["b"] == (Outcome.EXCLUDED, "source_gone")
    assert make_plan(root, out).not_found == ()
    assert not find_rubbish(out, cohort="stub", present=present)
    write_nights(root, {"b": ""})
    assert run(make_plan(root, out), convert).n_converted == 1


def test_nothing_is_cleared_under_a_run(out: Path) -> None:
    """While somebody holds the output, even looking is refused: what a run has in hand looks like rubbish."""
    for act in (find_rubbish, clear):
        with hold(out), pytest.raises(OutputBusy):
            act(out)


def _reasons(family: type[PsgError] = PsgError) -> set[str]:
    return {family("").reason, *(reason for below in family.__subclasses__() for reason in _reasons(below))}


@pytest.mark.parametrize("reason", sorted({*_reasons(), "internal_error", "included_again"}))
def test_every_reason_has_a_next_command(reason: str) -> None:
    """Whatever a row says, there is something to type."""
    assert "sleep2vec " in remedy(reason, "out")
    assert "{" not in remedy(reason, "out")

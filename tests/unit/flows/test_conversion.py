"""Batches: what is reported together, and when."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from benchmarks.flows import timed
from flows.conversion import Batch, Conversion, convert_in_batches
from flows.reporting import artifact_key, batch_line, failure_table, summary_table
from pipeline.synth import synthesise
from schemas.errors import ManifestNotFound, SourceMissing
from tests.e2e.flow_campaign import many_nights


@pytest.fixture(scope="module")
def download(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three nights, one of them broken."""
    root = tmp_path_factory.mktemp("download")
    synthesise(root, recipe="synthetic", nights=3, hours=0.1, seed=1)
    next(root.rglob("*-0002.edf")).write_bytes(b"no EDF")
    return root


def test_batches_hold_every_recording_once(download: Path, tmp_path: Path) -> None:
    """The last batch is smaller and comes with the last recording; a second run has the failed one only."""
    batches: list[Batch] = []
    what = Conversion(manifest="synthetic", root=str(download), out=str(tmp_path / "out"), batch_size=2)
    done = convert_in_batches(what, batches.append)
    assert [(batch.number, len(batch.rows), batch.n_done, batch.n_total) for batch in batches] == [
        (1, 2, 2, 3),
        (2, 1, 3, 3),
    ]
    assert done.new == ("synthetic/synthetic-visit1-0001", "synthetic/synthetic-visit1-0003")
    told = {row["recordings"]: row["n"] for row in summary_table(done.report)}
    assert (told["failed"], told["written by this run"], told["unchanged"]) == (1, 2, 0)
    (failure,) = failure_table(done.report)
    assert (failure["reason"], failure["n"]) == ("edf_corrupt", 1)
    assert failure["next command"] == done.report.next_command
    batches.clear()
    again = convert_in_batches(what, batches.append)
    assert again.new == ()
    assert [batch_line(batch) for batch in batches] == ["batch 1: 1 failed (1 of 1 done)"]


def test_the_plain_way_is_timed(tmp_path: Path) -> None:
    """What the flow's overhead is compared with."""
    spent = timed(str(many_nights(tmp_path / "dl", 2)), str(tmp_path / "out"), 1, None)
    assert spent["cpu_s"] > 0
    assert spent["wall_s"] > 0


def test_nothing_to_do_is_no_batch(download: Path, tmp_path: Path) -> None:
    """An empty plan ends without a report of progress."""
    what = Conversion(manifest="synthetic", root=str(download), out=str(tmp_path / "out"), only="nobody")
    assert convert_in_batches(what, pytest.fail).report.n_converted == 0


def test_errors_of_the_whole_run_are_raised(tmp_path: Path) -> None:
    """A wrong manifest and an empty download are no outcome of a recording."""
    with pytest.raises(ManifestNotFound):
        convert_in_batches(Conversion(manifest="none", root=str(tmp_path), out="out"), pytest.fail)
    with pytest.raises(SourceMissing):
        convert_in_batches(
            Conversion(manifest="synthetic", root=str(tmp_path), out=str(tmp_path / "out")), pytest.fail
        )


@pytest.mark.parametrize(
    "wrong", [{"workers": 0}, {"batch_size": 0}, {"timeout_s": 0}, {"out": ""}, {"worker": 2}, {"root": None}]
)
def test_parameters_are_checked(wrong: dict[str, object]) -> None:
    """Numbers that make no sense, empty places and unknown names are refused before anything begins."""
    with pytest.raises(ValidationError):
        Conversion.model_validate({"manifest": "synthetic", "root": "a", "out": "b", **wrong})


def test_keys_of_artifacts_are_as_prefect_wants_them() -> None:
    """Small letters, digits and dashes."""
    assert artifact_key("convert", "My_cohort_2") == "convert-my-cohort-2"

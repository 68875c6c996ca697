"""The report of a run says the same to people and to programs, and holds nothing from a source."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from pipeline.batch.remedies import remedy
from pipeline.batch.report import RunReport, newest_report
from pipeline.batch.run import run
from tests.stub_cohort import SECRET, convert, make_plan, write_nights


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four nights: two fail, one has a finding."""
    return write_nights(tmp_path / "in", {"a": "warning", "b": "corrupt", "c": "surprise", "d": ""})


def test_reports_are_kept_beside_the_ledger(root: Path, tmp_path: Path) -> None:
    """Counts, failures with the next command, findings, times: as a page and as JSON, a pair a run."""
    out = tmp_path / "out"
    report = run(make_plan(root, out), convert)
    page, facts = newest_report(out, suffix=".md"), json.loads(newest_report(out, suffix=".json") or "")
    assert facts == report.to_json()
    assert (facts["n_converted"], facts["failures"]) == (2, {"edf_corrupt": 1, "internal_error": 1})
    assert facts["findings"] == {"PSG-A001": 1}
    assert facts["worked_s"] > 0
    assert page is not None
    for line in (
        "| failed | 2 |",
        "| converted_with_findings | 1 |",
        f"| edf_corrupt | 1 | {remedy('edf_corrupt', str(out))} |",
        "| PSG-A001 | 1 | no annotation file | Stages are unscored for this night. |",
        f"Next: `sleep2vec quarantine list {out}`",
    ):
        assert line in page.splitlines()
    assert SECRET not in page
    run(make_plan(root, out), convert)
    assert len(list((out / ".ledger" / "reports").iterdir())) == 4


def test_there_is_no_report_before_the_first_run(tmp_path: Path) -> None:
    """An output without a run has none."""
    assert newest_report(tmp_path, suffix=".md") is None


def test_a_run_logs_every_recording(root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One event a recording, with facts and without text from sources; failures are warnings."""
    with caplog.at_level(logging.INFO, "sleep2vec"):
        report = run(make_plan(root, tmp_path / "out"), convert)
    events = [(record.getMessage(), record.levelname, record.facts) for record in caplog.records]  # type: ignore[attr-defined]
    assert events[0] == ("run begins", "INFO", {"cohort": "stub", "n_total": 4})
    assert events[-1] == ("run ended", "INFO", report.counts())
    ended = {facts["recording"]: (level, facts["reason"]) for _, level, facts in events[1:-1]}
    assert ended == {
        "stub/a": ("INFO", None),
        "stub/b": ("WARNING", "edf_corrupt"),
        "stub/c": ("WARNING", "internal_error"),
        "stub/d": ("INFO", None),
    }
    assert SECRET not in caplog.text


def test_long_lists_of_failures_are_cut_on_the_page(tmp_path: Path) -> None:
    """The page stays readable; the rest is one command away."""
    from pipeline.batch.report import write_report
    from pipeline.write.ledger import Row
    from schemas.vocabulary import Outcome

    failed = tuple(
        Row("stub", f"n{i:03d}", Outcome.FAILED, "", reason="edf_corrupt", detail="x|y") for i in range(60)
    )
    report = RunReport(
        {Outcome.FAILED: 60}, 0, 0, {"edf_corrupt": 60}, failed, 0, "next", started="2026-01-01T00:00:00Z"
    )
    name = write_report(tmp_path, report)
    page = newest_report(tmp_path, suffix=".md") or ""
    assert name.startswith("20260101T000000Z-")
    assert "n049" in page
    assert "n050" not in page
    assert "x\\|y" in page
    assert f"and 10 more: `sleep2vec quarantine list {tmp_path}`" in page

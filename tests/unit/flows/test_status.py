"""What ``status`` and other tables in the terminal show."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

from rich.table import Table

from flows.commands.inspection import print_wide
from pipeline.write.ledger import LedgerWriter, Row, Stored
from schemas.findings import FINDINGS
from schemas.vocabulary import Outcome
from tests.command_line import in_process


def test_status_is_tables(tmp_path: Path) -> None:
    """Cohorts by outcome, reasons, and findings with what to do; an outcome that nobody had has no column."""
    when, stored = "2026-01-01T00:00:00Z", Stored("a", "b", 3_000_000, 960)
    with LedgerWriter(tmp_path) as ledger:
        ledger.append(
            Row("shhs", "1", Outcome.CONVERTED, when, store=stored),
            Row("shhs", "2", Outcome.FAILED, when, reason="edf_truncated", detail="half is there"),
            Row("mesa", "1", Outcome.CONVERTED_WITH_FINDINGS, when, store=stored, findings={"PSG-A001": 1}),
        )
    said = [
        re.split(r"\s{2,}", line.strip()) for line in in_process("status", ".", cwd=tmp_path).stdout.splitlines()
    ]
    assert said == [
        ["cohort", "converted", "converted_with_findings", "failed"],
        ["mesa", "0", "1", "0"],
        ["shhs", "1", "0", "1"],
        ["16.0 h in 6.0 MB"],
        ["reason", "recordings"],
        ["edf_truncated", "1"],
        ["finding", "recordings", "severity", "what", "what to do"],
        ["PSG-A001", "1", "warning", FINDINGS["PSG-A001"].title, FINDINGS["PSG-A001"].fix],
    ]
    failed = in_process("status", ".", "--failed", cwd=tmp_path).stdout.splitlines()
    assert failed[-1] == "shhs/2: edf_truncated: half is there"


def test_labels_are_shown_as_they_are() -> None:
    """Brackets and colons of a label are neither colours nor pictures."""
    table = Table("label")
    table.add_row("[red]EEG[/x] :smile:")
    out = io.StringIO()
    with redirect_stdout(out):
        print_wide(table)
    assert "[red]EEG[/x] :smile:" in out.getvalue()

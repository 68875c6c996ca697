"""The page on quality: its table is that of the checks, and it says what every measure is."""

from __future__ import annotations

import ast
from pathlib import Path

from benchmarks.checks_table import PAGE, page, table
from schemas.checks import CHECKS

TEXT = PAGE.read_text("utf-8")


def test_the_table_is_that_of_the_checks() -> None:
    """The page has what the script writes; run python -m benchmarks.checks_table."""
    assert page(TEXT) == TEXT


def test_figures_are_marked() -> None:
    """Shares stand with the mark of their evidence, findings of real recordings by their number."""
    figures = {
        "detected": dict.fromkeys(CHECKS, 0.98),
        "false_alarm": dict.fromkeys(CHECKS, 0.005),
        "real": {"sleep_edf": {"n": 1}, "mitdb": {"n": 16, "PSG-S011": 2}},
    }
    row = table(figures).splitlines()[2]
    assert (
        "| 0.98 <!-- evidence: checks.detected.flat --> | 0.005 <!-- evidence: checks.false_alarm.flat --> |" in row
    )
    assert "| none | 2 <!-- evidence: checks.real.mitdb.PSG-S011 --> |" in row


def test_every_measure_is_described() -> None:
    """The name of each number that a check keeps stands on the page."""
    folder = Path(__file__).parents[3] / "pipeline" / "quality"
    calls = (node for path in folder.glob("*.py") for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    names = {
        node.args[0].value
        for node in calls
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "Measure"
        and isinstance(node.args[0], ast.Constant)
    }
    assert names
    assert sorted(str(name) for name in names if f"`{name}`" not in TEXT) == []

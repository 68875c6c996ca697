"""What other programs rely on: the public surface, and tables that must agree with the code."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pipeline.api
from schemas.findings import FINDINGS

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for package in ("schemas", "pipeline", "model", "flows") for path in (ROOT / package).rglob("*.py")
)

API = {
    "continuous": "(ds: 'xr.Dataset', channel: 'str') -> 'xr.DataArray'",
    "open_recording": "(path: 'str | Path') -> 'Recording'",
}


def test_public_surface_is_pinned() -> None:
    """What `pipeline.api` offers changes on purpose only."""
    assert {name: str(inspect.signature(getattr(pipeline.api, name))) for name in pipeline.api.__all__} == API


def _codes_in(path: Path) -> set[str]:
    constants = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant))
    return {c.value for c in constants if isinstance(c.value, str) and c.value.startswith("PSG-")}


def test_findings_of_code_and_table_are_the_same() -> None:
    """Every code that is made is in the table, and every row of the table is made somewhere."""
    table = ROOT / "schemas" / "findings.py"
    made = set.union(*(_codes_in(path) for path in SOURCES if path != table))
    assert made - set(FINDINGS) == set()
    assert set(FINDINGS) - made == set()

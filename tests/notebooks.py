"""Run the cells of a notebook as it would be run from top to bottom, without a notebook's server."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

__all__ = ["run_notebook"]


def run_notebook(path: Path) -> list[Any]:
    """Run every cell of code in this process; return what each would show, the value of its last line or None."""
    document = json.loads(path.read_text("utf-8"))
    assert (document["nbformat"], {cell["cell_type"] for cell in document["cells"]}) == (4, {"markdown", "code"})
    names: dict[str, Any] = {"__name__": "__main__"}
    codes = ["".join(cell["source"]) for cell in document["cells"] if cell["cell_type"] == "code"]
    return [_run(code, names, f"{path.name}, cell {number}") for number, code in enumerate(codes, 1)]


def _run(code: str, names: dict[str, Any], where: str) -> Any:
    body = ast.parse(code).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), where, "exec"), names)
    return eval(compile(ast.Expression(last.value), where, "eval"), names) if isinstance(last, ast.Expr) else None

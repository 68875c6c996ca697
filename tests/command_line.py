"""Run the command line as a person would: another process, from another folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["COMMAND", "environment", "sleep2vec"]

COMMAND = (sys.executable, "-m", "flows.cli")


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a command: plain output, one thread, and no help from this test run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SLEEP2VEC")}
    return {**kept, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "100", **more}


def sleep2vec(*arguments: object, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end; ``more`` adds to the environment."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )

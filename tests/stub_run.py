"""Convert the stub cohort in a process of its own, as the command would: ``python -m tests.stub_run ROOT OUT``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pipeline.batch.run import run
from pipeline.files.places import place
from schemas.errors import PsgError
from tests.stub_cohort import convert, make_plan

__all__ = ["start", "stub_run"]

_HERE = Path(__file__).parents[1]


def start(
    root: object, out: object, *, prepare: Callable[[], None] | None = None, **more: str
) -> subprocess.Popen[str]:
    """Start a run; ``prepare`` is called in the new process, ``more`` adds to the environment."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.stub_run", str(root), str(out)],
        cwd=_HERE,
        env=os.environ | more,
        preexec_fn=prepare,
        stderr=subprocess.PIPE,
        text=True,
    )


def stub_run(root: object, out: object, prepare: Callable[[], None] | None = None) -> tuple[int, str]:
    """Run to the end; return its code (0, 1 for an error, 3 where recordings failed) and what it said."""
    with start(root, out, prepare=prepare) as process:
        said = process.communicate(timeout=120)[1]
    return process.returncode, said


def _main(root: str, out: str) -> int:
    try:
        report = run(make_plan(place(root), place(out)), convert, workers=2)
    except PsgError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 3 if report.failed else 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))

"""Run the command line as a person would, from another folder: in another process, or sooner in this one."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from unittest import mock

from flows.cli import main

__all__ = ["COMMAND", "environment", "in_process", "sleep2vec"]

COMMAND = (sys.executable, "-m", "flows.cli")


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a command: plain output, one thread, and no help from this test run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SLEEP2VEC")}
    return {**kept, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "100", **more}


def sleep2vec(*arguments: object, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end in a process of its own; ``more`` adds to the environment."""
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


def in_process(*arguments: object, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one command in this process, which has the libraries loaded; its workers are processes all the same."""
    command = ["sleep2vec", *map(str, arguments)]
    out, err, code = io.StringIO(), io.StringIO(), 0
    on_kill = signal.getsignal(signal.SIGTERM)
    with (
        contextlib.chdir(cwd),
        mock.patch.object(sys, "argv", command),
        mock.patch.dict(os.environ, environment(**more), clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            signal.signal(signal.SIGTERM, on_kill)
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())

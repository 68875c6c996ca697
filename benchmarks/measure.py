"""Run programs in turns and measure each process from outside: CPU time and peak memory, from ``wait4``.

Standard library only: until a child has replaced its image, the kernel counts the memory of its parent as the
child's, so the measuring process must stay small.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Usage:
    """One process: user and system seconds of all threads, largest resident set in MB (10^6 bytes), output."""

    cpu_s: float
    peak_mb: float
    output: str


@dataclass(frozen=True)
class Spread:
    """Median, smallest and largest of several values."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median(values), min(values), max(values))

    def __format__(self, spec: str) -> str:
        return f"{self.median:{spec}} ({self.least:{spec}} to {self.most:{spec}})"


def with_one_thread(module: str) -> None:
    """Start this program again with single-threaded libraries, as a converter's workers have them.

    Threads of BLAS that wait for each other count as work. Where the environment sets a number, that is taken.
    """
    if not any(name in os.environ for name in THREAD_SETTINGS):
        command = [sys.executable, "-m", module, *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, **dict.fromkeys(THREAD_SETTINGS, "1")})


def run(arguments: Sequence[str]) -> Usage:
    """Run ``python ARGUMENTS`` to its end.

    Raises
    ------
    RuntimeError
        When it fails; it has written why to standard error.
    """
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments[:2])} ended with code {process.returncode}")
    kilobyte = 1 if sys.platform == "darwin" else 1024
    return Usage(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * kilobyte / 1e6, output)


def in_turns(programs: Mapping[str, Sequence[str]], runs: int) -> dict[str, list[Usage]]:
    """Run every program once a round (A B C A B C), so that a busy moment hits all of them."""
    usages: dict[str, list[Usage]] = {name: [] for name in programs}
    for _ in range(runs):
        for name, arguments in programs.items():
            usages[name].append(run(arguments))
    return usages


def machine(packages: Sequence[str]) -> dict[str, str]:
    """Describe processor, thread settings and versions."""
    return {
        "cpu": _cpu(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "threads": ", ".join(f"{name}={os.environ.get(name, 'not set')}" for name in THREAD_SETTINGS),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if "model name" in line] if info.exists() else []
    return names[0].split(":", 1)[1].strip() if names else platform.machine()

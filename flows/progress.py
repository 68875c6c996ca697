"""What a person sees while recordings are converted: a bar on a terminal, lines elsewhere; always the time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pipeline.batch.run import Progress

__all__ = ["show_progress"]

_N_LINE = 100  # lines a run, about, beside those of recordings that failed


@contextmanager
def show_progress(*, quiet: bool) -> Iterator[Callable[[Progress], None] | None]:
    """Give what a run is to call after each recording: a bar on a terminal, lines elsewhere, nothing when quiet."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar() as advance:
            yield advance
    else:
        yield _Lines().show


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    from rich import progress as bars
    from rich.console import Console

    columns = (
        bars.TextColumn("converting"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("converting", total=None)

        def advance(progress: Progress) -> None:
            bar.update(task, completed=progress.n_done, total=progress.n_total)
            if progress.row.reason:
                bar.console.print(_what(progress))

        yield advance


class _Lines:
    """One line a recording of a small run, one a per cent of a large one; recordings that fail always have one."""

    def __init__(self) -> None:
        self._begun_s = time.monotonic()

    def show(self, progress: Progress) -> None:
        n_done, n_total = progress.n_done, progress.n_total
        is_due = n_done == n_total or n_done % max(1, n_total // _N_LINE) == 0
        if is_due or progress.row.reason:
            left = _left(time.monotonic() - self._begun_s, n_done, n_total)
            click.echo(f"{n_done}/{n_total} {_what(progress)}{left}", err=True)


def _what(progress: Progress) -> str:
    row = progress.row
    return f"{row.cohort}/{row.key}: {row.outcome}" + (f", {row.reason}" if row.reason else "")


def _left(elapsed_s: float, n_done: int, n_total: int) -> str:
    """Return the time left at the pace so far, in words."""
    left_s = elapsed_s / n_done * (n_total - n_done)
    if left_s < 60:
        return ""
    hours, minutes = divmod(round(left_s / 60), 60)
    return f" (about {hours} h {minutes:02d} min left)" if hours else f" (about {minutes} min left)"

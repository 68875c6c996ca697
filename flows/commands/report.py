"""``sleep2vec report``: pages that people look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flows.parameters import PLACE, PLACE_THAT_EXISTS

__all__ = ["command"]

_SOME_DAMAGED = 3  # exit code, see flows.cli
_FEW = 10  # pages of recordings made along with a cohort's


@click.command("report")
@click.argument("path", type=PLACE_THAT_EXISTS)
@click.argument("recordings", nargs=-1, metavar="[COHORT/KEY]...")
@click.option("--out", type=PLACE, help="Folder of the pages; report/ in the output without.")
@click.option(
    "--against",
    multiple=True,
    type=PLACE_THAT_EXISTS,
    help="Another output to compare with; made-up cohorts without.",
)
@click.option("--small-cells", is_flag=True, help="Tell numbers of fewer than five persons, too: not to be shared.")
@click.option(
    "--worst",
    type=click.IntRange(0),
    default=_FEW,
    show_default=True,
    help="Recordings, worst first, whose pages are made along.",
)
def command(path: Path, recordings: tuple[str, ...], out: Path | None, **cohort: Any) -> int:
    """Write the page of an output, PATH; or those of recordings: PATH is a store, or an output with COHORT/KEY.

    Pages open in any browser, from a disk, without a network. That of an output tells no person apart; those of
    recordings, and the list of them, are not for sharing.
    """
    from pipeline.report.recording import is_store, report_of_store, stores_in, write_recording_page
    from schemas.errors import StoreError

    if is_store(path):
        if recordings:
            raise click.UsageError(f"{path.name} is one recording: name its output before {recordings[0]}.")
        stores = [path]
    elif recordings:
        stores = stores_in(path, recordings)
    else:
        return _cohort(path, out, **cohort)
    n_page = 0
    for store in stores:
        try:
            page = write_recording_page(store, out or report_of_store(store))
        except StoreError as error:
            if len(stores) == 1:
                raise
            click.echo(str(error), err=True)
            continue
        n_page += 1
        click.echo(f"wrote {page}")
    return 0 if n_page == len(stores) else _SOME_DAMAGED


def _cohort(out: Path, report: Path | None, against: tuple[Path, ...], small_cells: bool, worst: int) -> int:
    from pipeline.report.cohort import write_cohort_report

    done = write_cohort_report(out, report, against=against, small_cells=small_cells, worst=worst)
    for line in done.lines():
        click.echo(line)
    click.echo(f"wrote {done.page} and {done.recordings}, and pages of {done.n_page} recordings")
    for problem in done.facts.problems[:10]:
        click.echo(f"{problem.recording}: {problem.reason}: {problem.detail}", err=True)
    if not done.facts.problems:
        return 0
    click.echo(f"next: sleep2vec verify {out}", err=True)
    return _SOME_DAMAGED

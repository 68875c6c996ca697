"""``sleep2vec scan``: what a folder's files hold, from their headers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.parameters import LOCAL_FILE, PLACE_THAT_EXISTS

if TYPE_CHECKING:
    from pipeline.scan.folder import Census
    from pipeline.scan.judgement import Judgement

__all__ = ["command", "default_workers"]

_MOST_WORKERS = 8  # more only wait for the same disk


def default_workers() -> int:
    """Return how many processes look at headers where nobody says: one for each core of this machine."""
    return min(os.cpu_count() or 1, _MOST_WORKERS)


@click.command("scan")
@click.argument("manifest", required=False)
@click.option("--root", type=PLACE_THAT_EXISTS, required=True, help="The download.")
@click.option("--csv", "csv_path", type=LOCAL_FILE, help="Also write the census as a table.")
@click.option("--show-text", is_flag=True, help="List all unmapped event texts verbatim; they may be personal.")
@click.option("--workers", type=click.IntRange(1), help="Processes; one a core without it.")
@click.option("--json", "as_json", is_flag=True, help="The whole census as JSON.")
def command(
    manifest: str | None, root: Path, csv_path: Path | None, show_text: bool, workers: int | None, as_json: bool
) -> None:
    """Take a census of the files below --root: labels, rates, units, ranges, and what MANIFEST makes of them.

    Reads headers and files of annotations, no signals. Without MANIFEST every file of signals counts. The table of
    --csv is for spreadsheets, for `sleep2vec manifest new` and for `sleep2vec manifest check`.
    """
    from pipeline.files.places import is_remote
    from pipeline.manifests.load import load_manifest
    from pipeline.scan.folder import scan

    if show_text and manifest is None:
        raise click.UsageError("--show-text needs MANIFEST: it says where the annotations are.")
    if show_text and is_remote(root):
        raise click.UsageError("--show-text reads whole files: give --root a copy on this machine.")
    loaded = load_manifest(manifest) if manifest else None
    census = scan(loaded, root, show_text=show_text, workers=workers or default_workers())
    if csv_path is not None:
        _write_csv(census.judgement, csv_path)
    if as_json:
        click.echo(json.dumps(census.to_json(), indent=2))
        return
    _print_census(census)
    if csv_path is not None:
        click.echo(f"wrote {csv_path}")
    _say_next(manifest, root)


def _say_next(manifest: str | None, root: Path) -> None:
    if manifest is None:
        click.echo(f"next: sleep2vec manifest new COHORT --root {root} --out COHORT.yaml")
    else:
        click.echo(f"next: sleep2vec convert {manifest} --root {root} --out OUT --dry-run")


def _write_csv(judgement: Judgement, path: Path) -> None:
    import csv

    from pipeline.scan.census import COLUMNS, rows_of

    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        for number, judged in enumerate(judgement.montages, 1):
            writer.writerows(rows_of(number, judged.montage, judged.columns()))


def _print_census(census: Census) -> None:
    from flows.census_text import print_labels, print_montages, print_readiness

    print_labels(census.judgement)
    print_montages(census.judgement)
    print_readiness(census)
    for text, n in census.event_texts.items():
        click.echo(f"unmapped text {n:6d} x {text!r}")
    n_term, n_event = census.hidden_texts
    if n_term:
        click.echo(f"unmapped text {n_event:6d} x {n_term} more, which may be personal: --show-text lists them")
    if n_term or census.event_texts:
        click.echo("stages go into annotations.stages, events into annotations.events, personal words nowhere")
    if census.n_unread:
        click.echo(f"annotations of {census.n_unread} recordings lie within signals and were not read: --show-text")

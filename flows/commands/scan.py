"""``sleep2vec scan``: what a cohort's files hold, from their headers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.parameters import PLACE_THAT_EXISTS

if TYPE_CHECKING:
    from pipeline.scan import Census

__all__ = ["command", "print_readiness"]


@click.command("scan")
@click.argument("manifest")
@click.option("--root", type=PLACE_THAT_EXISTS, required=True, help="The download.")
@click.option("--show-text", is_flag=True, help="Also list unmapped event texts verbatim; they may be personal.")
@click.option("--json", "as_json", is_flag=True, help="The whole census as JSON.")
def command(manifest: str, root: Path, show_text: bool, as_json: bool) -> None:
    """Take a census of the files below --root: labels, rates, units, and what MANIFEST makes of them.

    Reads headers only, no signals.
    """
    from pipeline.manifests import load_manifest
    from pipeline.places import is_remote
    from pipeline.scan import scan

    if show_text and is_remote(root):
        raise click.UsageError("--show-text reads whole files: give --root a copy on this machine.")
    census = scan(load_manifest(manifest), root, show_text=show_text)
    if as_json:
        click.echo(json.dumps(census.to_json(), indent=2))
        return
    _print_labels(census)
    print_readiness(census)
    for text, n in census.event_texts.items():
        click.echo(f"unmapped text {n:6d} x {text!r}")
    if census.event_texts:
        click.echo("stages go into annotations.stages, events into annotations.events, personal words nowhere")
    click.echo(f"next: sleep2vec convert {manifest} --root {root} --out OUT --dry-run")


def _print_labels(census: Census) -> None:
    from rich.table import Table

    from flows.commands.inspection import print_wide

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, justify in (("n", "right"), ("label", "left"), ("Hz", "right"), ("unit", "left"), ("range", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    table.add_column("becomes")
    for row in census.labels:
        becomes = ", ".join(row.channels) or ("(ignored)" if row.ignored else "-")
        if row.nearest == row.label:
            becomes = "- (in the montage, but: see below)"
        elif row.nearest:
            becomes += f"  nearest alias {row.nearest!r}"
        limits = f"{row.range[0]:g} to {row.range[1]:g}"
        table.add_row(str(row.n), repr(row.label), f"{row.rate_hz:g}", row.unit or "(blank)", limits, becomes)
    print_wide(table)


def print_readiness(census: Census) -> None:
    """Print how many recordings would convert and why the others would not."""
    facts = census.readiness()
    click.echo(
        f"{census.cohort}: {facts['n_would_convert']} of {facts['n_recordings']} recordings would convert; "
        f"{facts['n_without_annotation']} without annotation, {facts['n_without_subject']} without subject row"
    )
    for reason, rows in facts["would_fail"].items():
        click.echo(f"  would fail {rows['n']:5d} x {reason}, first: {rows['first']}")
    from schemas.findings import FINDINGS

    for code, n in facts["findings"].items():
        click.echo(f"  finding {n:8d} x {code} {FINDINGS[code].title}")

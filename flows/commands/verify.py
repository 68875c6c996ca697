"""``sleep2vec verify``: every byte of an output against what was written, and against its source."""

from __future__ import annotations

import json
from pathlib import Path

import click

__all__ = ["command", "verify_output"]


@click.command("verify")
@click.argument("out", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--against-source",
    "root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Also compare with the download below this folder, through an independent reader.",
)
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(out: Path, root: Path | None, workers: int, as_json: bool) -> int:
    """Check every recording store below OUT: specification, checksums, chunks, values.

    Names file and array of every problem. Exit code 5 when there is one.
    """
    return verify_output(out, root, workers=workers, as_json=as_json)


def verify_output(out: Path, root: Path | None = None, *, workers: int = 1, as_json: bool = False) -> int:
    """Verify an output, print what is wrong, and return the exit code."""
    from pipeline.audit import audit

    report = audit(out, root, workers=workers)
    if as_json:
        click.echo(json.dumps(report.to_json(), indent=2))
    else:
        for problem in report.problems:
            click.echo(str(problem))
        for line in report.notes:
            click.echo(line)
        click.echo(f"{report.n_stores} stores verified, {len(report.problems)} problems")
        if report.problems:
            click.echo("next: run the same convert command again; it rewrites the damaged recordings only")
    return 5 if report.problems else 0

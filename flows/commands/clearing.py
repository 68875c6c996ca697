"""``sleep2vec gc``: remove what nobody needs from an output."""

from __future__ import annotations

import json
from pathlib import Path

import click

from flows.parameters import PLACE_THAT_EXISTS

__all__ = ["command"]


@click.command("gc")
@click.argument("out", type=PLACE_THAT_EXISTS)
@click.option("--manifest", help="Look for recordings of this cohort whose source is gone, too.")
@click.option("--root", type=PLACE_THAT_EXISTS, help="The cohort's download.")
@click.option("--yes", is_flag=True, help="Remove it; without this, it is only shown.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(out: Path, manifest: str | None, root: Path | None, yes: bool, as_json: bool) -> None:
    """Show what could be removed below OUT: unfinished stores, and recordings whose source is gone.

    A run that goes on there is never touched: gc waits for nobody and says that the output is busy.
    """
    from pipeline.batch.clearing import clear, find_rubbish

    if (manifest is None) != (root is None):
        raise click.UsageError("--manifest and --root belong together: both say where the sources are.")
    cohort, present = _present(manifest, root) if manifest and root else (None, frozenset())
    rubbish = (clear if yes else find_rubbish)(out, cohort=cohort, present=present)
    if as_json:
        click.echo(
            json.dumps({"n_unfinished": rubbish.n_unfinished, "gone": rubbish.gone, "removed": yes}, indent=2)
        )
        return
    done = "removed" if yes else "could be removed"
    click.echo(f"{rubbish.n_unfinished} unfinished stores {done}")
    for name in rubbish.gone:
        click.echo(f"{name}: its source is gone; store {done}")
    if rubbish and not yes:
        click.echo("next: the same command with --yes")


def _present(manifest: str, root: Path) -> tuple[str, frozenset[str]]:
    """Return cohort and keys of what is found; nothing at all is an error: a wrong root would empty the output."""
    from pipeline.files.discover import discover
    from pipeline.manifests.load import load_manifest

    loaded = load_manifest(manifest)
    return loaded.cohort, frozenset(source.key.name for source in discover(loaded, root))

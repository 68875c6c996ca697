"""``sleep2vec nightly``: the nightly flow, once and now."""

from __future__ import annotations

from typing import Any

import click

from flows.commands.nightly_options import check_evaluation, conversion_of, conversion_options, require_server

__all__ = ["command"]


@click.command("nightly")
@conversion_options
def command(check: Any, shards: str | None, evaluate: str | None, **conversion: Any) -> int:
    """Convert what is new, changed or damaged below --root, verify it, write the catalog: the nightly flow, now.

    The Prefect server at PREFECT_API_URL shows it; without one, a temporary server keeps the history.
    Exit code 3 when some recordings failed, 5 when verification did.
    """
    from flows.nightly import nightly
    from schemas.errors import StoreCorrupt

    check_evaluation(shards, evaluate)
    require_server(is_temporary_enough=True)
    try:
        report = nightly(conversion_of(conversion), check, shards, evaluate).report
    except StoreCorrupt as error:
        click.echo(f"sleep2vec: {error}", err=True)
        return 5
    return 3 if report.failed else 0

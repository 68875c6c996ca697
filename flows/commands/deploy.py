"""``sleep2vec deploy``: the nightly flow on a schedule, for the workers of a pool."""

from __future__ import annotations

from typing import Any

import click

from flows.commands.nightly_options import conversion_options, deployment_of, schedule_options

__all__ = ["command"]


@click.command("deploy")
@conversion_options
@schedule_options
@click.option("--pool", default="sleep2vec", show_default=True, help="Work pool; made if there is none.")
def command(pool: str, **options: Any) -> None:
    """Register the nightly flow with the Prefect server at PREFECT_API_URL, for the workers of a pool.

    A run that is due while another goes on waits for it.
    """
    from flows.deployments import deploy

    deployment = deployment_of(**options)
    deploy(deployment, pool)
    click.echo(f"deployed {deployment.full_name}")
    click.echo(f"next: prefect worker start --pool {pool}")

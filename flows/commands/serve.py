"""``sleep2vec serve``: the nightly flow on a schedule, in this process."""

from __future__ import annotations

from typing import Any

import click

from flows.commands.nightly_options import conversion_options, deployment_of, schedule_options

__all__ = ["command"]


@click.command("serve")
@conversion_options
@schedule_options
def command(**options: Any) -> None:
    """Do the nightly flow on this machine whenever it is due or asked for, until interrupted.

    Needs the Prefect server at PREFECT_API_URL. A run that is due while another goes on waits for it.
    """
    from flows.deployments import serve_nightly

    serve_nightly(deployment_of(**options))

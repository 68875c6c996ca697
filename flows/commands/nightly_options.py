"""Options that the commands of the nightly flow share, and what they make of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flows.parameters import LOCAL_NAME

if TYPE_CHECKING:
    from flows.conversion import Conversion
    from flows.orchestration import RunnerDeployment

__all__ = [
    "check_evaluation",
    "conversion_of",
    "conversion_options",
    "deployment_of",
    "require_server",
    "schedule_options",
]

F = TypeVar("F", bound=Callable[..., Any])


def conversion_options(command: F) -> F:
    """Add what says which conversion is meant."""
    options = (
        click.argument("manifest"),
        click.option("--root", required=True, help="The download."),
        click.option("--out", required=True, help="Folder of the stores."),
        click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes."),
        click.option("--dask", metavar="ADDRESS", help="Dask scheduler to work on, or 'local' to start a cluster."),
        click.option("--only", metavar="GLOB", help="Only recordings whose key matches, e.g. '*-0001'."),
        click.option(
            "--timeout", "timeout_s", type=click.FloatRange(1), metavar="S", help="Most seconds a recording."
        ),
        click.option(
            "--batch-size", type=click.IntRange(1), default=100, show_default=True, help="Recordings a report."
        ),
        click.option(
            "--check",
            type=click.Choice(["new", "all"]),
            default="new",
            show_default=True,
            help="Which stores are verified afterwards.",
        ),
        click.option("--shards", type=LOCAL_NAME, metavar="DIR", help="Keep shards of all good recordings there."),
        click.option("--evaluate", metavar="CHECKPOINT", help="Evaluate a fine-tuned model on their split test."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def schedule_options(command: F) -> F:
    """Add what says when."""
    options = (
        click.option("--cron", metavar="'M H D M W'", help="When, in UTC, e.g. '0 2 * * *': every night at two."),
        click.option("--interval", "interval_s", type=click.FloatRange(1), metavar="S", help="Every S seconds."),
        click.option("--name", help="Of the deployment; the cohort's without."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def conversion_of(options: dict[str, Any]) -> Conversion:
    """Return the conversion that the options mean."""
    from flows.conversion import Conversion

    return Conversion(**options)


def check_evaluation(shards: str | None, evaluate: str | None) -> None:
    """Refuse a model without shards to evaluate it on.

    Raises
    ------
    click.UsageError
    """
    if evaluate and not shards:
        raise click.UsageError("--evaluate needs --shards: models are evaluated on the split test of a set.")


def require_server(*, is_temporary_enough: bool) -> None:
    """Wait for the server that is named.

    Raises
    ------
    click.UsageError
        When it does not answer, or none is named and a temporary one would not do.
    """
    from flows.server import server_answers, server_url

    url = server_url()
    if url is None and not is_temporary_enough:
        raise click.UsageError(
            "schedules need a Prefect server that stays: start one with `prefect server start`, "
            "then `export PREFECT_API_URL=http://127.0.0.1:4200/api`."
        )
    if url is not None and not server_answers():
        raise click.UsageError(f"no Prefect server answers at {url}: start it with `prefect server start`.")


def deployment_of(
    check: Any,
    shards: str | None,
    evaluate: str | None,
    cron: str | None,
    interval_s: float | None,
    name: str | None,
    **conversion: Any,
) -> RunnerDeployment:
    """Return the deployment that the options mean.

    Raises
    ------
    click.UsageError
        When there are two schedules, or no server that keeps one.
    """
    from flows.deployments import nightly_deployment
    from pipeline.manifests.load import load_manifest

    if cron and interval_s:
        raise click.UsageError("--cron or --interval, not both.")
    check_evaluation(shards, evaluate)
    require_server(is_temporary_enough=False)
    what = conversion_of(conversion)
    name = name or load_manifest(what.manifest).cohort
    return nightly_deployment(
        name, what, check=check, shards=shards, evaluate=evaluate, cron=cron, interval_s=interval_s
    )

"""``sleep2vec convert``: a cohort into verified recording stores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.parameters import LOCAL_FILE, PLACE, PLACE_THAT_EXISTS

if TYPE_CHECKING:
    from pipeline.batch.plan import Plan
    from pipeline.batch.run import RunReport

__all__ = ["Work", "command", "convert_and_report", "convert_cohort", "make_plan", "print_report", "work_options"]


@dataclass(frozen=True)
class Work:
    """Where the work is done, within which limits, and what is said meanwhile."""

    workers: int
    dask: str | None
    timeout_s: float | None
    memory_byte: int | None
    verbose: bool
    quiet: bool
    log_file: Path | None


def work_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of `Work`, and hand them to it as ``work``."""

    @wraps(command)
    def with_work(
        *arguments: Any,
        workers: int,
        dask: str | None,
        timeout: float | None,
        memory: float | None,
        verbose: bool,
        quiet: bool,
        log_file: Path | None,
        **others: Any,
    ) -> Any:
        memory_byte = None if memory is None else round(memory * 1e9)
        return command(
            *arguments, work=Work(workers, dask, timeout, memory_byte, verbose, quiet, log_file), **others
        )

    for option in reversed(_WORK_OPTIONS):
        with_work = option(with_work)
    return with_work


_WORK_OPTIONS = (
    click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes."),
    click.option("--dask", metavar="ADDRESS", help="A Dask scheduler; 'local' starts one with --workers."),
    click.option(
        "--timeout", type=click.FloatRange(1), metavar="S", help="Give up on a recording after S seconds."
    ),
    click.option("--memory", type=click.FloatRange(0.5), metavar="GB", help="Data that one recording may take."),
    click.option("--verbose", is_flag=True, help="A line a recording, with findings and seconds."),
    click.option("--quiet", is_flag=True, help="No progress."),
    click.option("--log-file", type=LOCAL_FILE, help="Add what happens, as lines of JSON."),
)


@click.command("convert")
@click.argument("manifest")
@click.option("--root", type=PLACE_THAT_EXISTS, required=True, help="The download: folder or s3:// URL.")
@click.option("--out", type=PLACE, required=True, help="Where the stores go: folder or s3:// URL.")
@click.option("--only", metavar="GLOB", help="Only recordings whose key matches, e.g. '*-0001'.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and why; write nothing.")
@click.option("--fresh", is_flag=True, help="Convert again what is there already.")
@click.option("--deep", is_flag=True, help="Trust no size and no time: hash sources and stores again.")
@work_options
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def command(
    manifest: str,
    root: Path,
    out: Path,
    only: str | None,
    dry_run: bool,
    fresh: bool,
    deep: bool,
    work: Work,
    as_json: bool,
) -> int:
    """Harmonise the recordings that MANIFEST finds below --root into one verified store each below --out.

    Only new and changed recordings are done; kill it whenever you like and run it again. Exit code 3 when some
    recordings failed: each has its reason in `sleep2vec status OUT`.
    """
    from pipeline.manifests.load import load_manifest

    plan = make_plan(load_manifest(manifest), root, out, only=only, fresh=fresh, deep=deep)
    if only is not None and not plan.items:
        raise click.UsageError(f"no recording matches {only!r}; --dry-run --json without --only lists them all.")
    if dry_run:
        _print_plan(plan, as_json)
        return 0
    return convert_and_report(plan, work, as_json=as_json)


def make_plan(manifest: Any, root: Path, out: Path, **choices: Any) -> Plan:
    """Find the cohort's recordings and decide what is to be done with each."""
    from pipeline.batch.plan import plan
    from pipeline.cohort import find_recordings
    from pipeline.write.ledger import read_ledger

    return plan(find_recordings(manifest, root), out, manifest, read_ledger(out), **choices)


def convert_cohort(
    plan: Plan,
    *,
    workers: int = 1,
    timeout_s: float | None = None,
    quiet: bool = False,
    dask: str | None = None,
    memory_byte: int | None = None,
) -> RunReport:
    """Carry out a plan with the real converter, showing progress unless ``quiet``."""
    from flows.progress import show_progress
    from pipeline.batch.convert import convert_recording
    from pipeline.batch.executors import open_executor
    from pipeline.batch.run import run

    with (
        open_executor(dask, workers=workers, memory_byte=memory_byte) as executor,
        show_progress(quiet=quiet) as show,
    ):
        return run(plan, convert_recording, executor=executor, timeout_s=timeout_s, on_progress=show)


def convert_and_report(plan: Plan, work: Work, *, as_json: bool) -> int:
    """Carry out a plan as the options say, print how it ended, and return the exit code."""
    from flows.logs import log_to

    with log_to(work.log_file, verbose=work.verbose):
        report = convert_cohort(
            plan,
            workers=work.workers,
            timeout_s=work.timeout_s,
            quiet=as_json or work.quiet or work.verbose,
            dask=work.dask,
            memory_byte=work.memory_byte,
        )
    if not as_json:
        _print_strays(plan)
    print_report(report, as_json)
    return 3 if report.failed else 0


def _print_plan(plan: Plan, as_json: bool) -> None:
    import json

    items = [(str(item.source.key), str(item.decision), str(item.why)) for item in plan.items]
    if as_json:
        click.echo(
            json.dumps([dict(zip(("recording", "decision", "why"), i, strict=True)) for i in items], indent=2)
        )
        return
    for (decision, why), n in Counter((decision, why) for _, decision, why in items).most_common():
        click.echo(f"{n:6d} {decision}: {why}")
    _print_strays(plan)


def _print_strays(plan: Plan) -> None:
    """Say what the manifest or the ledger names and the download does not have."""
    for key in plan.unused_exclusions:
        click.echo(f"the manifest excludes {key}, which is not there: check the spelling")
    if gone := plan.not_found:
        click.echo(
            f"{len(gone)} recordings of earlier runs are not found below --root now, e.g. {gone[0]}: "
            "their stores were left alone"
        )


def print_report(report: RunReport, as_json: bool = False) -> None:
    """Print how a run ended; the last line is the next command."""
    if as_json:
        import json

        click.echo(json.dumps(report.to_json(), indent=2))
        return
    if report.n_leftover:
        click.echo(f"removed {report.n_leftover} unfinished stores of an earlier run")
    for row in report.failed:
        click.echo(f"failed {row.reason}: {row.detail}")
    counts = ", ".join(f"{n} {outcome}" for outcome, n in sorted(report.outcomes.items()))
    click.echo(f"{counts or 'no recordings'} ({report.n_converted} now, {report.n_unchanged} unchanged)")
    click.echo(f"next: {report.next_command}")

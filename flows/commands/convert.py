"""``sleep2vec convert``: a cohort into verified recording stores."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.parameters import PLACE, PLACE_THAT_EXISTS

if TYPE_CHECKING:
    from pipeline.batch.plan import Plan
    from pipeline.batch.run import Progress, RunReport

__all__ = ["command", "convert_cohort", "print_report", "progress_printer"]


@click.command("convert")
@click.argument("manifest")
@click.option("--root", type=PLACE_THAT_EXISTS, required=True, help="The download.")
@click.option("--out", type=PLACE, required=True, help="Folder of the stores.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--only", metavar="GLOB", help="Only recordings whose key matches, e.g. '*-0001'.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and why; write nothing.")
@click.option("--fresh", is_flag=True, help="Convert again what is there already.")
@click.option("--deep", is_flag=True, help="Trust no size and no time: hash sources and stores again.")
@click.option("--timeout", type=click.FloatRange(1), metavar="S", help="Give up on a recording after S seconds.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def command(
    manifest: str,
    root: Path,
    out: Path,
    workers: int,
    only: str | None,
    dry_run: bool,
    fresh: bool,
    deep: bool,
    timeout: float | None,
    as_json: bool,
) -> int:
    """Harmonise the recordings that MANIFEST finds below --root into one verified store each below --out.

    Only new and changed recordings are done; kill it whenever you like and run it again. Exit code 3 when some
    recordings failed: each has its reason in `sleep2vec status OUT`.
    """
    from pipeline.manifests import load_manifest

    plan = make_plan(load_manifest(manifest), root, out, only=only, fresh=fresh, deep=deep)
    if only is not None and not plan.items:
        raise click.UsageError(f"no recording matches {only!r}; --dry-run --json without --only lists them all.")
    if dry_run:
        _print_plan(plan, as_json)
        return 0
    report = convert_cohort(plan, workers=workers, timeout_s=timeout, quiet=as_json)
    if not as_json:
        _print_strays(plan)
    print_report(report, as_json)
    return 3 if report.failed else 0


def make_plan(manifest: Any, root: Path, out: Path, **choices: Any) -> Plan:
    """Find the cohort's recordings and decide what is to be done with each."""
    from pipeline.batch.plan import plan
    from pipeline.cohort import find_recordings
    from pipeline.write.ledger import read_ledger

    return plan(find_recordings(manifest, root), out, manifest, read_ledger(out), **choices)


def convert_cohort(plan: Plan, *, workers: int, timeout_s: float | None = None, quiet: bool = False) -> RunReport:
    """Carry out a plan with the real converter, showing progress unless ``quiet``."""
    from pipeline.batch.convert import convert_recording
    from pipeline.batch.run import run

    with progress_printer(quiet) as show:
        return run(plan, convert_recording, workers=workers, timeout_s=timeout_s, on_progress=show)


class progress_printer:
    """A bar on a terminal, one line a recording elsewhere, nothing when quiet."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Callable[[Progress], None] | None:
        if self._quiet:
            return None
        if not sys.stderr.isatty():
            return self._line
        from rich.console import Console
        from rich.progress import Progress as Bar

        self._bar = Bar(console=Console(stderr=True))
        self._bar.start()
        self._task = self._bar.add_task("converting")
        return self._advance

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _advance(self, progress: Progress) -> None:
        row = progress.row
        self._bar.update(self._task, completed=progress.n_done, total=progress.n_total)
        if row.reason:
            self._bar.console.print(f"{row.cohort}/{row.key}: {row.outcome}, {row.reason}")

    def _line(self, progress: Progress) -> None:
        row = progress.row
        what = f"{row.outcome}, {row.reason}" if row.reason else str(row.outcome)
        click.echo(f"{progress.n_done}/{progress.n_total} {row.cohort}/{row.key}: {what}", err=True)


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

        facts = {
            "outcomes": {str(k): n for k, n in report.outcomes.items()},
            "n_converted": report.n_converted,
            "n_unchanged": report.n_unchanged,
            "failures": dict(report.failures),
            "failed": [
                {"recording": f"{r.cohort}/{r.key}", "reason": r.reason, "detail": r.detail} for r in report.failed
            ],
            "n_leftover": report.n_leftover,
            "next_command": report.next_command,
        }
        click.echo(json.dumps(facts, indent=2))
        return
    if report.n_leftover:
        click.echo(f"removed {report.n_leftover} unfinished stores of an earlier run")
    for row in report.failed:
        click.echo(f"failed {row.reason}: {row.detail}")
    counts = ", ".join(f"{n} {outcome}" for outcome, n in sorted(report.outcomes.items()))
    click.echo(f"{counts or 'no recordings'} ({report.n_converted} now, {report.n_unchanged} unchanged)")
    click.echo(f"next: {report.next_command}")

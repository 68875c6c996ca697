"""``sleep2vec quarantine``: the recordings that failed; try them again, or leave them out for a reason."""

from __future__ import annotations

import json
import shlex
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.commands.convert import Work, work_options
from flows.parameters import PLACE_THAT_EXISTS

if TYPE_CHECKING:
    from pipeline.write.ledger import Row

__all__ = ["command"]

_OUT = click.argument("out", type=PLACE_THAT_EXISTS)
_RECORDINGS = click.argument("recordings", nargs=-1, required=True, metavar="COHORT/KEY...")


@click.group("quarantine")
def command() -> None:
    """Recordings that failed: list them by reason, try them again, or leave them out."""


@command.command("list")
@_OUT
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_(out: Path, as_json: bool) -> None:
    """List what failed, reason by reason, each with the next command; and what was left out by hand."""
    from pipeline.batch.quarantine import quarantined
    from pipeline.batch.remedies import remedy

    of: dict[str, list[Row]] = defaultdict(list)
    for row in quarantined(out):
        of[row.reason or ""].append(row)
    name = shlex.quote(str(out))
    nexts = {reason: _UNDO.format(out=name) if reason == _BY_HAND else remedy(reason, name) for reason in of}
    if as_json:
        facts = [
            {"reason": reason, "next": nexts[reason], "recordings": {f"{r.cohort}/{r.key}": r.detail for r in rows}}
            for reason, rows in sorted(of.items())
        ]
        click.echo(json.dumps(facts, indent=2))
        return
    for reason, rows in sorted(of.items(), key=lambda item: -len(item[1])):
        click.echo(f"{len(rows)} x {reason}; next: {nexts[reason]}")
        for row in rows:
            click.echo(f"  {row.cohort}/{row.key}: {row.detail}")
    if not of:
        click.echo("no recording failed, none was left out by hand")


_BY_HAND = "excluded_by_operator"
_UNDO = "sleep2vec quarantine include {out} RECORDING takes one in again"


@command.command()
@_OUT
@click.argument("manifest")
@click.option("--root", type=PLACE_THAT_EXISTS, required=True, help="The download.")
@click.option("--only", metavar="GLOB", help="Only recordings whose key matches, e.g. '*-0001'.")
@work_options
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def retry(out: Path, manifest: str, root: Path, only: str | None, work: Work, as_json: bool) -> int:
    """Convert the recordings of MANIFEST that failed, and no others."""
    from flows.commands.convert import convert_and_report, make_plan
    from pipeline.manifests.load import load_manifest

    plan = make_plan(load_manifest(manifest), root, out, only=only, only_failed=True)
    return convert_and_report(plan, work, as_json=as_json)


@command.command()
@_OUT
@_RECORDINGS
@click.option("--reason", required=True, help="Why, for those who ask later; no names of persons.")
def exclude(out: Path, recordings: tuple[str, ...], reason: str) -> None:
    """Leave recordings out of every later run, and remove their stores."""
    from pipeline.batch.quarantine import exclude as leave_out

    n = leave_out(out, recordings, reason)
    click.echo(f"{n} left out; next: {_UNDO.format(out=shlex.quote(str(out)))}")


@command.command()
@_OUT
@_RECORDINGS
def include(out: Path, recordings: tuple[str, ...]) -> None:
    """Take recordings in again that were left out by hand."""
    from pipeline.batch.quarantine import include as take_in

    n = take_in(out, recordings)
    click.echo(f"{n} taken in; next: sleep2vec quarantine retry {shlex.quote(str(out))} MANIFEST --root ROOT")

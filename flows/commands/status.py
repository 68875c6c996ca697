"""``sleep2vec status``: how the recordings of an output ended, and why."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import click

from flows.parameters import PLACE_THAT_EXISTS

__all__ = ["command"]


@click.command("status")
@click.argument("out", type=PLACE_THAT_EXISTS)
@click.option("--failed", is_flag=True, help="List every failed recording with its reason.")
@click.option("--report", is_flag=True, help="The report of the newest run that ended instead.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(out: Path, failed: bool, report: bool, as_json: bool) -> None:
    """Count the recordings below OUT by outcome, reason and finding, from the ledger alone."""
    from pipeline.write.ledger import read_ledger
    from schemas.errors import StoreIncomplete

    if report:
        _print_report(out, ".json" if as_json else ".md")
        return
    rows = list(read_ledger(out).rows.values())
    if not rows:
        raise StoreIncomplete(
            "no ledger here",
            where=out.name,
            do="Name a folder that convert has written to; a run that was stopped may have finished nothing.",
        )
    facts = _facts(rows)
    bad = [{"recording": f"{r.cohort}/{r.key}", "reason": r.reason, "detail": r.detail} for r in rows if r.reason]
    if as_json:
        click.echo(json.dumps(facts | ({"failed": bad} if failed else {}), indent=2))
        return
    from schemas.findings import FINDINGS

    for cohort, counts in facts["cohorts"].items():
        click.echo(f"{cohort}: " + ", ".join(f"{n} {outcome}" for outcome, n in counts.items()))
    click.echo(f"{facts['n_epoch'] / 120:.1f} h in {facts['n_byte'] / 1e6:.1f} MB")
    for reason, n in facts["reasons"].items():
        click.echo(f"  {n:6d} x {reason}")
    for code, n in facts["findings"].items():
        fix = "" if FINDINGS[code].fix == "None." else f": {FINDINGS[code].fix}"
        click.echo(f"  {n:6d} recordings with {code} {FINDINGS[code].title}{fix}")
    for row in bad if failed else ():
        click.echo(f"{row['recording']}: {row['reason']}: {row['detail']}")


def _print_report(out: Path, suffix: str) -> None:
    from pipeline.batch.report import newest_report
    from schemas.errors import StoreIncomplete

    text = newest_report(out, suffix=suffix)
    if text is None:
        raise StoreIncomplete("no run has ended here", where=out.name, do="Convert first.")
    click.echo(text.rstrip())


def _facts(rows: list[Any]) -> dict[str, Any]:
    cohorts: dict[str, Counter[str]] = {}
    for row in rows:
        cohorts.setdefault(row.cohort, Counter())[str(row.outcome)] += 1
    return {
        "cohorts": {name: dict(sorted(counts.items())) for name, counts in sorted(cohorts.items())},
        "n_recordings": len(rows),
        "n_epoch": sum(row.store.n_epoch for row in rows if row.store),
        "n_byte": sum(row.store.n_byte for row in rows if row.store),
        "reasons": dict(Counter(row.reason for row in rows if row.reason).most_common()),
        "findings": dict(Counter(code for row in rows for code in row.findings).most_common()),
    }

"""``sleep2vec status``: how the recordings of an output ended, and why."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from itertools import chain
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
    from pipeline.write.ledger import read_plain_rows
    from schemas.errors import StoreIncomplete

    if report:
        _print_report(out, ".json" if as_json else ".md")
        return
    rows = read_plain_rows(out)
    if not rows:
        raise StoreIncomplete(
            "no ledger here",
            where=out.name,
            do="Name a folder that convert has written to; a run that was stopped may have finished nothing.",
        )
    facts = _facts(rows)
    bad = [
        {"recording": f"{row['cohort']}/{row['key']}", "reason": row["reason"], "detail": row.get("detail")}
        for row in rows
        if "reason" in row
    ]
    if as_json:
        click.echo(json.dumps(facts | ({"failed": bad} if failed else {}), indent=2))
        return
    _print_facts(facts)
    for row in bad if failed else ():
        click.echo(f"{row['recording']}: {row['reason']}: {row['detail']}")


def _print_facts(facts: dict[str, Any]) -> None:
    """Print three tables, those that have rows: cohorts by outcome, reasons, and findings with what to do."""
    from schemas.findings import FINDINGS
    from schemas.vocabulary import Outcome

    outcomes = [outcome for outcome in Outcome if any(outcome in counts for counts in facts["cohorts"].values())]
    cohorts = [
        [name, *(counts.get(outcome, 0) for outcome in outcomes)] for name, counts in facts["cohorts"].items()
    ]
    _print_table(["cohort", *outcomes], cohorts)
    click.echo(f"{facts['n_epoch'] / 120:.1f} h in {facts['n_byte'] / 1e6:.1f} MB")
    _print_table(["reason", "recordings"], [[reason, n] for reason, n in facts["reasons"].items()])
    kinds = [(code, n, FINDINGS[code]) for code, n in facts["findings"].items()]
    rows = [[code, n, kind.severity.value, kind.title, kind.fix] for code, n, kind in kinds]
    _print_table(["finding", "recordings", "severity", "what", "what to do"], rows)


def _print_table(heads: list[str], rows: list[list[object]]) -> None:
    """Print a table, numbers to the right; nothing without rows."""
    from rich.table import Table

    from flows.commands.inspection import print_wide

    if not rows:
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for head, cell in zip(heads, rows[0], strict=True):
        table.add_column(head, justify="right" if isinstance(cell, int) else "left")
    for row in rows:
        table.add_row(*map(str, row))
    print_wide(table)


def _print_report(out: Path, suffix: str) -> None:
    from pipeline.batch.report import newest_report
    from schemas.errors import StoreIncomplete

    text = newest_report(out, suffix=suffix)
    if text is None:
        raise StoreIncomplete("no run has ended here", where=out.name, do="Convert first.")
    click.echo(text.rstrip())


def _facts(rows: list[dict[str, Any]]) -> dict[str, Any]:
    from pipeline.write.ledger import Stored

    cohorts: dict[str, Counter[str]] = defaultdict(Counter)
    for (cohort, outcome), n in Counter((row["cohort"], row["outcome"]) for row in rows).items():
        cohorts[cohort][outcome] = n
    n_epoch = n_byte = 0
    for stored in (Stored._make(row["store"]) for row in rows if "store" in row):  # kept, they cost a collection
        n_epoch, n_byte = n_epoch + stored.n_epoch, n_byte + stored.n_byte
    findings = Counter(chain.from_iterable(row["findings"] for row in rows if "findings" in row))
    return {
        "cohorts": {name: dict(sorted(counts.items())) for name, counts in sorted(cohorts.items())},
        "n_recordings": len(rows),
        "n_epoch": n_epoch,
        "n_byte": n_byte,
        "reasons": dict(Counter(row["reason"] for row in rows if "reason" in row).most_common()),
        "findings": dict(findings.most_common()),
    }

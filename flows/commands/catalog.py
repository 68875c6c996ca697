"""``sleep2vec catalog``: what recordings there are, as a table, a choice of them, or a page to share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from flows.many_words import STUDY_TYPES, ManyWords
from flows.parameters import LOCAL_FILE, PLACE_THAT_EXISTS

__all__ = ["command"]

_SOME_FAILED = 3  # exit code, as flows.cli has it
_SHOWN = "recording,subject,age_years,sex,site,hours,sleep_hours,n_rem,modalities"
_OUT = click.argument("out", type=PLACE_THAT_EXISTS)
_JSON = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@click.group("catalog")
def command() -> None:
    """Tell what recordings there are."""


@command.command("build")
@_OUT
@click.option("--split-file", type=LOCAL_FILE, help="Fills the column split.")
@_JSON
def build(out: Path, split_file: Path | None, as_json: bool) -> int:
    """Write the catalog of all stores below OUT, and what describes it; only changed stores are read."""
    from pipeline.catalog.build import build_catalog
    from pipeline.splits import read_splits

    catalog = build_catalog(out, splits=read_splits(split_file) if split_file else None)
    facts = {
        "n_recordings": catalog.recordings.height,
        "n_read": catalog.n_read,
        "n_kept": catalog.n_kept,
        "files": list(catalog.files),
        "problems": [problem._asdict() for problem in catalog.problems],
    }
    if as_json:
        click.echo(json.dumps(facts, indent=2))
    else:
        click.echo(f"{facts['n_recordings']} recordings ({catalog.n_read} read, {catalog.n_kept} unchanged)")
        click.echo(f"in {out}: {', '.join(catalog.files)}")
        for problem in catalog.problems:
            click.echo(f"{problem.recording}: {problem.reason}: {problem.detail}")
    if catalog.problems:
        click.echo(f"next: sleep2vec verify {out}", err=True)
    return _SOME_FAILED if catalog.problems else 0


@command.command("query", cls=ManyWords)
@_OUT
@click.argument("expr")
@click.option(
    "--study-type",
    "study_types",
    multiple=True,
    type=click.Choice(("all", *STUDY_TYPES)),
    default=("diagnostic", "unknown"),
    show_default=True,
    metavar="NAME ...",
    help="What the nights were for, where EXPR does not say.",
)
@click.option("--columns", default=_SHOWN, show_default=True, help="Columns to show; 'all' for all of them.")
@_JSON
def query(out: Path, expr: str, study_types: tuple[str, ...], columns: str, as_json: bool) -> None:
    """List the recordings of OUT for which EXPR is true.

    EXPR is what follows WHERE in SQL, e.g. "age_years > 60 and n_rem > 100"; docs/catalog.md has the columns.
    """
    from pipeline.catalog.query import choose, of_study_types, pick
    from pipeline.catalog.table import open_table

    found = choose(open_table(out), expr)
    is_told = "all" in study_types or "study_type" in expr
    chosen = found if is_told else of_study_types(found, study_types)
    n_other = len(found) - len(chosen)
    if columns != "all":
        chosen = pick(chosen, [name.strip() for name in columns.split(",")])
    rows = chosen.to_dicts()
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    _print(list(chosen.columns), rows)
    click.echo(
        f"{len(rows)} recordings" + (f", {n_other} of other study types: --study-type all" if n_other else "")
    )


@command.command("card")
@_OUT
@click.option("--cohort", help="One cohort only.")
@click.option("--small-cells", is_flag=True, help="Tell numbers of fewer than five persons, too: not to be shared.")
@_JSON
def card(out: Path, cohort: str | None, small_cells: bool, as_json: bool) -> None:
    """Print a page in Markdown on each cohort in the catalog of OUT: nights, channels, persons, stages, terms."""
    from pipeline.catalog.card import card_facts, card_text
    from pipeline.catalog.table import open_table

    facts = card_facts(open_table(out), open_table(out, "channels"), cohort=cohort, small_cells=small_cells)
    click.echo(json.dumps(facts, indent=2) if as_json else card_text(facts), nl=as_json)


def _print(columns: list[str], rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from flows.commands.inspection import print_wide

    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    print_wide(table)


def _cell(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)

"""``sleep2vec splits``: who is for training, validation and test."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import click

from flows.parameters import LOCAL_FILE, PLACE_THAT_EXISTS

__all__ = ["command"]


@click.group("splits")
def command() -> None:
    """Say who is for training, validation and test."""


@command.command("make")
@click.argument("out", type=PLACE_THAT_EXISTS)
@click.option("--seed", type=int, required=True, help="Same seed and persons, same splits, on any machine.")
@click.option("--out", "file", type=LOCAL_FILE, required=True, help="Split file.")
@click.option("--val", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="Share of each cohort.")
@click.option("--test", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="Share of each cohort.")
@click.option("--external", multiple=True, metavar="COHORT", help="Kept apart as a whole; may be given again.")
@click.option("--leave-out", metavar="COHORT", help="All of it is the test split; the others train and validate.")
@click.option("--same-people", "same", type=LOCAL_FILE, help="From splits twins: who is one person in two cohorts.")
@click.option("--allow-overlap", is_flag=True, help="Keep a cohort apart from one that it shares people with.")
@click.option(
    "--extend",
    type=LOCAL_FILE,
    help="Split file in which nobody moves; who is new is added. May be the one of --out.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def make(
    out: Path,
    seed: int,
    file: Path,
    val: float,
    test: float,
    external: tuple[str, ...],
    leave_out: str | None,
    same: Path | None,
    allow_overlap: bool,
    extend: Path | None,
    as_json: bool,
) -> None:
    """Draw splits of the persons below OUT, families whole, alike in site, age and sex."""
    from pipeline.catalog.bids import licence
    from pipeline.catalog.build import collect, people
    from pipeline.catalog.card import terms_of
    from pipeline.catalog.same_people import overlapping_cohorts, read_same, with_same
    from pipeline.splits import make_splits, read_splits, write_splits

    known = read_splits(extend) if extend else None
    catalog = collect(out)
    drawn = make_splits(
        with_same(people(catalog.recordings), read_same(same) if same else {}),
        seed=seed,
        val=val,
        test=test,
        external=external,
        leave_out=leave_out,
        extend=known,
        overlaps=overlapping_cohorts(catalog.recordings),
        allow_overlap=allow_overlap,
    )
    splits = replace(drawn, header={**drawn.header, "terms": licence(terms_of(catalog.recordings))})
    if file.exists() and file != extend and file.read_text("utf-8", errors="replace") != splits.text():
        raise click.UsageError(
            f"{file} holds other splits: name another file, or --extend {file} to add who is new."
        )
    write_splits(splits, file)
    facts = {"file": str(file), "seed": seed, "persons": splits.counts, "not_readable": len(catalog.problems)}
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    click.echo(", ".join(f"{n} {split}" for split, n in splits.counts.items()) + f" persons in {file}")
    if catalog.problems:
        click.echo(f"{len(catalog.problems)} stores cannot be read and their persons may be missing")


@command.command("twins")
@click.argument("out", type=PLACE_THAT_EXISTS)
@click.option("--out", "file", type=click.Path(path_type=Path, dir_okay=False), help="File for splits make.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def twins(out: Path, file: Path | None, as_json: bool) -> None:
    """Find nights below OUT that are there twice under two names, by their stages and beats."""
    from pipeline.catalog.build import collect
    from pipeline.catalog.same_people import same_people, twins_among, write_same

    recordings = collect(out).recordings
    found = twins_among(out, recordings)
    pairs = same_people(found, recordings)
    if file is not None:
        write_same(pairs, file)
    if as_json:
        nights = [asdict(pair) for pair in found]
        click.echo(json.dumps({"n_recordings": len(recordings), "nights": nights, "persons": pairs}, indent=2))
        return
    for pair in found:
        click.echo(f"{pair.one} and {pair.other}: one night by {' and '.join(pair.by)}")
    click.echo(f"{len(found)} of {len(recordings)} nights are there twice, {len(pairs)} persons under two names")
    if pairs:
        click.echo(f"next: sleep2vec splits make {out} --same-people {file or 'FILE'}")

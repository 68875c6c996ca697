"""``sleep2vec synth``: a synthetic cohort in the layout of a real download."""

from __future__ import annotations

from pathlib import Path

import click

from flows.parameters import LOCAL_FOLDER

__all__ = ["command"]


@click.command("synth")
@click.argument("out", type=LOCAL_FOLDER)
@click.option("--cohort", "recipe", default="synthetic", show_default=True, help="Recipe; a wrong name lists them.")
@click.option("--nights", type=click.IntRange(1), default=4, show_default=True, help="Subjects (times visits).")
@click.option("--hours", type=click.FloatRange(0.05, 24), default=8.0, show_default=True, help="Length of a night.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same bytes.")
@click.option("--visits", type=click.IntRange(1, 2), default=1, show_default=True, help="Nights a subject.")
@click.option("--faults", is_flag=True, help="Add broken recordings of many kinds; truth/faults.json lists them.")
@click.option("--confound", metavar="site=TRAIT", help="Tie the site to a trait by construction, e.g. site=age.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
def command(
    out: Path,
    recipe: str,
    nights: int,
    hours: float,
    seed: int,
    visits: int,
    faults: bool,
    confound: str | None,
    workers: int,
) -> None:
    """Write a synthetic cohort below OUT, which then is the --root of `convert`.

    EDF, NSRR XML and the subjects' tables lie where a download would have them; OUT/truth/ holds the beats,
    breaths, stages, events and traits that they were made from.
    """
    from pipeline.synth import recipe_names, synthesise

    if recipe not in recipe_names():
        raise click.BadParameter(f"choose from {', '.join(recipe_names())}", param_hint="--cohort")
    if out.exists() and any(out.iterdir()):
        raise click.UsageError(f"{out} is not empty: name a new folder, so that nothing is lost.")
    report = synthesise(
        out,
        recipe=recipe,
        nights=nights,
        hours=hours,
        seed=seed,
        faults=faults,
        visits=visits,
        workers=workers,
        confound=confound,
    )
    broken = f" and {len(report.faults)} broken ones" if faults else ""
    click.echo(f"{len(report.recordings)} recordings{broken} below {out}; the truth is in {out / 'truth'}")
    click.echo(f"next: sleep2vec convert {recipe} --root {out} --out OUT")

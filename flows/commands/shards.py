"""``sleep2vec shards``: build, verify and pull training shards."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.many_words import MODALITIES, STUDY_TYPES, ManyWords
from flows.parameters import LOCAL_FOLDER, LOCAL_THAT_EXISTS, PLACE_THAT_EXISTS

if TYPE_CHECKING:
    from schemas.vocabulary import Modality

__all__ = ["command"]


@click.group("shards")
def command() -> None:
    """Build, verify and pull training shards: recordings of a split laid end to end."""


@command.command("build", cls=ManyWords)
@click.argument("out", type=PLACE_THAT_EXISTS)
@click.option("--out", "target", type=LOCAL_FOLDER, required=True, help="The set.")
@click.option(
    "--split-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="From splits make."
)
@click.option("--modalities", multiple=True, type=click.Choice(MODALITIES), metavar="NAME ...", help="All without.")
@click.option(
    "--view", type=click.Choice(["aasm", "wearable"]), help="Keep these bands of the waves only; as stored without."
)
@click.option(
    "--instead", "named", multiple=True, metavar="NAME=CHANNEL", help="A channel for a modality, e.g. resp=bbi."
)
@click.option(
    "--study-type",
    "study_types",
    multiple=True,
    type=click.Choice(STUDY_TYPES),
    default=("diagnostic", "unknown"),
    show_default=True,
    metavar="NAME ...",
    help="What the nights were for.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the order, and of splits without a file.")
@click.option(
    "--codec", type=click.Choice(["none", "zstd"]), default="none", show_default=True, help="zstd: to ship."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def build(
    out: Path,
    target: Path,
    split_file: Path | None,
    modalities: tuple[str, ...],
    view: str | None,
    named: tuple[str, ...],
    study_types: tuple[str, ...],
    seed: int,
    codec: str,
    as_json: bool,
) -> None:
    """Build a set from all good recordings below OUT.

    Without --split-file, persons are drawn into train, val and test by the seed. A set that is there is replaced in
    one step; made of the same recordings in the same way, it is left alone.
    """
    from pipeline.shards.build import Recipe, build_set
    from schemas.shard import Codec
    from schemas.views import VIEWS
    from schemas.vocabulary import StudyType

    chosen = _modalities(modalities or tuple(MODALITIES))
    recipe = Recipe(
        *(chosen, seed, Codec(codec), split_file),
        view=VIEWS[view] if view else None,
        instead=_instead(named),
        study_types=tuple(StudyType(name) for name in study_types),
    )
    with _progress("building", quiet=as_json) as show:
        report = build_set(out, target, recipe, on_progress=show)
    if as_json:
        click.echo(json.dumps(asdict(report), indent=2))
        return
    _print_splits(report.splits)
    click.echo(f"{report.n_byte / 1e6:.1f} MB" + ("" if report.built else ", unchanged: nothing was built"))
    click.echo(f"next: sleep2vec shards verify {target}")


@command.command("verify")
@click.argument("folder", type=LOCAL_THAT_EXISTS)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def verify(folder: Path, as_json: bool) -> int:
    """Check every byte and every rule of the set in FOLDER.

    Names file, array and recordings of every problem. Exit code 5 when there is one.
    """
    from pipeline.shards.verify import verify_set

    report = verify_set(folder)
    if as_json:
        click.echo(json.dumps(asdict(report), indent=2))
    else:
        for problem in report.problems:
            click.echo(str(problem))
        click.echo(f"{report.n_file} files verified, {report.n_byte / 1e6:.1f} MB, {len(report.problems)} problems")
        if report.problems:
            click.echo("next: build or pull the set again")
    return 5 if report.problems else 0


@command.command("pull", cls=ManyWords)
@click.argument("url")
@click.option("--out", "target", type=LOCAL_FOLDER, required=True, help="The copy.")
@click.option("--split", "splits", multiple=True, metavar="NAME ...", help="All without.")
@click.option("--modalities", multiple=True, type=click.Choice(MODALITIES), metavar="NAME ...", help="All without.")
@click.option("--subset", type=click.IntRange(1), metavar="N", help="The first N recordings of every split.")
@click.option("--workers", type=click.IntRange(1, 64), default=8, show_default=True, help="Transfers at a time.")
@click.option("--force", is_flag=True, help="Pull from an open place although the terms forbid to redistribute.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def pull(
    url: str,
    target: Path,
    splits: tuple[str, ...],
    modalities: tuple[str, ...],
    subset: int | None,
    workers: int,
    force: bool,
    as_json: bool,
) -> None:
    """Pull the set at URL (http, https, s3 or a folder), or the part of it that is asked for.

    Every byte is checked as it arrives. Interrupted, the same command goes on where it was.
    """
    from pipeline.shards.pull import Wanted, pull_set

    wanted = Wanted(splits or None, _modalities(modalities) if modalities else None, subset)
    with _progress("pulling", quiet=as_json) as show:
        report = pull_set(url, target, wanted, force=force, workers=workers, on_progress=show)
    if as_json:
        click.echo(json.dumps(asdict(report), indent=2))
        return
    _print_splits(report.splits)
    if report.forced:
        click.echo("pulled although the terms forbid to redistribute: set.json says so")
    click.echo(f"{report.n_fetched / 1e6:.1f} MB fetched, {report.n_kept / 1e6:.1f} MB were here already")
    click.echo(f"next: sleep2vec shards verify {target}")


def _modalities(names: tuple[str, ...]) -> tuple[Modality, ...]:
    from schemas.vocabulary import Modality

    return tuple(modality for modality in Modality if modality in names)


def _instead(named: tuple[str, ...]) -> dict[Modality, str]:
    """Return which channels stand for a modality instead of its primary one."""
    from schemas.vocabulary import Modality

    pairs = [text.partition("=") for text in named]
    if wrong := [name for name, _, _ in pairs if name not in MODALITIES]:
        raise click.BadParameter(f"no modality {', '.join(wrong)}", param_hint="--instead")
    return {Modality(name): channel for name, _, channel in pairs}


def _print_splits(splits: Any) -> None:
    for name, facts in splits.items():
        hours = facts["n_epoch"] / 120
        click.echo(f"{name}: {facts['n_recording']} nights of {facts['n_subject']} persons, {hours:.1f} h")


@contextmanager
def _progress(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Give what shows progress: a bar on a terminal, a line every tenth elsewhere, nothing when quiet."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True)) as bar:
            task = bar.add_task(what, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    else:
        yield _Tenths(what)


class _Tenths:
    """Prints a line whenever another tenth is done."""

    def __init__(self, what: str) -> None:
        self._what, self._told = what, -1

    def __call__(self, done: int, total: int) -> None:
        tenth = 10 * done // max(1, total)
        if tenth > self._told:
            self._told = tenth
            click.echo(f"{self._what}: {10 * tenth} %", err=True)

"""``sleep2vec evaluate``: what a fine-tuned model is worth on nights that it has not seen."""

from __future__ import annotations

import json
from pathlib import Path

import click

from flows.evaluation import evaluated, in_words, without_nan
from flows.many_words import MODALITIES, SPLITS, ManyWords
from flows.parameters import LOCAL_THAT_EXISTS
from flows.training import labels_option

__all__ = ["command"]


@click.command("evaluate", cls=ManyWords)
@click.option(
    "--checkpoint", type=click.Path(path_type=Path, exists=True), required=True, help="A run of finetune."
)
@click.option("--shards", type=LOCAL_THAT_EXISTS, required=True, help="The set.")
@click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True, help="Of the set.")
@click.option("--modalities", multiple=True, type=click.Choice(MODALITIES), metavar="NAME ...", help="All without.")
@labels_option
@click.option("--baseline", type=click.Choice(["yasa"]), help="Staging by another program, on the same epochs.")
@click.option("--card", is_flag=True, help="Keep the result in the checkpoint's model card.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(
    checkpoint: Path,
    shards: Path,
    split: str,
    modalities: tuple[str, ...],
    labels: Path | None,
    baseline: str | None,
    card: bool,
    device: str,
    as_json: bool,
) -> None:
    """Evaluate on whole nights of a split, with any subset of the modalities that the model knows.

    Intervals are over persons. Research use only: nothing here is a diagnosis.
    """
    from model.card import note
    from model.checkpoint import folder_of
    from model.device import device_of

    found = evaluated(checkpoint, shards, split, modalities, labels, device_of(device), baseline=baseline)
    if card:
        note(folder_of(checkpoint), without_nan(found))
    click.echo(json.dumps(without_nan(found), indent=2) if as_json else in_words(found))

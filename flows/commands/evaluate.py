"""``sleep2vec evaluate``: what a fine-tuned model is worth on nights that it has not seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from flows.many_words import MODALITIES, SPLITS, ManyWords
from flows.parameters import LOCAL_THAT_EXISTS

__all__ = ["command"]


@click.command("evaluate", cls=ManyWords)
@click.option(
    "--checkpoint", type=click.Path(path_type=Path, exists=True), required=True, help="A run of finetune."
)
@click.option("--shards", type=LOCAL_THAT_EXISTS, required=True, help="The set.")
@click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True, help="Of the set.")
@click.option("--modalities", multiple=True, type=click.Choice(MODALITIES), metavar="NAME ...", help="All without.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(
    checkpoint: Path, shards: Path, split: str, modalities: tuple[str, ...], device: str, as_json: bool
) -> None:
    """Evaluate on whole nights of a split, with any subset of the modalities that the model knows.

    Intervals are over persons. Research use only: nothing here is a diagnosis.
    """
    from model.data.loader import Options, open_nights
    from model.device import device_of
    from model.evaluate import answer, report
    from model.finetune import open_model

    device = device_of(device)
    model, _ = open_model(checkpoint)
    wanted = modalities or model.fusion.modalities
    labels = (model.task.label,) if model.task.label.startswith(("stage", "event")) else ()
    options = Options(split=split, modalities=wanted, device=device)
    nights = open_nights(shards, labels=labels, options=options)
    found = report(answer(model.to(device), nights, wanted, device=device), model, wanted)
    click.echo(json.dumps(found | {"split": split}, indent=2) if as_json else _words(found, split))


def _words(found: dict[str, Any], split: str) -> str:
    lines = [f"{found['task']} on {found['n_recordings']} nights of {found['n_subjects']} persons, split {split}"]
    lines += [f"with {' '.join(found['modalities'])}"]
    if "mae" in found:
        return "\n".join([*lines, f"mean absolute error {found['mae']:.1f} years over {found['n']} nights"])
    for name, words in (("accuracy", "accuracy"), ("kappa", "Cohen's kappa"), ("macro_f1", "macro F1")):
        low, high = found["interval"][name]
        lines.append(f"{words:14s} {found[name]:.3f}  (95 % interval over persons {low:.3f} to {high:.3f})")
    lines.append("F1 " + ", ".join(f"{name} {value:.2f}" for name, value in found["f1"].items()))
    return "\n".join(lines)

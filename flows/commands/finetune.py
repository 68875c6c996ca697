"""``sleep2vec finetune``: a head for a task, and the network under it, adapters of it, or neither."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.many_words import MODALITIES, ManyWords
from flows.parameters import LOCAL_FOLDER, LOCAL_THAT_EXISTS
from flows.training import configured, data_facts, labelled, labels_option, set_option, shared

if TYPE_CHECKING:
    from model.finetune import Mode

__all__ = ["command"]


@click.command("finetune", cls=ManyWords)
@click.option("--config", "name", default="tiny", show_default=True, help="tiny, base, large, or a JSON file.")
@click.option(
    "--task", required=True, help="stage5, stage4, stage3, apnea, arousal, sex, age, diseases or survival."
)
@click.option(
    "--checkpoint", type=click.Path(path_type=Path, exists=True), help="A run of pretrain; scratch without."
)
@click.option("--shards", type=LOCAL_THAT_EXISTS, required=True, help="The set.")
@click.option("--out", type=LOCAL_FOLDER, required=True, help="The run's folder.")
@click.option("--modalities", multiple=True, type=click.Choice(MODALITIES), metavar="NAME ...", help="All without.")
@click.option(
    "--few-shot", type=click.IntRange(1), metavar="K", help="Labels of K persons only, drawn by the seed."
)
@click.option(
    "--mode",
    type=click.Choice(["probe", "lora", "full"]),
    default="full",
    show_default=True,
    help="Train the head alone, low-rank adapters, or all.",
)
@click.option("--rank", type=click.IntRange(1), default=8, show_default=True, help="Of the adapters.")
@click.option("--columns", default="", metavar="NAME,NAME", help="Diseases; or years and event, for survival.")
@labels_option
@click.option("--steps", type=click.IntRange(1), default=200, show_default=True, help="Batches of nights.")
@click.option("--batch", type=click.IntRange(1), default=4, show_default=True, help="Nights of a batch.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of head, order and modalities left out.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1.")
@set_option
def command(
    name: str,
    task: str,
    checkpoint: Path | None,
    shards: Path,
    out: Path,
    modalities: tuple[str, ...],
    few_shot: int | None,
    mode: Mode,
    rank: int,
    columns: str,
    labels: Path | None,
    steps: int,
    batch: int,
    seed: int,
    device: str,
    values: tuple[str, ...],
) -> None:
    """Fine-tune for a task on the split train.

    Half of the batches see only some of the modalities, so that the model works with any of them. For diseases and
    survival the answers are columns of a table of persons (--labels, --columns): yes, no or numbers; what is blank
    or unknown does not count.
    """
    from dataclasses import replace

    from model.checkpoint import origin
    from model.data.loader import Options, open_nights
    from model.device import device_of
    from model.finetune import finetune, start_model
    from model.tasks import task as task_of

    device = device_of(device)
    run = configured(name, values, seed=seed, **{"optim.n_step": steps})
    named = [name.strip() for name in columns.split(",") if name.strip()]
    own = task_of(task, named)
    before = origin(checkpoint)
    wanted = modalities or (shared(shards, before["modalities"]) if before else None)
    options = Options(modalities=wanted, device=device, n_person=few_shot)
    nights = open_nights(shards, batch=batch, seed=seed, labels=own.labels, is_endless=True, options=options)
    run = replace(run, model=replace(run.model, modalities=tuple(map(str, nights.modalities))))
    model = start_model(run, task, checkpoint, mode=mode, rank=rank, columns=named)
    facts = {"data": data_facts(shards), "few_shot": few_shot, "mode": mode, "pretrained": before}

    def show(step: int, loss: float) -> None:
        if step % max(1, steps // 10) == 0 or step == steps:
            click.echo(f"batch {step}/{steps}: loss {loss:.3f}", err=True)

    batches = labelled(nights, shards, own, labels)
    finetune(model, batches, out, run.optim, facts, seed=seed, device=device, on_step=show)
    click.echo(f"next: sleep2vec evaluate --checkpoint {out} --shards {shards}")

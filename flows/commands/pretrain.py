"""``sleep2vec pretrain``: align the modalities of training shards."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.many_words import MODALITIES, ManyWords
from flows.parameters import LOCAL_FOLDER, LOCAL_THAT_EXISTS
from flows.training import configured, data_facts, set_option

if TYPE_CHECKING:
    from model.pretrain import Step

__all__ = ["command"]


@click.command("pretrain", cls=ManyWords)
@click.option("--config", "name", default="base", show_default=True, help="tiny, base, large, or a JSON file.")
@click.option("--shards", type=LOCAL_THAT_EXISTS, required=True, help="The set.")
@click.option("--out", type=LOCAL_FOLDER, required=True, help="The run's folder.")
@click.option("--modalities", multiple=True, type=click.Choice(MODALITIES), metavar="NAME ...", help="All without.")
@click.option("--seed", type=int, help="Of weights, masks and order.")
@click.option("--steps", type=click.IntRange(1), help="Steps in all.")
@click.option("--plain", is_flag=True, help="Plain InfoNCE: no term of age, sex, site or subject.")
@click.option("--workers", type=click.IntRange(0), default=0, show_default=True, help="Processes that read.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1.")
@set_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(
    name: str,
    shards: Path,
    out: Path,
    modalities: tuple[str, ...],
    seed: int | None,
    steps: int | None,
    plain: bool,
    workers: int,
    device: str,
    values: tuple[str, ...],
    as_json: bool,
) -> None:
    """Pre-train a model on the split train; the same command goes on where a run was stopped.

    Checkpoints, metrics.jsonl and alignment.json (how often a token finds its own night and time in another
    modality) are in --out. Started by torchrun, processes share every batch: torchrun --standalone
    --nproc-per-node 4 -m flows.cli pretrain …
    """
    from dataclasses import replace

    from model.alignment import alignment
    from model.data.loader import Options, open_pairs
    from model.device import device_of
    from model.pretrain import pretrain
    from model.ranks import join

    run = configured(name, values, seed=seed, **{"optim.n_step": steps})
    ranks, device = join(device_of(device))
    options = Options(
        modalities=modalities or None, workers=workers, device=device, rank=ranks.rank, n_rank=ranks.n_rank
    )
    with_all = open_pairs(shards, window=run.optim.window, batch=run.optim.batch, seed=run.seed, options=options)
    held = tuple(map(str, with_all.modalities))
    run = replace(run, model=replace(run.model, modalities=held), loss=run.loss.plain() if plain else run.loss)
    with _progress(run.optim.n_step, quiet=as_json or not ranks.is_first) as show:
        path = pretrain(run, with_all, out, device=device, data=data_facts(shards), on_step=show, ranks=ranks)
    with_all.close()
    if not ranks.is_first:
        return
    found = alignment(path, shards, device=device)
    _print(path, found, as_json)


class _progress:
    """A bar on a terminal, a line every so often elsewhere."""

    def __init__(self, n_step: int, *, quiet: bool) -> None:
        self._n_step, self._quiet, self._bar, self._task = n_step, quiet, None, None

    def __enter__(self) -> Any:
        if self._quiet:
            return None
        if not sys.stderr.isatty():
            return self._line
        from rich.console import Console
        from rich.progress import Progress

        self._bar: Any = Progress(console=Console(stderr=True))
        self._bar.start()
        self._task = self._bar.add_task("pre-training", total=self._n_step)
        return self._advance

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _advance(self, step: Step) -> None:
        self._bar.update(self._task, completed=step.step + 1, description=f"pre-training, loss {step.loss:.3f}")

    def _line(self, step: Step) -> None:
        if step.step % max(1, self._n_step // 20) == 0 or step.step + 1 == self._n_step:
            pair = " and ".join(step.pair)
            click.echo(f"step {step.step + 1}/{self._n_step}: loss {step.loss:.3f}, {pair}", err=True)


def _print(path: Path, found: dict[str, Any], as_json: bool) -> None:
    import json

    if as_json:
        click.echo(json.dumps({"checkpoint": str(path), "alignment": found}, indent=2))
        return
    for pair, share in sorted(found["accuracy"].items(), key=lambda item: -item[1]):
        click.echo(f"{pair:16s} {share:.1%} of tokens find their own among {found['n_window']} windows")
    click.echo(f"next: sleep2vec finetune --task stage5 --checkpoint {path.parent} --shards … --out …")

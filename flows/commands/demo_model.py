"""The end of ``sleep2vec demo``: a tiny model on the nights that were just converted, from shards to stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from model.downstream import Downstream

__all__ = ["PICTURES", "show_model"]

PICTURES = ("loss.png", "alignment.png", "confusion.png")
_NEEDED = {"torch": "model", "safetensors": "model", "polars": "catalog"}  # module → extra
_SUBSETS: tuple[tuple[str, ...], ...] = ((), ("eeg", "eog"), ("ibi", "resp"))  # () is all
# Shares of persons, and what two cores do in a minute or so; the rate suits a few hundred tokens a step.
_VAL, _TEST = 0.15, 0.25
_PRETRAIN = {"optim.n_step": 150, "optim.learning_rate": 3e-3}
_FINETUNE = {"optim.n_step": 150, "optim.learning_rate": 5e-3}
_BATCH, _WINDOW = 8, 60  # windows of a batch of fine-tuning, epochs of a window


def show_model(stores: Path, folder: Path, *, real: str) -> None:
    """Build shards of every converted night, pre-train, fine-tune for stages, evaluate; print and draw it.

    Parameters
    ----------
    stores : Path
        Where the recording stores are.
    folder : Path
        Gets the pictures, and all else in ``model``.
    real : str
        The cohort that is not made up: it stays out of training.
    """
    if missing := sorted({extra for name, extra in _NEEDED.items() if find_spec(name) is None}):
        click.echo(f"no model, torch or polars is missing: pip install 'sleep2vec[{','.join(missing)}]'")
        return
    place = folder / "model"
    click.echo("== model: tiny, from scratch, on the nights above; persons of the test split are never seen")
    shards = _build(stores, place, real)
    losses: dict[str, list[float]] = {}
    found = _pretrain(shards, place / "pretrained", losses)
    model = _finetune(shards, place, losses)
    reports = [_evaluate(model, shards, names) for names in _SUBSETS]
    _print_table(reports)
    _draw(folder, losses, found, reports[0])


def _build(stores: Path, place: Path, real: str) -> Path:
    from pipeline.catalog.build import collect, people
    from pipeline.shards.build import Recipe, build_set
    from pipeline.splits import make_splits, write_splits

    place.mkdir()
    splits = make_splits(people(collect(stores).recordings), seed=1, val=_VAL, test=_TEST, external=[real])
    write_splits(splits, place / "splits.tsv")
    report = build_set(stores, place / "set", Recipe(split_file=place / "splits.tsv"))
    parts = ", ".join(f"{name} {facts['n_recording']}" for name, facts in report.splits.items())
    click.echo(f"shards: nights of {parts}; {report.n_byte / 1e6:.0f} MB")
    return place / "set"


def _pretrain(shards: Path, run_folder: Path, losses: dict[str, list[float]]) -> dict[str, Any]:
    """Pre-train and return the alignment of the modalities."""
    from flows.training import data_facts
    from model.alignment import alignment
    from model.config import preset, with_values
    from model.data.loader import open_pairs
    from model.pretrain import pretrain

    run = with_values(preset("tiny"), dict(_PRETRAIN))
    pairs = open_pairs(shards, window=run.optim.window, batch=run.optim.batch, seed=run.seed)
    run = replace(run, model=replace(run.model, modalities=tuple(map(str, pairs.modalities))))
    seen = losses["pre-training: two modalities of a night find each other"] = []
    path = pretrain(run, pairs, run_folder, data=data_facts(shards), on_step=lambda step: seen.append(step.loss))
    found = alignment(path, shards)
    (best, share), *_ = sorted(found["accuracy"].items(), key=lambda item: -item[1])
    click.echo(
        f"pre-training: {run.optim.n_step} steps; at best, {best.replace('-', ' and ')}, {share:.0%} of new tokens "
        f"find their own night among {found['n_window']}"
    )
    return found


def _finetune(shards: Path, place: Path, losses: dict[str, list[float]]) -> Downstream:
    from flows.training import data_facts
    from model.config import preset, with_values
    from model.data.loader import open_windows
    from model.finetune import finetune, start_model

    run = with_values(preset("tiny"), dict(_FINETUNE))
    model = start_model(run, "stage5", place / "pretrained")
    windows = open_windows(shards, window=_WINDOW, batch=_BATCH, seed=run.seed, labels=("stage",))
    seen = losses["fine-tuning: stages"] = []
    facts = {"data": data_facts(shards)}
    finetune(model, windows, place / "stage5", run.optim, facts, on_step=lambda _, loss: seen.append(loss))
    return model


def _evaluate(model: Downstream, shards: Path, names: Sequence[str]) -> dict[str, Any]:
    from model.data.loader import Options, open_nights
    from model.evaluate import answer, report

    wanted = tuple(names) or model.fusion.modalities
    nights = open_nights(shards, labels=("stage",), options=Options(split="test", modalities=wanted))
    return report(answer(model, nights, wanted), model, wanted)


def _print_table(reports: Sequence[dict[str, Any]]) -> None:
    """Print accuracy, kappa and macro F1 of every subset; answering the commonest stage always has kappa 0."""
    click.echo(f"stages of {reports[0]['n_recordings']} synthetic nights of persons never seen")
    click.echo(f"{'with':14s}  accuracy  kappa (95 % over persons)  macro F1")
    for number, facts in enumerate(reports):
        name = " ".join(facts["modalities"]) if number else f"all {len(facts['modalities'])}"
        low, high = facts["interval"]["kappa"]
        click.echo(
            f"{name:14s}  {facts['accuracy']:8.3f}  {facts['kappa']:5.3f}  ({low:.3f} to {high:.3f})     "
            f"{facts['macro_f1']:8.3f}"
        )


def _draw(folder: Path, losses: dict[str, list[float]], found: dict[str, Any], staged: dict[str, Any]) -> None:
    from flows.figures import draw_alignment, draw_confusion, draw_losses
    from pipeline.report.apnea_picture import can_draw

    if not can_draw():
        click.echo("no pictures without matplotlib: pip install 'sleep2vec[plots]'")
        return
    title = f"Stages of {staged['n_recordings']} synthetic nights, all modalities: kappa {staged['kappa']:.2f}"
    figures = (
        draw_losses(losses),
        draw_alignment(found),
        draw_confusion(staged["confusion"], list(staged["f1"]), title),
    )
    for name, figure in zip(PICTURES, figures, strict=True):
        figure.savefig(folder / name, format="png")
    click.echo(f"losses, alignment of modalities, stages taken for each other: {', '.join(PICTURES)} in {folder}")

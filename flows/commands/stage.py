"""``sleep2vec stage``: a hypnogram with confidences of one recording store."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.parameters import LOCAL_FILE, PLACE_THAT_EXISTS

if TYPE_CHECKING:
    from model.embed import Hypnogram

__all__ = ["command"]

_NOTE = "research use only: no medical device, nothing here is a diagnosis"
_WIDTH = 96  # columns of the picture


@click.command("stage")
@click.argument("store", type=PLACE_THAT_EXISTS)
@click.option(
    "--checkpoint", type=click.Path(path_type=Path, exists=True), required=True, help="A run of finetune."
)
@click.option("--csv", "table", type=LOCAL_FILE, help="Write epoch, start, stage and confidence there as well.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(store: Path, checkpoint: Path, table: Path | None, as_json: bool) -> None:
    """Stage the night of a recording STORE with a model that was fine-tuned for it. Research use only.

    Epochs that are known to be out of bed, or in which no sensor is usable, are not staged.
    """
    from model.data.one_night import read_night
    from model.embed import stages_of
    from model.finetune import open_model

    model, facts = open_model(checkpoint)
    found = stages_of(model, read_night(store, facts))
    if table is not None:
        with table.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ("epoch", "start_s", "stage", "confidence"))
            writer.writeheader()
            writer.writerows(_rows(found))
    if as_json:
        note = {"note": _NOTE, "checkpoint_sha256": facts["sha256"]}
        click.echo(json.dumps(note | _agreement(found) | {"epochs": list(_rows(found))}, indent=1))
        return
    click.echo("\n".join(_picture(found)))
    for name, value in _agreement(found).items():
        click.echo(f"{name.replace('_', ' ')}: {value:.3f}" if isinstance(value, float) else f"{name}: {value}")
    click.echo(_NOTE)


def _rows(found: Hypnogram) -> Iterator[dict[str, Any]]:
    """Yield a row an epoch; the confidence is the probability of the stage that is answered."""
    from schemas.vocabulary import EPOCH_S

    for epoch, (stage, probability) in enumerate(zip(found.stage, found.probability, strict=True)):
        known = stage >= 0
        yield {
            "epoch": epoch,
            "start_s": epoch * EPOCH_S,
            "stage": found.classes[stage] if known else "unscored",
            "confidence": round(float(probability[stage]), 4) if known else None,
        }


def _agreement(found: Hypnogram) -> dict[str, Any]:
    """Compare with the stages in the store, where somebody scored."""
    import numpy as np

    from model.metrics import accuracy, confusion, kappa

    counts = confusion(np.where(found.stage >= 0, found.scored, -1), found.stage, len(found.classes))
    n = int(counts.sum())
    agreement = {"agreement_with_scorer": accuracy(counts), "kappa_with_scorer": kappa(counts)} if n else {}
    return {"n_scored": n} | agreement


def _picture(found: Hypnogram) -> Iterator[str]:
    """Draw a line a stage; a column is the stage that most of its epochs have."""
    import numpy as np

    columns = np.array_split(found.stage, min(_WIDTH, len(found.stage)))
    most = [np.bincount(column[column >= 0]).argmax() if (column >= 0).any() else -1 for column in columns]
    for number, name in enumerate(found.classes):
        yield f"{name:>6s} |" + "".join("#" if own == number else " " for own in most)
    yield f"       0 h{'':{max(0, len(most) - 8)}s}{len(found.stage) / 120:.1f} h"

"""``sleep2vec embed``: what a network makes of recording stores, written beside them."""

from __future__ import annotations

import json
from pathlib import Path

import click

from flows.parameters import PLACE_THAT_EXISTS

__all__ = ["command"]


@click.command("embed")
@click.argument("stores", nargs=-1, required=True, type=PLACE_THAT_EXISTS, metavar="STORE...")
@click.option("--checkpoint", type=click.Path(path_type=Path, exists=True), required=True, help="A run.")
@click.option(
    "--window", type=click.IntRange(1), metavar="N", help="Epochs of a window; without, those of pre-training."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(stores: tuple[Path, ...], checkpoint: Path, window: int | None, as_json: bool) -> None:
    """Write the embedding of every STORE beside it, as <recording>.embedding.zarr.

    For every modality that the recording has, and fused over them: a vector an epoch and a vector a window.
    Research use only; the terms in its attributes are the strictest of the recording's and the model's data's.
    """
    from model.data.one_night import read_night
    from model.embed import embedding_of, open_encoder
    from pipeline.write.embedding import write_embedding

    encoder = open_encoder(checkpoint)
    rows = []
    for store in stores:
        ds = embedding_of(encoder, read_night(store, encoder.facts), window)
        path = write_embedding(ds, store)
        names = [name for name in encoder.facts["config"]["model"]["modalities"] if name in ds]
        sizes = {name: int(ds.sizes[name]) for name in ("epoch", "window", "width")}
        rows.append({"embedding": str(path), "of": names, **sizes})
        if not as_json:
            click.echo(f"{path}: {', '.join(names)}; {sizes['epoch']} epochs, {sizes['window']} windows")
    if as_json:
        click.echo(json.dumps(rows, indent=2))

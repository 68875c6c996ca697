"""What the commands that train and evaluate share: configurations, and what a checkpoint says of its data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from model.batch import Batch
    from model.config import RunConfig
    from model.data import Loader
    from model.tasks import Task

__all__ = ["configured", "data_facts", "labelled", "labels_option", "set_option", "shared"]

set_option = click.option(
    "--set", "values", multiple=True, metavar="NAME=VALUE", help="Change a number, e.g. loss.margin=0.2."
)
labels_option = click.option(
    "--labels",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="TABLE",
    help="CSV or Parquet with a column recording or subject; the set's index without.",
)


def configured(name: str, values: tuple[str, ...], **given: Any) -> RunConfig:
    """Return a named configuration, or one from a JSON file, with what was changed on the command line.

    Raises
    ------
    ModelError
        When there is no such configuration or number.
    """
    from model.config import RunConfig, preset, with_values

    path = Path(name)
    if path.suffix == ".json":
        try:
            run = RunConfig.from_json(json.loads(path.read_text("utf-8")))
        except (OSError, ValueError) as error:
            raise click.UsageError(f"{path.name} is no configuration in JSON: {type(error).__name__}") from None
    else:
        run = preset(name)
    changed = {key: value for key, value in given.items() if value is not None}
    for text in values:
        key, sign, value = text.partition("=")
        if not sign:
            raise click.UsageError(f"--set takes NAME=VALUE, not {text!r}")
        changed[key.strip()] = _value(value.strip())
    return with_values(run, changed)


def _value(text: str) -> Any:
    """JSON where it is JSON, else the word."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def shared(shards: Path, known: Sequence[str]) -> tuple[str, ...]:
    """Return the modalities that both a model and a set have.

    Raises
    ------
    click.UsageError
        When there is none.
    """
    from pipeline.shards.documents import read_set
    from pipeline.shards.sources import source_of

    held = read_set(source_of(shards), shards.name)["modalities"]
    both = tuple(name for name in known if name in held)
    if not both:
        raise click.UsageError(
            f"the model knows {', '.join(known)}; the set has {', '.join(held)}: nothing in common"
        )
    return both


def labelled(nights: Loader, shards: Path, task: Task, table: Path | None) -> Iterable[Batch]:
    """Return the nights with what a table says of them, where the task's answers are there.

    Raises
    ------
    SelectionError
        When the table does not fit.
    """
    from model.targets import answered
    from model.tasks import TARGETS

    if task.label != TARGETS and table is not None:
        raise click.UsageError(f"--labels is for diseases and survival, not for {task.name}")
    return answered(nights, shards, task, table)


def data_facts(shards: Path) -> dict[str, Any]:
    """Return what a checkpoint says of the set that it was trained on.

    Its digest, size, cohorts, view and terms; and mean and standard deviation of the split train, by which stores
    are scaled that are read without the set.
    """
    import hashlib

    from pipeline.shards.documents import checked_set
    from pipeline.shards.sources import source_of
    from schemas.shard import SET, STATISTICS

    source = source_of(shards)
    content = source.read(SET)
    said = checked_set(content, shards.name)
    moments = json.loads(source.read(STATISTICS))["modalities"]
    view = said["view"]
    return {
        "name": shards.name,
        "set": hashlib.sha256(content).hexdigest(),
        "cohorts": sorted(said["terms"]["releases"]),
        "splits": {name: part.get("n_recording") for name, part in said["splits"].items()},
        "view": view and view["name"],
        "statistics": {name: {key: own[key] for key in ("mean", "sd")} for name, own in moments.items()},
        "terms": said["terms"],
    }

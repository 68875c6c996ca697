"""What the commands that train and evaluate share: configurations, and what a checkpoint says of its data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from model.config import RunConfig

__all__ = ["configured", "data_facts", "set_option"]

set_option = click.option(
    "--set", "values", multiple=True, metavar="NAME=VALUE", help="Change a number, e.g. loss.margin=0.2."
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


def data_facts(shards: Path) -> dict[str, Any]:
    """Return what a checkpoint says of the set that it was trained on: digest, size, terms."""
    import hashlib

    from pipeline.shards.documents import checked_set
    from schemas.shard import SET

    content = (shards / SET).read_bytes()
    said = checked_set(content, shards.name)
    return {
        "set": hashlib.sha256(content).hexdigest(),
        "splits": {name: part.get("n_recording") for name, part in said["splits"].items()},
        "terms": said["terms"],
    }

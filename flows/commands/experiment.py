"""``sleep2vec experiment``: a question about models, as one command, answered by a table and a figure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from flows.training import data_facts

__all__ = ["command"]


@click.command("experiment")
@click.argument("name", required=False)
@click.option("--list", "is_list", is_flag=True, help="Say which experiments there are, and end.")
@click.option(
    "--config", "file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Settings, YAML or JSON."
)
@click.option("--shards", type=click.Path(path_type=Path, exists=True, file_okay=False), help="The set.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="The experiment's folder.")
@click.option("--checkpoint", type=click.Path(path_type=Path, exists=True), help="A run of pretrain to begin with.")
@click.option("--set", "values", multiple=True, metavar="NAME=VALUE", help="Change a setting, e.g. n_step=100.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(
    name: str | None,
    is_list: bool,
    file: Path | None,
    shards: Path | None,
    out: Path | None,
    checkpoint: Path | None,
    values: tuple[str, ...],
    device: str,
    as_json: bool,
) -> None:
    """Run the experiment NAME on a set: table.csv, table.json and figure.png below --out.

    Networks that it trains stay below --out/runs: the same command goes on where it was stopped. Settings and
    their defaults are in docs/experiments.md.
    """
    from model.experiments.catalogue import EXPERIMENTS, conduct

    if is_list:
        click.echo(json.dumps(dict(EXPERIMENTS), indent=2) if as_json else _words(dict(EXPERIMENTS)))
        return
    if name is None or shards is None or out is None:
        raise click.UsageError("give NAME, --shards and --out; --list names the experiments.")
    if name not in EXPERIMENTS:
        raise click.BadParameter(f"choose from {', '.join(EXPERIMENTS)}", param_hint="NAME")
    from model.device import device_of

    given = _settings(file) | dict(map(_setting, values))
    if checkpoint is not None:
        given["checkpoint"] = str(checkpoint)
    files = conduct(name, given, shards, out, device=device_of(device), data=data_facts(shards))
    said = json.loads(files[1].read_text("utf-8"))
    click.echo(json.dumps(said, indent=2) if as_json else f"{len(said['rows'])} rows: {', '.join(map(str, files))}")


def _words(names: dict[str, str]) -> str:
    width = max(map(len, names))
    return "\n".join(f"{name:{width}s}  {about}" for name, about in names.items())


def _settings(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    import yaml

    try:
        found = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise click.UsageError(f"{file.name} is no settings in YAML or JSON: {type(error).__name__}") from None
    if not isinstance(found, dict):
        raise click.UsageError(f"{file.name} holds no settings by name.")
    return found


def _setting(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign:
        raise click.UsageError(f"--set takes NAME=VALUE, not {text!r}")
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value.strip()

"""Checkpoints: tensors in safetensors, everything else in JSON, nothing that runs code when it is loaded.

A run's folder holds ``step-<n>`` folders; each is written under another name, made durable and renamed, so that a
kill leaves the last good one. ``checkpoint.json`` has the digest of the tensors, the configuration, the state of
the data and where the data came from; ``card.md`` tells it to people.
"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from model.card import CARD, card_text
from model.config import RunConfig
from pipeline.files.places import storage_errors
from pipeline.write.publish import make_durable, publish, temporary_name
from schemas.errors import CheckpointInvalid
from schemas.store import PART

__all__ = ["fill", "folder_of", "latest", "load", "origin", "part", "save"]

_TENSORS, _FACTS = "tensors.safetensors", "checkpoint.json"


class _Facts(BaseModel, extra="allow", strict=True):
    """What must be in a checkpoint's facts, and what others rely on where it is there."""

    format: Literal["sleep2vec checkpoint"]
    version: Literal[1]
    sha256: str
    step: int = Field(ge=0)
    config: dict[str, Any]
    data: dict[str, Any] = {}
    loader: dict[str, Any] = {}
    task: str = ""
    columns: list[str] = []


def save(run: Path, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, Any], *, keep: int = 2) -> Path:
    """Write a checkpoint and remove all but the newest few.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        Must not share memory.
    facts : mapping
        JSON: configuration, state of the loader, source of the data.

    Raises
    ------
    StorageError
        When the disk refuses; what was there is whole.
    """
    final = run / f"step-{step:07d}"
    for unfinished in run.glob(f"step-*{PART}-*"):  # of a run that was killed
        shutil.rmtree(unfinished)
    temporary = temporary_name(final)
    own = {"format": "sleep2vec checkpoint", "version": 1, "step": step}
    with storage_errors("the checkpoint cannot be written", where=final.name):
        temporary.mkdir(parents=True)
        try:
            save_file({name: x.detach().cpu().contiguous() for name, x in tensors.items()}, temporary / _TENSORS)
        except SafetensorError as error:  # its words for those of the disk
            raise OSError(errno.EIO, "") from error
        own |= {"sha256": _digest(temporary / _TENSORS), **facts}
        (temporary / _FACTS).write_text(json.dumps(own, indent=1), "utf-8")
        (temporary / CARD).write_text(card_text(own), "utf-8")
    make_durable(temporary)
    publish(temporary, final)
    for old in _steps(run)[:-keep]:
        shutil.rmtree(old)
    return final


def latest(run: Path) -> Path | None:
    """Return the newest checkpoint of a run, or None."""
    return next(reversed(_steps(run)), None)


def folder_of(path: Path) -> Path:
    """Return a checkpoint's folder: the one that is named, or the newest of a run.

    Raises
    ------
    CheckpointInvalid
        When there is none.
    """
    folder = path if (path / _FACTS).is_file() else latest(path)
    if folder is None:
        raise CheckpointInvalid("there is no checkpoint here", where=path.name, do="Name a run's folder.")
    return folder


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint, or the newest of a run.

    Returns
    -------
    tensors : dict of str to Tensor, on the CPU
    facts : dict

    Raises
    ------
    CheckpointInvalid
        When there is none, or it is not what was written.
    """
    folder = folder_of(path)
    try:
        facts = _Facts.model_validate_json((folder / _FACTS).read_bytes())
    except (OSError, ValueError) as error:
        wrong = error.errors() if isinstance(error, ValidationError) else []
        raise CheckpointInvalid(
            "the checkpoint's facts cannot be read",
            where=folder.name,
            saw=", ".join(".".join(map(str, one["loc"])) for one in wrong) or None,
            expected=", ".join(one["msg"] for one in wrong) or None,
        ) from error
    try:
        if _digest(folder / _TENSORS) != facts.sha256:
            raise CheckpointInvalid(
                "the tensors are not what was written",
                where=folder.name,
                why="Weights that changed on the disk give wrong numbers that look right.",
                do="Take an earlier checkpoint.",
            )
        return load_file(folder / _TENSORS), facts.model_dump(exclude_unset=True)
    except (OSError, SafetensorError) as error:
        raise CheckpointInvalid("the tensors cannot be read", where=folder.name) from error


def part(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Return the tensors of a part of a checkpoint, by their names within it."""
    return {key.removeprefix(f"{name}/"): value for key, value in tensors.items() if key.startswith(f"{name}/")}


def fill(module: nn.Module, tensors: Mapping[str, Tensor], name: str) -> None:
    """Put a part of a checkpoint into a module.

    Raises
    ------
    CheckpointInvalid
        When its tensors are not the module's.
    """
    try:
        module.load_state_dict(part(tensors, name))
    except RuntimeError as error:
        raise CheckpointInvalid("the checkpoint's tensors do not fit its configuration", saw=name) from error


def origin(path: Path | None) -> dict[str, Any] | None:
    """Return what a fine-tuned checkpoint says of the one that it began with: digest, data, modalities."""
    if path is None:
        return None
    facts = load(path)[1]
    modalities = RunConfig.from_json(facts["config"]).model.modalities
    return {"sha256": facts["sha256"], "data": facts.get("data", {}), "modalities": modalities}


def _steps(run: Path) -> list[Path]:
    return sorted(path for path in run.glob("step-*") if path.name[5:].isdigit())


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

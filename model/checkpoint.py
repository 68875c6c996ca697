"""Checkpoints: tensors in safetensors, everything else in JSON, nothing that runs code when it is loaded.

A run's folder holds ``step-<n>`` folders; each is written under another name, made durable and renamed, so that a
kill leaves the last good one. ``checkpoint.json`` has the digest of the tensors, the configuration, the state of
the data and where the data came from; ``card.md`` tells it to people.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.card import CARD, card_text
from schemas.errors import CheckpointInvalid
from schemas.store import PART

__all__ = ["folder_of", "latest", "load", "origin", "save"]

_TENSORS, _FACTS = "tensors.safetensors", "checkpoint.json"
_FORMAT = "sleep2vec checkpoint"
_VERSION = 1


def save(run: Path, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, Any], *, keep: int = 2) -> Path:
    """Write a checkpoint and remove all but the newest few.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        Must not share memory.
    facts : mapping
        JSON: configuration, state of the loader, source of the data.
    """
    final = run / f"step-{step:07d}"
    temporary = run / f"{final.name}{PART}-{uuid.uuid4().hex[:8]}"
    temporary.mkdir(parents=True)
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary / _TENSORS)
    own = {"format": _FORMAT, "version": _VERSION, "step": step, "sha256": _digest(temporary / _TENSORS)}
    (temporary / _FACTS).write_text(json.dumps(own | dict(facts), indent=1), "utf-8")
    (temporary / CARD).write_text(card_text(own | dict(facts)), "utf-8")
    for file in (temporary / _TENSORS, temporary / _FACTS, temporary / CARD, temporary):
        _sync(file)
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)
    _sync(run)
    for old in _steps(run)[:-keep]:
        shutil.rmtree(old)
    return final


def latest(run: Path) -> Path | None:
    """Return the newest checkpoint of a run, or None."""
    steps = _steps(run)
    return steps[-1] if steps else None


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
        facts = json.loads((folder / _FACTS).read_text("utf-8"))
        kind, version, digest, _, _ = (facts[name] for name in ("format", "version", "sha256", "step", "config"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointInvalid("the checkpoint's facts cannot be read", where=folder.name) from error
    if kind != _FORMAT or version != _VERSION:
        raise CheckpointInvalid(
            "the checkpoint is of another kind", where=folder.name, saw=f"{kind} {version}", expected=_VERSION
        )
    try:
        if _digest(folder / _TENSORS) != digest:
            raise CheckpointInvalid(
                "the tensors are not what was written",
                where=folder.name,
                why="Weights that changed on the disk give wrong numbers that look right.",
                do="Take an earlier checkpoint.",
            )
        return load_file(folder / _TENSORS), facts
    except (OSError, SafetensorError) as error:
        raise CheckpointInvalid("the tensors cannot be read", where=folder.name) from error


def origin(path: Path | None) -> dict[str, Any] | None:
    """Return what a fine-tuned checkpoint says of the one that it began with: digest, data, modalities."""
    if path is None:
        return None
    facts = load(path)[1]
    return {"sha256": facts["sha256"], "data": facts["data"], "modalities": facts["config"]["model"]["modalities"]}


def _steps(run: Path) -> list[Path]:
    return sorted(path for path in run.glob("step-*") if path.name[5:].isdigit())


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""The experiments by name; each is a module with ``Settings`` and ``run``, imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from importlib import import_module
from pathlib import Path
from typing import Any

from schemas.errors import ModelError

__all__ = ["EXPERIMENTS", "conduct"]

EXPERIMENTS: Mapping[str, str] = {
    "any-subset": "kappa with any subset of modalities, all of them, some by name, or a seeded draw",
    "sensor-dropout": "kappa when sensors fail in the middle of the night",
    "leave-modality-out": "what each modality is worth, with paired intervals",
    "auc-by-number": "area under the curve of a yes or no, by the number of modalities",
    "left-out-cohort": "DASH beside plain InfoNCE, inside and outside the cohorts of training",
    "few-shot": "labels of few persons: pre-trained beside from scratch",
    "ablation": "terms of the loss, masking, norms and fusion, taken away one at a time",
    "scaling": "error by persons, parameters and modalities, with a power law",
    "retrieval": "windows of one modality that look for themselves in another",
    "leakage": "age, sex and site as a straight line reads them from embeddings",
    "maps": "t-SNE of nights, or of the way of some nights through their epochs",
    "compute": "parameters, operations, memory and time of a step of pre-training",
}


def conduct(
    name: str,
    given: Mapping[str, Any],
    shards: Path,
    out: Path,
    *,
    device: str = "cpu",
    data: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Run an experiment and return the files that it wrote.

    Parameters
    ----------
    given : mapping
        Settings by name: those of `model.experiments.lab.Plan` and the experiment's own; the others have defaults.
    data : mapping, optional
        What the set is and its terms; kept in checkpoints and in the table.

    Raises
    ------
    ModelError
        When there is no such experiment or setting, or the set cannot serve it.
    """
    from model.experiments.lab import Lab, Plan, settings_of
    from model.experiments.result import write_result

    if name not in EXPERIMENTS:
        raise ModelError("no experiment has this name", saw=name, expected=", ".join(EXPERIMENTS))
    module = import_module(f"model.experiments.{name.replace('-', '_')}")
    shared = {entry.name for entry in fields(Plan)} - {entry.name for entry in fields(module.Settings)}
    plan = settings_of(Plan, {key: value for key, value in given.items() if key in shared})
    settings = settings_of(module.Settings, {key: value for key, value in given.items() if key not in shared})
    result = module.run(Lab(plan, shards, out, device=device, data=data), settings)
    facts = {"experiment": name, "plan": asdict(plan), "settings": asdict(settings), "data": dict(data or {})}
    return write_result(result, out, facts)

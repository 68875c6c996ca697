"""The study's data: synthetic cohorts whose sites are tied to a trait, and one that is kept apart, as two sets.

The sets hold the same nights; in the second, intervals between breaths stand for respiration.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from benchmarks.evidence import Figures

__all__ = ["SETS", "clock_kappa", "make_data"]

N_STAGE = 5
SETS = {"belts": {}, "intervals": {"resp": "bbi"}}


def make_data(folder: Path, settings: Mapping[str, Any]) -> Figures:
    """Make up, convert and lay out the nights; return how many there are.

    Parameters
    ----------
    folder : Path
        Gets the sets; what lies there is replaced.
    settings : mapping
        ``seed``, ``hours``, ``test`` (share of persons), ``cohorts`` (name to ``nights`` and ``confound``),
        ``left_out`` (names of cohorts), ``workers``.
    """
    from pipeline.shards.build import Recipe, build_from
    from pipeline.shards.choose import good_recordings, person
    from pipeline.splits import make_splits
    from schemas.vocabulary import Modality

    shutil.rmtree(folder, ignore_errors=True)
    for name, cohort in settings["cohorts"].items():
        _convert(folder, name, cohort, settings)
    nights = good_recordings(folder / "stores")
    splits = make_splits(
        map(person, nights), seed=settings["seed"], val=0, test=settings["test"], external=settings["left_out"]
    )
    counted: Figures = {}
    for name, instead in SETS.items():
        channels = {Modality(modality): channel for modality, channel in instead.items()}
        recipe = Recipe(seed=settings["seed"], instead=channels)
        counted = asdict(build_from(nights, splits, folder / name, recipe))["splits"]
    shutil.rmtree(folder / "stores")
    hours = {split: facts["n_epoch"] / 120 for split, facts in counted.items()}
    persons = {split: facts["n_subject"] for split, facts in counted.items()}
    return {
        "clock_kappa": clock_kappa(folder / "belts"),
        "n_night": len(nights),
        "n_person": sum(persons.values()),
        "hours": sum(hours.values()),
        "persons": persons,
        "hours_of": hours,
    }


def clock_kappa(shards: Path) -> float:
    """Return Cohen's κ in ``test`` of who knows the time alone: the commonest stage of ``train`` then."""
    from model.metrics import confusion, kappa

    train, test = (_stages(shards / f"{split}.zarr") for split in ("train", "test"))
    counts = np.zeros((max(map(len, train + test)), N_STAGE), dtype=np.int64)
    for night in train:
        scored = np.flatnonzero(night >= 0)
        counts[scored, night[scored]] += 1
    guess = counts.argmax(axis=1)
    truth, answer = np.concatenate(test), np.concatenate([guess[: len(night)] for night in test])
    return kappa(confusion(truth, answer, N_STAGE))


def _stages(path: Path) -> list[NDArray[np.int8]]:
    """Return the stages of every night; -1 where there is none."""
    with xr.open_zarr(path, chunks=None, consolidated=False) as split:
        stage = split["stage"].values
        return [stage[a : a + n] for a, n in zip(split["start"].values, split["length"].values, strict=True)]


def _convert(folder: Path, name: str, cohort: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    from flows.commands.convert import convert_cohort, make_plan
    from pipeline.manifests.load import load_manifest
    from pipeline.synth import synthesise

    root = folder / "downloads"
    synthesise(
        root,
        recipe=name,
        nights=cohort["nights"],
        hours=settings["hours"],
        seed=settings["seed"],
        confound=cohort["confound"],
        workers=settings["workers"],
    )
    plan = make_plan(load_manifest(name), root, folder / "stores")
    convert_cohort(plan, workers=settings["workers"], quiet=True)
    shutil.rmtree(root)

"""A cohort of short nights at five sites: one amplifies too much, one has other mains, one an inverted belt."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.synth import synthesise
from pipeline.synth.recipe import Recipe, SiteSpec, load_recipe
from tests.command_line import in_process

__all__ = ["PLANTED", "convert_sites"]

PLANTED = {"loud": "amplitude", "abroad": "mains frequency", "turned": "correlation of the two belts"}
_PLAIN = SiteSpec(name="plain", code="plain", mains_hz=60, mains_uv=2.0)
_SITES = {
    "east": {},
    "west": {},
    "loud": {"gain": 2.5},
    "abroad": {"mains_hz": 50},
    "turned": {},
}


def convert_sites(folder: Path, patch: pytest.MonkeyPatch, *, n_night: int, hours: float) -> Path:
    """Return the output with the nights of all sites, ``n_night`` each."""
    recipe = load_recipe("synthetic")
    root = folder / "download"
    for number, name in enumerate(_SITES):
        at_site = _recipe(recipe, name, first=1 + 100 * number)
        patch.setattr("pipeline.synth.cohort.load_recipe", lambda _, own=at_site: own)
        synthesise(folder / name, recipe="synthetic", nights=n_night, hours=hours, seed=number)
        for table in (folder / name / "datasets").iterdir():  # each site writes its own; the cohort has one
            _append(table, root / "datasets" / table.name)
        shutil.copytree(folder / name / "polysomnography", root / "polysomnography", dirs_exist_ok=True)
    done = in_process("convert", "synthetic", "--root", root, "--out", folder / "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "out"


def _append(table: Path, to: Path) -> None:
    head, *rows = table.read_text("utf-8").splitlines(keepends=True)
    to.parent.mkdir(parents=True, exist_ok=True)
    before = to.read_text("utf-8") if to.exists() else head
    to.write_text(before + "".join(rows), "utf-8")


def _recipe(recipe: Recipe, name: str, *, first: int) -> Recipe:
    site = _PLAIN.model_copy(update={"name": name, "code": name, **_SITES[name]})
    visit = recipe.visits[0]
    signals = [
        signal.model_copy(update={"flipped": 1.0}) if name == "turned" and signal.source == "thor" else signal
        for signal in visit.signals
    ]
    visit = visit.model_copy(update={"signals": tuple(signals)})
    plain = {"negative_gain": 0.0, "sensor_loss": 0.0}
    return recipe.model_copy(update={"sites": (site,), "visits": (visit,), "first_subject": first, **plain})

"""Small cohorts, written once a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edfio
import numpy as np
import pytest

from pipeline.synth import SynthReport, load_recipe, synthesise


@dataclass(frozen=True)
class Written:
    """One recording, opened by an independent reader, with its truth."""

    edf: edfio.Edf
    truth: dict[str, Any]
    traits: dict[str, Any]

    def physical(self, source: str) -> tuple[np.ndarray, float]:
        """Samples and rate of the first signal that shows a source, upright and without the site's gain."""
        index = list(self.truth["source"]).index(source)
        signal = self.edf.signals[index]
        upright = float(self.truth["sign"][index]) * float(self.truth["gain"][index])
        return signal.data / upright, float(signal.sampling_frequency)


def open_night(root: Path, recipe: str, stem: str) -> Written:
    (path,) = root.rglob(f"{stem}.edf")
    with np.load(root / "truth" / f"{stem}.npz") as arrays:
        truth = {name: arrays[name] for name in arrays.files}
    rows = json.loads((root / "truth" / "subjects.json").read_text())
    return Written(edfio.read_edf(path), truth, next(row for row in rows if row["recording"] == stem))


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], SynthReport]:
    """Three nights of twelve minutes of a recipe, two visits where it has them."""
    made: dict[str, SynthReport] = {}

    def make(recipe: str) -> SynthReport:
        if recipe not in made:
            visits = len(load_recipe(recipe).visits)
            out = tmp_path_factory.mktemp(recipe)
            made[recipe] = synthesise(out, recipe=recipe, nights=3, hours=0.2, seed=11, visits=visits)
        return made[recipe]

    return make


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Two hours with all kinds of apnea, every sensor and nothing lost; the seed was chosen for that."""
    out = tmp_path_factory.mktemp("night")
    report = synthesise(out, recipe="synthetic", nights=1, hours=2.0, seed=15)
    return open_night(out, "synthetic", report.recordings[0])


@pytest.fixture(scope="session")
def open_written() -> Callable[[Path, str, str], Written]:
    return open_night

"""Indices of converted synthetic nights against what the sleepers' breathing really did."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.cohort import find_recordings
from pipeline.derive.desaturations import Desaturations
from pipeline.derive.indices import ScoredNight, night_indices
from pipeline.harmonise import harmonise
from pipeline.manifests.load import load_manifest
from pipeline.synth import synthesise
from pipeline.synth.truth import read_truth
from schemas.event_terms import EventClass
from schemas.vocabulary import Scored, StageScheme

# How far an index may be off. Readings are whole percents: of falls just short of a limit every other one is in.
RULES = {"ahi_hp3r_aasm15": 0.1, "ahi_hp3u": 0.25, "ahi_hp4u_aasm15": 0.25}


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return attributes and truth of four nights; only the saturation is converted of their signals."""
    root = tmp_path_factory.mktemp("synthetic")
    synthesise(root, recipe="synthetic", nights=4, hours=4, seed=11)
    manifest = load_manifest("synthetic")
    oximeter = tuple(rule for rule in manifest.montage if rule.channel == "spo2")
    manifest = manifest.model_copy(update={"montage": oximeter})
    return [
        (dict(harmonise(source, manifest).attrs), read_truth(root / "truth" / f"{source.key.name}.npz"))
        for source in find_recordings(manifest, root)
    ]


def test_indices_from_the_signals_are_the_generator_s(nights: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Within one event in ten where arousals count, else in four; people also wake unprovoked."""
    for attrs, _ in nights:
        assert set(RULES) <= set(attrs["published_indices"])
        for name, share in RULES.items():
            true, ours = attrs["published_indices"][name], attrs["indices"][name]["value"]
            assert abs(ours - true) <= max(1.5, share * true)
        assert "PSG-M008" not in {found["code"] for found in attrs["findings"]}


def test_the_night_says_how_it_counted(nights: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """An index stands beside its numerator, its hours and its unit; a missing one beside its reason."""
    for attrs, truth in nights:
        row = attrs["indices"]["ahi_hp3u"]
        assert row["value"] == row["n"] / row["hours"]
        assert row["hours"] == np.count_nonzero(truth["stage"] > 0) / 120
        assert attrs["indices"]["tib_min"] == {
            "value": None,
            "unit": "min",
            "why": "lights off and on are not known",
        }
        assert attrs["index_rules"]["desaturation_link_s"] == 30


def _scored(truth: dict[str, Any], *, only_ends: bool) -> ScoredNight:
    """The generator's own events, falls and, where asked for, only arousals that end a breathing event."""
    kind, onset = truth["event_type"], truth["event_onset_s"] - truth["grid_offset_s"]
    end = onset + truth["event_duration_s"]
    breathless = np.isin(kind, ["hypopnea", "obstructive_apnea", "central_apnea", "mixed_apnea"])
    ends = np.abs(onset[:, None] - (end[breathless] - 1.0)).min(axis=1, initial=np.inf) < 0.11
    kept = (kind != "arousal") | ends | (not only_ends)
    fall = kind == "desaturation"
    depth = truth["event_baseline_percent"] - truth["event_nadir_percent"]

    def falls(rule: int) -> Desaturations:
        deep = fall & (depth >= rule)
        baseline, nadir = truth["event_baseline_percent"][deep], truth["event_nadir_percent"][deep]
        return Desaturations(onset[deep], end[deep] - 6.0, end[deep], baseline, nadir)

    stage = truth["stage"]
    return ScoredNight(
        stage=stage,
        asleep=np.where(stage < 0, -1, stage > 0).astype(np.int8),
        in_bed=np.full(stage.size, -1, np.int8),
        scheme=StageScheme.AASM,
        onset_s=onset[kept],
        duration_s=truth["event_duration_s"][kept],
        type=kind[kept],
        scored=dict.fromkeys(EventClass, Scored.YES),
        falls={3: falls(3), 4: falls(4)},
        spo2=np.full(stage.size * 120, 97.0, np.float32),
    )


def test_linking_finds_what_the_generator_linked(nights: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Given the generator's own falls and arousals, windows link exactly those that belong together."""
    for attrs, truth in nights:
        found = night_indices(_scored(truth, only_ends=True))
        assert {name: found[name].value for name in RULES} == pytest.approx(
            {name: attrs["published_indices"][name] for name in RULES}, abs=1e-4
        )

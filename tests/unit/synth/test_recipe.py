"""Recipes: what each cohort's download looks like."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from pipeline.synth import load_recipe, recipe_names
from pipeline.synth.recipe import Recipe
from pipeline.synth.sources import CODED, SOURCES
from schemas.errors import ManifestNotFound
from schemas.event_terms import SOURCE_TERMS, term_forms
from schemas.units import parse_unit

RECIPES = ("mesa", "shhs", "synthetic")


def test_the_shipped_recipes_are_found_by_name() -> None:
    """Three recipes ship."""
    assert tuple(recipe_names()) == RECIPES


def test_an_unknown_recipe_is_refused_with_the_known_names() -> None:
    """The error lists what there is."""
    with pytest.raises(ManifestNotFound, match="mesa, shhs, synthetic"):
        load_recipe("shss")


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_name_known_sources_and_units_and_ranges(name: str) -> None:
    """Every signal can be rendered, its unit parses, its ends differ and fit an EDF."""
    for visit in load_recipe(name).visits:
        for spec in visit.signals:
            assert spec.source in SOURCES
            parse_unit(spec.unit)
            assert spec.physical[0] < spec.physical[1]
            assert -32768 <= spec.digital[0] < spec.digital[1] <= 32767
            assert sum(spec.spellings.values()) < 1
            assert all(len(label) <= 16 for label in (spec.label, *spec.spellings))
            if spec.source == "position":
                assert {"right", "left", "supine", "prone"} <= set(spec.codes)


@pytest.mark.parametrize("name", RECIPES)
def test_codes_survive_their_physical_range(name: str) -> None:
    """Positions and states are exact after the header's gain."""
    for visit in load_recipe(name).visits:
        for spec in visit.signals:
            if spec.source in CODED:
                (low, high), (first, last) = spec.physical, spec.digital
                codes = np.array([*spec.codes.values(), low, high])
                counts = (codes - low) * (last - first) / (high - low)
                np.testing.assert_allclose(counts, np.round(counts), atol=1e-9)


@pytest.mark.parametrize("name", RECIPES)
def test_every_event_concept_is_known_except_the_cohort_s_own_word(name: str) -> None:
    """All terms are in the table of events but ``Unsure``, which only a manifest may map."""
    known = set(SOURCE_TERMS)
    for spec in load_recipe(name).scoring.events.values():
        assert sum(spec.concepts.values()) == pytest.approx(1)
        for concept in spec.concepts:
            assert known & set(term_forms(concept)), concept
        assert spec.deep_concept in (None, "Unsure|Unsure")


def test_a_misspelt_key_is_refused() -> None:
    """Unknown keys never pass silently."""
    raw = yaml.safe_load("{name: x, title: x, first_subject: 1, subject_format: '{}', sensor_lost: 0.5}")
    with pytest.raises(ValidationError, match="sensor_lost"):
        Recipe.model_validate(raw)


def test_sex_is_coded_as_each_cohort_codes_it() -> None:
    """1 is a man in both tables, 2 and 0 are women: the classic mistake."""
    columns = {t.path.rsplit("/", 1)[-1]: t.columns for name in RECIPES for t in load_recipe(name).tables}
    assert columns["shhs1-dataset-0.21.0.csv"]["gender"].codes == {"male": 1, "female": 2}
    assert columns["mesa-sleep-dataset-0.7.0.csv"]["gender1"].codes == {"male": 1, "female": 0}
    assert columns["shhs-harmonized-dataset-0.21.0.csv"]["nsrr_sex"].codes == {}


def test_rates_and_ranges_are_the_documented_ones() -> None:
    """A sample of the documented montage: 8-bit counts, 125 Hz and mV in one study, 256 Hz in the other."""
    first, second = load_recipe("shhs").visits
    by_label = {s.label: (s.rate_hz, s.unit, s.physical, s.digital) for s in first.signals}
    assert by_label["EEG"] == (125, "uV", (-125, 125), (-128, 127))
    assert by_label["EEG(sec)"] == (125, "uV", (-125, 125), (-128, 127))
    assert by_label["ECG"] == (125, "mV", (-1.25, 1.25), (-128, 127))
    assert by_label["EMG"] == (125, "uV", (-31.5, 31.5), (-128, 127))
    assert by_label["EOG(L)"][0] == 50
    assert by_label["THOR RES"] == (10, "", (-1, 1), (-128, 127))
    assert {s.label: s.rate_hz for s in second.signals}["ECG"] == 250
    (mesa,) = load_recipe("mesa").visits
    rates = {s.label: s.rate_hz for s in mesa.signals}
    assert all(rates[label] == 256 for label in ("EKG", "EOG-L", "EOG-R", "EMG", "EEG1", "EEG2", "EEG3", "Pleth"))
    assert all(rates[label] == 32 for label in ("Flow", "Pres", "Snore", "Thor", "Abdo", "Leg", "Therm", "Pos"))
    assert all(rates[label] == 1 for label in ("OxStatus", "SpO2", "HR", "EEG1_Off", "EKG_Off"))

"""Respiration and breaths from converted files, scored against what the synthetic sleepers really did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.breaths import RESPIRATION, Converted, convert, lost, score, score_desaturations, turned
from pipeline.derive.breaths import find_breaths
from pipeline.derive.resp import Resp, derive_resp
from pipeline.synth import synthesise

HOURS = 2
LOST_S = (2000.0, 4000.0)
COHORTS = {"shhs": (3, 41), "mesa": (1, 42), "synthetic": (1, 46)}  # nights and seed


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    roots = {recipe: tmp_path_factory.mktemp(recipe) for recipe in COHORTS}
    for recipe, (nights, seed) in COHORTS.items():
        synthesise(roots[recipe], recipe=recipe, nights=nights, hours=HOURS, seed=seed)
    return roots


@pytest.fixture(scope="module")
def nights(downloads: dict[str, Path]) -> dict[str, list[Converted]]:
    return {recipe: list(convert(root, recipe)) for recipe, root in downloads.items()}


@pytest.fixture(scope="module")
def whole(nights: dict[str, list[Converted]]) -> Resp:
    return derived(nights["synthetic"][0], *RESPIRATION)


def derived(night: Converted, *channels: str) -> Resp:
    resp = derive_resp(night.of(*channels))
    assert resp is not None
    return resp


def codes(resp: Resp) -> set[str]:
    return {found.code for found in resp.findings}


@pytest.mark.parametrize("recipe", COHORTS)
def test_breaths_are_found(nights: dict[str, list[Converted]], recipe: str) -> None:
    """One to one within half a second, 95 of 100 either way, and none within a central apnea."""
    for night in nights[recipe]:
        resp = derived(night, *RESPIRATION)
        figures = score(night, resp, find_breaths(resp))
        assert figures["n_breath"] > 1000
        assert figures["sensitivity"] >= 0.98
        assert figures["ppv"] >= 0.98
        assert figures["in_central"] == 0
        assert abs(figures["lag_ms"]) <= 100
        assert figures["spread_ms"] <= 250
        assert figures["bbi_in_central"] <= 0.02
        assert figures["bbi_elsewhere"] >= 0.99


def test_there_was_something_to_find(nights: dict[str, list[Converted]]) -> None:
    """The nights have apneas of all kinds and hypopneas."""
    kinds = {str(kind) for cohort in nights.values() for night in cohort for kind in night.truth["event_type"]}
    assert {"central_apnea", "obstructive_apnea", "mixed_apnea", "hypopnea", "desaturation"} <= kinds


@pytest.mark.parametrize("channels", [RESPIRATION, ("airflow",)], ids=" ".join)
def test_hypopneas_keep_their_ratios(nights: dict[str, list[Converted]], channels: tuple[str, ...]) -> None:
    """The median amplitude ratio is the generator's to within a tenth, in belts and in flow."""
    ratios = []
    for night in (night for cohort in nights.values() for night in cohort):
        if set(channels) & set(night.inputs):
            resp = derived(night, *channels)
            figures = score(night, resp, find_breaths(resp))
            ratios += [figures["hypopnea_ratio"]] if figures["n_hypopnea"] >= 10 else []
    assert ratios
    assert np.median(ratios) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("channel", ["nasal_pressure", "airflow"])
def test_flow_alone(nights: dict[str, list[Converted]], channel: str) -> None:
    """Without belts the cannula, without it the thermistor, upside down as it comes: breaths are found."""
    (night,) = nights["synthetic"]
    resp = derived(night, *{"nasal_pressure": ("airflow", "nasal_pressure"), "airflow": ("airflow",)}[channel])
    figures = score(night, resp, find_breaths(resp))
    assert resp.source == channel
    assert resp.polarity == "inspiration_up"
    assert np.sign(resp.weights[channel]) == {"nasal_pressure": 1, "airflow": -1}[channel]
    assert figures["sensitivity"] >= 0.95
    assert figures["ppv"] >= 0.95
    assert figures["in_central"] == 0


@pytest.mark.parametrize("belts", [("thor",), ("abdo",), ("thor", "abdo")], ids=" ".join)
def test_belts_upside_down(downloads: dict[str, Path], whole: Resp, belts: tuple[str, ...]) -> None:
    """Respiration is the same however the belts are wired; the weights tell."""
    (night,) = convert(downloads["synthetic"], "synthetic", dict.fromkeys(belts, turned))
    resp = derived(night, *RESPIRATION)
    np.testing.assert_allclose(resp.value, whole.value, atol=1e-3)
    assert {name for name, weight in resp.weights.items() if weight < 0} == set(belts)


@pytest.mark.parametrize("belt", ["thor", "abdo"])
def test_a_belt_is_lost(downloads: dict[str, Path], whole: Resp, belt: str) -> None:
    """While it lies on the rail the other goes on alone, on the same scale; nothing else of the night changes."""
    (night,) = convert(downloads["synthetic"], "synthetic", {belt: lost(*LOST_S)})
    resp = derived(night, *RESPIRATION)
    assert resp.source == "belts"
    assert np.isfinite(resp.value).all()
    time_s = np.arange(resp.value.size) / 4 + night.offset_s
    inside = (time_s > LOST_S[0] + 10) & (time_s < LOST_S[1] - 10)
    outside = (time_s < LOST_S[0] - 80) | (time_s > LOST_S[1] + 80)
    assert np.std(resp.value[inside]) / np.std(whole.value[inside]) == pytest.approx(1.0, abs=0.15)
    np.testing.assert_allclose(resp.value[outside], whole.value[outside], atol=0.05)
    assert "PSG-S024" in codes(resp)
    figures = score(night, resp, find_breaths(resp))
    assert figures["sensitivity"] >= 0.95
    assert figures["ppv"] >= 0.95


def test_both_belts_are_lost(downloads: dict[str, Path]) -> None:
    """Where no sensor works respiration is missing, and no breath and no interval is made up."""
    (night,) = convert(downloads["synthetic"], "synthetic", {"thor": lost(*LOST_S), "abdo": lost(*LOST_S)})
    resp = derived(night, *RESPIRATION)
    breaths = find_breaths(resp)
    time_s = np.arange(resp.value.size) / 4 + night.offset_s
    inside = (time_s > LOST_S[0]) & (time_s < LOST_S[1])
    assert np.isnan(resp.value[inside]).all()
    assert np.isnan(breaths.bbi[inside]).all()
    assert not ((breaths.time_s + night.offset_s > LOST_S[0]) & (breaths.time_s + night.offset_s < LOST_S[1])).any()
    assert np.isfinite(resp.value[(time_s < LOST_S[0] - 80) | (time_s > LOST_S[1] + 80)]).all()


def test_no_respiration(downloads: dict[str, Path]) -> None:
    """Four sensors that nobody wears are no respiration."""
    dead = dict.fromkeys(RESPIRATION, lost(0, HOURS * 3600))
    (night,) = convert(downloads["synthetic"], "synthetic", dead)
    assert set(night.inputs) == set(RESPIRATION)
    assert derive_resp(night.of(*RESPIRATION)) is None


def test_desaturations(nights: dict[str, list[Converted]]) -> None:
    """Every scored one is found, and what else is found follows a respiratory event."""
    figures = [score_desaturations(night) for cohort in nights.values() for night in cohort]
    n_true = sum(row["n_desaturation"] for row in figures)
    assert n_true >= 20
    n_found = sum(row["sensitivity"] * row["n_desaturation"] for row in figures if row["n_desaturation"])
    assert n_found >= 0.97 * n_true
    assert min(row["after_an_event"] for row in figures if row["n_found"]) >= 0.9

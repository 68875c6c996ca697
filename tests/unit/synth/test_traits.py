"""People: traits have consistent effects, and sites can be tied to a trait."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.synth import load_recipe
from pipeline.synth.hypnogram import draw_hypnogram
from pipeline.synth.noise import stream
from pipeline.synth.traits import confounder_of, draw_traits, later
from schemas.vocabulary import Stage

RECIPE = load_recipe("mesa")
PEOPLE = [draw_traits(RECIPE, 1, subject) for subject in range(1500)]


def correlation(a: str, b: str) -> float:
    return float(np.corrcoef([getattr(p, a) for p in PEOPLE], [getattr(p, b) for p in PEOPLE])[0, 1])


def test_age_has_the_effects_that_it_has() -> None:
    """With age slow waves shrink, spindles thin out, breathing worsens and the heart varies less."""
    assert correlation("age_years", "slow_wave_gain") < -0.3
    assert correlation("age_years", "spindle_per_min") < -0.3
    assert correlation("age_years", "rsa_bpm") < -0.3
    assert correlation("age_years", "ahi_target") > 0.1


def test_men_have_more_apnea_and_smaller_slow_waves() -> None:
    """The two effects of sex that every cohort shows."""
    men, women = ([p for p in PEOPLE if p.sex == sex] for sex in ("male", "female"))
    assert np.median([p.ahi_target for p in men]) > 1.3 * np.median([p.ahi_target for p in women])
    assert np.mean([p.slow_wave_gain for p in men]) < np.mean([p.slow_wave_gain for p in women])
    assert len(men) / len(PEOPLE) == pytest.approx(RECIPE.population.male_share, abs=0.04)


def test_sites_say_nothing_of_traits_without_a_confound() -> None:
    """Site and age are independent."""
    sites = sorted({p.site.code for p in PEOPLE})
    means = [np.mean([p.age_years for p in PEOPLE if p.site.code == code]) for code in sites]
    assert len(sites) == len(RECIPE.sites)
    assert np.ptp(means) < 4.0


@pytest.mark.parametrize("trait", ["age", "bmi", "ahi"])
def test_a_confound_orders_the_sites_by_the_trait(trait: str) -> None:
    """Every site takes one slice of the trait, and the person is otherwise the same one."""
    field = {"age": "age_years", "bmi": "bmi", "ahi": "ahi_target"}[trait]
    tied = [draw_traits(RECIPE, 1, subject, trait) for subject in range(300)]
    order = [site.code for site in RECIPE.sites]
    place = np.array([order.index(p.site.code) for p in tied])
    value = np.array([getattr(p, field) for p in tied])
    assert np.corrcoef(place, value)[0, 1] > (0.6 if trait == "ahi" else 0.85)
    np.testing.assert_array_equal(value, [getattr(p, field) for p in PEOPLE[:300]])


def test_confounding_with_sex_gives_men_and_women_sites_of_their_own() -> None:
    """Only one site at most sees both."""
    tied = [draw_traits(RECIPE, 1, subject, "sex") for subject in range(300)]
    seen = {sex: {p.site.code for p in tied if p.sex == sex} for sex in ("male", "female")}
    assert len(seen["male"] & seen["female"]) <= 1


def test_confounds_are_parsed() -> None:
    """``site=TRAIT`` or nothing."""
    assert confounder_of("site=age") == "age"
    assert confounder_of(None) is None


def test_a_later_visit_is_the_same_person_grown_older() -> None:
    """Age adds up, sex and site stay, slow waves shrink."""
    person = PEOPLE[0]
    old = later(person, 5.0)
    assert old.age_years == person.age_years + 5
    assert (old.sex, old.site) == (person.sex, person.site)
    assert old.slow_wave_gain < person.slow_wave_gain


@pytest.mark.parametrize("n_epoch", [12, 40, 240, 960, 1300])
def test_every_stage_occurs_even_on_short_nights(n_epoch: int) -> None:
    """Wake, N1, N2, N3 and REM from six minutes on."""
    for subject in range(5):
        stage = draw_hypnogram(stream(subject), PEOPLE[subject], n_epoch)
        assert stage.shape == (n_epoch,)
        assert set(stage) == {int(s) for s in Stage if s >= 0}


def test_whole_nights_have_plausible_shares_and_course() -> None:
    """Shares lie in the ranges of adults; deep sleep comes early, REM late."""
    nights = np.stack([draw_hypnogram(stream(i), PEOPLE[i], 960) for i in range(40)])
    share = {stage: float((nights == stage).mean()) for stage in range(5)}
    for stage, low, high in ((0, 0.05, 0.25), (1, 0.04, 0.18), (2, 0.35, 0.60), (3, 0.05, 0.22), (4, 0.15, 0.30)):
        assert low < share[stage] < high
    assert (nights[:, :480] == Stage.N3).sum() > 1.5 * (nights[:, 480:] == Stage.N3).sum()
    assert (nights[:, 480:] == Stage.REM).sum() > 1.2 * (nights[:, :480] == Stage.REM).sum()

"""Who the synthetic people are: age, sex and site, and what follows from them.

Every trait has small, consistent effects on the signals, so that a model can find them and a test can measure
them. Site acts on gain, noise and mains only. With a confound, the site is decided by a trait.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from pipeline.synth.noise import stream
from pipeline.synth.recipe import Population, Recipe, SiteSpec
from schemas.errors import ManifestInvalid

__all__ = ["CONFOUNDERS", "Traits", "confounder_of", "draw_traits", "later"]

CONFOUNDERS = ("age", "sex", "bmi", "ahi")


@dataclass(frozen=True)
class Traits:
    """One person at one visit.

    Parameters
    ----------
    ahi_target : float
        Apneas and hypopneas an hour of sleep that the generator aims at.
    slow_wave_gain, spindle_per_min, alpha_hz : float
        EEG of this person; slow waves shrink, spindles thin out and alpha slows with age.
    heart_rate_bpm, rsa_bpm : float
        Mean rate and half the swing by breathing; the swing shrinks with age.
    spo2_base_percent, spo2_lag_s : float
        Saturation when breathing well, and the delay from lung to finger.
    """

    age_years: float
    sex: str
    bmi: float
    race: str
    site: SiteSpec
    ahi_target: float
    slow_wave_gain: float
    spindle_per_min: float
    alpha_hz: float
    heart_rate_bpm: float
    rsa_bpm: float
    ectopy_per_h: float
    af_burden: float
    ecg_mv: float
    breath_per_min: float
    spo2_base_percent: float
    spo2_lag_s: float
    plm_per_h: float
    hypertension: bool
    smoker: bool

    def to_json(self) -> dict[str, Any]:
        """Return plain, rounded values; the site by its name."""
        row = {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items() if k != "site"}
        return {**row, "site": self.site.name, "mains_hz": self.site.mains_hz, "site_gain": self.site.gain}


def confounder_of(confound: str | None) -> str | None:
    """Return the trait that decides the site: ``"site=age"`` → ``"age"``.

    Raises
    ------
    ManifestInvalid
        When it is not ``site=TRAIT`` with a known trait.
    """
    if confound is None:
        return None
    match = re.fullmatch(r"site=(\w+)", confound)
    if match is None or match[1] not in CONFOUNDERS:
        raise ManifestInvalid(
            "this confound cannot be built",
            saw=repr(confound[:40]),
            expected=" or ".join(f"site={trait}" for trait in CONFOUNDERS),
        )
    return match[1]


def draw_traits(recipe: Recipe, seed: int, subject: int, confounder: str | None = None) -> Traits:
    """Draw one person; the same seed and subject number always give the same person.

    Parameters
    ----------
    subject : int
        Number within the cohort, from 0. Other people do not change this one.
    confounder : str, optional
        Trait that decides the site, one of `CONFOUNDERS`.
    """
    rng = stream(seed, recipe.name, "subject", subject)
    quantile = dict(zip(CONFOUNDERS, rng.random(len(CONFOUNDERS)), strict=True))
    where = rng.random() if confounder is None else quantile[confounder]
    people = recipe.population
    low, high = people.age_years
    age = float(low + (high - low) * quantile["age"])
    sex = "male" if quantile["sex"] < people.male_share else "female"
    bmi = float(28.0 + 4.5 * _normal_quantile(quantile["bmi"]))
    site = recipe.sites[min(int(where * len(recipe.sites)), len(recipe.sites) - 1)]
    return _physiology(rng, people, age=age, sex=sex, bmi=bmi, ahi_quantile=quantile["ahi"], site=site)


def _physiology(
    rng: np.random.Generator,
    people: Population,
    *,
    age: float,
    sex: str,
    bmi: float,
    ahi_quantile: float,
    site: SiteSpec,
) -> Traits:
    decades, male = (age - 50.0) / 10.0, sex == "male"
    z = rng.standard_normal(10)
    log_ahi = np.log(9.0) + 0.18 * decades + (0.35 if male else -0.15) + 0.06 * (bmi - 28.0)
    old = max(0.0, age - 55.0)
    return Traits(
        age_years=age,
        sex=sex,
        bmi=max(16.0, bmi),
        race=str(rng.choice(people.races)),
        site=site,
        ahi_target=float(np.clip(np.exp(log_ahi + 0.8 * _normal_quantile(ahi_quantile)), 0.5, 70.0)),
        slow_wave_gain=float(np.exp(-0.10 * decades + (0.0 if male else 0.10) + 0.12 * z[0])),
        spindle_per_min=float(np.clip(4.5 - 0.35 * decades + 0.6 * z[1], 1.0, 8.0)),
        alpha_hz=float(np.clip(9.8 - 0.15 * decades + 0.4 * z[2], 8.2, 11.5)),
        heart_rate_bpm=float(np.clip(64.0 + (0.0 if male else 3.0) + 6.0 * z[3], 48.0, 88.0)),
        rsa_bpm=float(np.clip(3.2 * np.exp(-0.25 * decades + 0.3 * z[4]), 0.4, 7.0)),
        ectopy_per_h=float(np.exp(0.4 + 0.35 * decades + 1.0 * z[5])),
        af_burden=float(rng.uniform(0.2, 1.0)) if rng.random() < 0.02 + 0.003 * old else 0.0,
        ecg_mv=float(np.clip(0.75 * np.exp(0.18 * z[6]), 0.45, 1.0)),
        breath_per_min=float(np.clip(14.5 + (0.0 if male else 0.8) + 1.5 * z[7], 10.5, 19.5)),
        spo2_base_percent=float(np.clip(96.4 - 0.3 * decades + 0.6 * z[8], 92.0, 98.5)),
        spo2_lag_s=float(np.clip(20.0 + 2.5 * z[9], 14.0, 28.0)),
        plm_per_h=float(rng.uniform(10.0, 40.0)) if rng.random() < 0.15 + 0.004 * old else 0.0,
        hypertension=bool(rng.random() < 0.25 + 0.08 * decades),
        smoker=bool(rng.random() < 0.12),
    )


def later(traits: Traits, years: float) -> Traits:
    """Return the same person some years on: older, a little heavier, with more apnea and smaller slow waves."""
    return replace(
        traits,
        age_years=traits.age_years + years,
        bmi=traits.bmi + 0.05 * years,
        ahi_target=min(70.0, traits.ahi_target * 1.03**years),
        slow_wave_gain=traits.slow_wave_gain * 0.99**years,
    )


def _normal_quantile(probability: float) -> float:
    """Normal quantile by the logistic approximation (error below 0.1 within three deviations)."""
    p = float(np.clip(probability, 1e-3, 1 - 1e-3))
    return float(np.log(p / (1 - p)) / 1.702)

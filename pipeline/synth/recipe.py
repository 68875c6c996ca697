"""What a cohort's download looks like, as data: labels, rates, units, paths, tables and their codes.

A recipe is a YAML file in ``pipeline/synth/recipes``. Adding one needs no Python.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.errors import ManifestInvalid, ManifestNotFound

__all__ = [
    "ColumnSpec",
    "EventSpec",
    "Population",
    "Recipe",
    "ScoringSpec",
    "SignalSpec",
    "SiteSpec",
    "TableSpec",
    "VariantSpec",
    "VisitSpec",
    "load_recipe",
    "recipe_names",
]

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SiteSpec(_Strict):
    """A site and what its equipment does to signals.

    Parameters
    ----------
    code : int or str
        How the cohort's table writes it.
    gain : float
        Factor on every waveform.
    noise : float
        Factor on sensor noise.
    mains_uv : float
        Amplitude of hum in electrophysiology.
    """

    name: str
    code: int | str
    gain: float = 1.0
    noise: float = 1.0
    mains_hz: Literal[50, 60] = 60
    mains_uv: float = 0.8


class Population(_Strict):
    """Ages, sexes and races of a cohort's people."""

    age_years: tuple[float, float]
    male_share: Share
    races: tuple[str, ...] = ("white",)


class SignalSpec(_Strict):
    """One signal of an EDF.

    Parameters
    ----------
    label : str
        The header's label, verbatim.
    source : str
        Physiology that it shows, a key of `pipeline.synth.sources.SOURCES`.
    rate_hz : int
        Samples in a record of one second.
    physical, digital : tuple
        Ends of the ranges, minimum first.
    spellings : mapping of str to float
        Other labels with their shares of nights; the rest bears ``label``.
    other_rates : mapping of int to float
        Other rates with their shares of nights.
    presence : float
        Share of nights that have this signal.
    flipped : float
        Share of nights where the waveform is upside down and the header does not tell.
    codes : mapping of str to int
        How coded signals write their meanings, e.g. ``{supine: 2}``.
    watches : str, optional
        For status signals: the label whose loss they report.
    """

    label: str
    source: str
    rate_hz: int = Field(gt=0)
    unit: str = ""
    physical: tuple[float, float]
    digital: tuple[int, int]
    spellings: dict[str, Share] = Field(default_factory=dict)
    other_rates: dict[int, Share] = Field(default_factory=dict)
    presence: Share = 1.0
    flipped: Share = 0.0
    codes: dict[str, int] = Field(default_factory=dict)
    watches: str | None = None
    transducer: str = ""
    prefilter: str = ""


class EventSpec(_Strict):
    """How the XML writes one type of event.

    Parameters
    ----------
    concepts : mapping of str to float
        ``EventConcept`` strings with their shares.
    deep_concept : str, optional
        Concept where flow falls by more than half, if the cohort tells these apart.
    location : str
        ``SignalLocation``.
    """

    event_type: str
    concepts: dict[str, float]
    location: str = ""
    deep_concept: str | None = None


class VariantSpec(_Strict):
    """A hardware generation: a share of nights with other rates throughout."""

    share: Share
    rates: dict[int, int]


class VisitSpec(_Strict):
    """One visit: its files and signals. ``{subject}`` in a path is the person's identifier.

    Parameters
    ----------
    rpoints : str, optional
        Where published beats lie, for cohorts that have them.
    """

    name: str
    number: int
    years_later: float = 0.0
    edf: str
    nsrr_xml: str
    rpoints: str | None = None
    signals: tuple[SignalSpec, ...]
    variants: tuple[VariantSpec, ...] = ()
    grid_offsets_s: tuple[float, ...] = (0.0,)


class ColumnSpec(_Strict):
    """One column of a table: a fact about the person or the night, and how it is written.

    Parameters
    ----------
    fact : str
        A key of the facts of a recording, see `pipeline.synth.tables.facts_of`.
    codes : mapping of str to str or int
        Written form of each value.
    decimals : int
        For numbers.
    missing : float
        Share of empty cells.
    """

    fact: str
    codes: dict[str, int | str] = Field(default_factory=dict)
    decimals: int = 0
    missing: Share = 0.0


class TableSpec(_Strict):
    """One CSV: its path, the visits whose recordings have a row, and its columns in order."""

    path: str
    visits: tuple[str, ...]
    columns: dict[str, ColumnSpec]


class ScoringSpec(_Strict):
    """How the nights were scored.

    Parameters
    ----------
    stage_4 : float
        Share of deep sleep written as stage 4; 0 where N3 is one stage.
    movement : float
        Share of epochs scored as movement.
    unscored_tail : float
        Share of nights whose last minutes nobody scored.
    """

    stage_4: Share = 0.0
    movement: Share = 0.0
    unscored_tail: Share = 0.0
    software: str = "Compumedics"
    events: dict[str, EventSpec]


class Recipe(_Strict):
    """A whole cohort.

    Parameters
    ----------
    first_subject : int
        Number of the first person; the others follow.
    subject_format : str
        How a number becomes an identifier in paths, e.g. ``"{:04d}"``.
    negative_gain, sensor_loss : float
        Shares of nights with one negative-gain header, or one sensor lost for a while.
    """

    name: str
    title: str
    first_subject: int
    subject_format: str
    population: Population
    sites: tuple[SiteSpec, ...]
    scoring: ScoringSpec
    visits: tuple[VisitSpec, ...]
    tables: tuple[TableSpec, ...]
    negative_gain: Share = 0.0
    sensor_loss: Share = 0.0

    def subject_id(self, subject: int) -> str:
        """Return the identifier of person number ``subject``, counted from 0."""
        return self.subject_format.format(self.first_subject + subject)


def recipe_names() -> list[str]:
    """Return the names of the shipped recipes, sorted."""
    folder = resources.files("pipeline.synth") / "recipes"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


@cache
def load_recipe(name: str) -> Recipe:
    """Read a shipped recipe by its name.

    Raises
    ------
    ManifestNotFound
        When there is no such recipe.
    ManifestInvalid
        When the YAML is not a recipe.
    """
    if name not in recipe_names():
        raise ManifestNotFound("no such recipe", saw=repr(name[:40]), expected=", ".join(recipe_names()))
    text = (resources.files("pipeline.synth") / "recipes" / f"{name}.yaml").read_text("utf-8")
    try:
        return Recipe.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        raise ManifestInvalid(f"the recipe {name} is not valid", saw=str(error)) from error

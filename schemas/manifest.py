"""A cohort's manifest: everything the pipeline must know of it, as data.

Unknown keys are refused with the nearest known one. The JSON Schema that editors use is generated from here.
"""

from __future__ import annotations

import re
from itertools import combinations
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from schemas.event_terms import EVENT_TYPES, IGNORE, EventClass
from schemas.montage import ChannelRule, Strict, fold_label
from schemas.subjects import SubjectRule
from schemas.vocabulary import EPOCH_S, Modality, Scored, Stage, StageScheme, StudyType

__all__ = [
    "COHORT_NAME",
    "AnnotationRule",
    "CohortManifest",
    "Exclusion",
    "Layout",
    "Overlap",
    "Privacy",
    "Quirk",
    "Terms",
]

MANIFEST_VERSION = 1
COHORT_NAME = r"^[a-z][a-z0-9_]*$"
_STAGE_NAMES = tuple(s.name for s in Stage)


class Terms(Strict):
    """What the data may be used for; copied into everything made from it."""

    agreement: str = Field(min_length=2)
    redistribution: bool
    commercial: bool
    citation: str = Field(min_length=5)
    release: str = Field(min_length=1)
    url: str | None = None


class Layout(Strict):
    """Where the files of one kind of recording lie below the root.

    ``signals``, ``annotations`` and ``beats`` are paths with fields in braces: ``{visit}`` matches anything but a
    slash, ``{night:1}`` exactly one character, ``*`` anything unnamed. Fields found in ``signals`` fill the others,
    ``key`` and the subjects' table. A field ``{part}`` makes several files one recording, in the order of their
    clocks. ``beats`` are R-points that the cohort publishes: stored beats are scored against them, nothing is
    converted from them.
    """

    signals: str = Field(min_length=1)
    annotations: str | None = None
    beats: str | None = None
    key: str | None = None
    subject: str = "{subject}"
    visit: str = ""
    study_type: StudyType = StudyType.UNKNOWN
    defaults: dict[str, str] = {}

    @model_validator(mode="after")
    def _fields(self) -> Layout:
        have = _path_fields(self)
        for name in ("annotations", "beats", "key", "subject", "visit"):
            text = getattr(self, name) or ""
            if missing := set(re.findall(r"{(\w+)", text)) - have:
                raise ValueError(f"{name} uses {sorted(missing)}, which signals does not define")
        return self


def _path_fields(layout: Layout) -> set[str]:
    """Return the fields that a path of the layout has."""
    return set(re.findall(r"{(\w+)", layout.signals)) | set(layout.defaults)


class AnnotationRule(Strict):
    """How stages and events are read.

    Parameters
    ----------
    format : str
        A reader of `pipeline.read`.
    stages : mapping of source term to stage name
        Added to the format's own table, or overriding it.
    events : mapping of source term to canonical event type
        Added to the NSRR table, or overriding it; ``ignore`` drops a term knowingly.
    scored : mapping of event class to Scored
        Which classes this cohort looked for. A class that is not listed is ``partly`` where a night has such
        events, else ``no``.
    epoch_s : int
        Length of the scorer's epochs; anything but 30 must be listed here to be accepted. A 30-s epoch then has a
        stage only where all of it was scored the same.
    max_excess_epochs : int
        How many staged epochs may lie where there are no signals.
    """

    format: Literal["nsrr_xml", "edf_plus"]
    scheme: StageScheme
    stages: dict[str, str] = {}
    events: dict[str, str] = {}
    scored: dict[str, Scored] = {}
    epoch_s: Annotated[int, Field(gt=0)] = EPOCH_S
    max_excess_epochs: Annotated[int, Field(ge=0)] = 20

    @field_validator("scored", mode="before", json_schema_input_type=dict[str, Scored | bool])
    @classmethod
    def _yaml_booleans(cls, value: object) -> object:
        """YAML reads a bare yes and no as booleans."""
        if not isinstance(value, dict):
            return value
        return {k: {True: "yes", False: "no"}.get(v, v) if isinstance(v, bool) else v for k, v in value.items()}

    @field_validator("stages")
    @classmethod
    def _known_stages(cls, value: dict[str, str]) -> dict[str, str]:
        if unknown := set(value.values()) - set(_STAGE_NAMES):
            raise ValueError(f"unknown stages {sorted(unknown)}; expected {', '.join(_STAGE_NAMES)}")
        return value

    @field_validator("events")
    @classmethod
    def _known_events(cls, value: dict[str, str]) -> dict[str, str]:
        if unknown := set(value.values()) - {*EVENT_TYPES, IGNORE}:
            raise ValueError(f"unknown event types {sorted(unknown)}; see schemas.event_terms")
        return value

    @field_validator("scored")
    @classmethod
    def _known_classes(cls, value: dict[str, Scored]) -> dict[str, Scored]:
        if unknown := set(value) - set(EventClass):
            raise ValueError(f"unknown event classes {sorted(unknown)}; expected {', '.join(EventClass)}")
        return value


class Exclusion(Strict):
    """A recording that is known to be bad."""

    key: str
    reason: str = Field(min_length=3)
    source: str = Field(min_length=3)


class Overlap(Strict):
    """Another cohort that has nights of the same people; the two must not stand on two sides of a split."""

    cohort: Annotated[str, Field(pattern=COHORT_NAME)]
    source: str = Field(min_length=3)


class Quirk(Strict):
    """Something odd about the cohort that a reader should know."""

    what: str
    source: str
    since: str | None = None


class Privacy(Strict):
    """``pseudonymous`` keys are salted hashes; the salt comes from the environment variable ``salt_env``."""

    keys: Literal["as_published", "pseudonymous"] = "as_published"
    salt_env: str = "SLEEP2VEC_SALT"


class CohortManifest(Strict):
    """One cohort."""

    manifest_version: Literal[1]
    cohort: Annotated[str, Field(pattern=COHORT_NAME)]
    title: str
    terms: Terms
    layout: tuple[Layout, ...] = Field(min_length=1)
    annotations: AnnotationRule | None = None
    subjects: SubjectRule | None = None
    site: str | None = None
    match_case: bool = True
    montage: tuple[ChannelRule, ...] = Field(min_length=1)
    ignore_labels: tuple[str, ...] = ()
    known_quirks: tuple[Quirk, ...] = ()
    exclude: tuple[Exclusion, ...] = ()
    overlaps_with: tuple[Overlap, ...] = ()
    privacy: Privacy = Privacy()

    @field_validator("layout", mode="before", json_schema_input_type=Layout | tuple[Layout, ...])
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _consistent(self) -> CohortManifest:
        for one, other in combinations(self.montage, 2):
            both = set(one.visits or other.visits) & set(other.visits or one.visits)
            if one.channel == other.channel and (both or not (one.visits or other.visits)):
                visit = min(both, default="any")
                raise ValueError(f"montage names channel {one.channel} twice for visit {visit!r}")
        if self.annotations is None and any(layout.annotations for layout in self.layout):
            raise ValueError("layout names annotations but there is no annotations section")
        known = {"subject", "visit"}.union(*map(_path_fields, self.layout))
        for table in self.subjects.tables if self.subjects else ():
            if unknown := (table.match_fields | set(table.when)) - known:
                raise ValueError(f"subjects table uses {sorted(unknown)}, which no layout defines")
        return self

    def rules_for(self, visit: str) -> tuple[ChannelRule, ...]:
        """Return the rules that apply to a visit, in order."""
        return tuple(rule for rule in self.montage if not rule.visits or visit in rule.visits)

    def primary_order(self, modality: Modality, visit: str) -> tuple[str, ...]:
        """Return the channels of a modality in fixed order of preference: that of the montage."""
        return tuple(rule.channel for rule in self.rules_for(visit) if rule.spec.modality is modality)

    def fold(self, label: str) -> str:
        """Return a label in the form in which this cohort's labels are compared."""
        return fold_label(label, match_case=self.match_case)

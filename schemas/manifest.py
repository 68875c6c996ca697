"""A cohort's manifest: everything the pipeline must know of it, as data.

Unknown keys are refused with the nearest known one. The JSON Schema that editors use is generated from here.
"""

from __future__ import annotations

import re
from itertools import combinations
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from schemas.checks import CHECKS, LimitRule
from schemas.montage import ChannelRule, Strict, fold_label
from schemas.scoring_rules import ANNOTATION_FILE, AnnotationRule
from schemas.subjects import SubjectRule
from schemas.vocabulary import Modality, StudyType
from schemas.written import Names

__all__ = [
    "COHORT_NAME",
    "AnnotationRule",
    "CohortManifest",
    "Exclusion",
    "Hdf5Rule",
    "Layout",
    "Overlap",
    "Privacy",
    "Quirk",
    "Terms",
]

MANIFEST_VERSION = 1
COHORT_NAME = r"^[a-z][a-z0-9_]*$"


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
    converted from them. ``companions`` are files that the signals' file needs beside it, such as the data of a WFDB
    header. Several annotation files have names, by which the rules of ``annotations`` call them.
    """

    signals: str = Field(min_length=1)
    companions: Names = ()
    annotations: dict[str, str] = {}
    beats: str | None = None
    key: str | None = None
    subject: str = "{subject}"
    visit: str = ""
    study_type: StudyType = StudyType.UNKNOWN
    defaults: dict[str, str] = {}

    @field_validator("annotations", mode="before", json_schema_input_type=str | dict[str, str] | None)
    @classmethod
    def _one_file(cls, value: object) -> object:
        return {ANNOTATION_FILE: value} if isinstance(value, str) else {} if value is None else value

    @model_validator(mode="after")
    def _fields(self) -> Layout:
        have = _path_fields(self)
        for name in ("annotations", "beats", "companions", "key", "subject", "visit"):
            said = getattr(self, name) or ""
            for text in [said] if isinstance(said, str) else said.values() if isinstance(said, dict) else said:
                if missing := set(re.findall(r"{(\w+)", text)) - have:
                    raise ValueError(f"{name} uses {sorted(missing)}, which signals does not define")
        if self.signals.lower().endswith(".hea") and not self.companions:
            raise ValueError("a WFDB header needs companions: the files of samples that it names")
        return self


def _path_fields(layout: Layout) -> set[str]:
    """Return the fields that a path of the layout has."""
    return set(re.findall(r"{(\w+)", layout.signals)) | set(layout.defaults)


class Hdf5Rule(Strict):
    """Where an HDF5 file keeps its signals, and what they say of themselves.

    Parameters
    ----------
    signals : str
        Paths of the datasets, ``*`` standing for any name; a signal's label is the last part of its path.
    rate, unit : str
        Attribute with the sampling rate in Hz, and with the unit; of the dataset, else of the group it lies in.
        Without ``unit`` all units are blank.
    """

    signals: Names = Field(min_length=1)
    rate: str
    unit: str | None = None


class Exclusion(Strict):
    """A recording that is known to be bad, or of which only the stages or only the events are."""

    key: str
    what: Literal["recording", "stages", "events"] = "recording"
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
    annotations: tuple[AnnotationRule, ...] = ()
    hdf5: Hdf5Rule | None = None
    subjects: SubjectRule | None = None
    site: str | None = None
    match_case: bool = True
    montage: tuple[ChannelRule, ...] = Field(min_length=1)
    ignore_labels: tuple[str, ...] = ()
    known_quirks: tuple[Quirk, ...] = ()
    exclude: tuple[Exclusion, ...] = ()
    overlaps_with: tuple[Overlap, ...] = ()
    quality: dict[str, LimitRule] = {}
    privacy: Privacy = Privacy()

    @field_validator(
        "annotations", mode="before", json_schema_input_type=AnnotationRule | tuple[AnnotationRule, ...] | None
    )
    @classmethod
    def _one_rule(cls, value: object) -> object:
        return [value] if isinstance(value, dict) else () if value is None else value

    @field_validator("layout", mode="before", json_schema_input_type=Layout | tuple[Layout, ...])
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, dict) else value

    @field_validator("quality")
    @classmethod
    def _known_checks(cls, value: dict[str, LimitRule]) -> dict[str, LimitRule]:
        if unknown := sorted(set(value) - set(CHECKS)):
            raise ValueError(f"quality names {unknown}; the checks are {', '.join(CHECKS)}")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> CohortManifest:
        for one, other in combinations(self.montage, 2):
            both = set(one.visits or other.visits) & set(other.visits or one.visits)
            if one.channel == other.channel and (both or not (one.visits or other.visits)):
                visit = min(both, default="any")
                raise ValueError(f"montage names channel {one.channel} twice for visit {visit!r}")
        if self.hdf5 is None and any(layout.signals.lower().endswith((".h5", ".hdf5")) for layout in self.layout):
            raise ValueError("HDF5 files need a section hdf5 that says where their signals are")
        files, read = {n for layout in self.layout for n in layout.annotations}, {r.file for r in self.annotations}
        if files and not read:
            raise ValueError("layout names annotations but there is no annotations section")
        if unread := files - read:
            raise ValueError(f"layout names annotations {sorted(unread)} that no annotations section reads")
        if files and (unknown := read - files):
            raise ValueError(f"annotations read {sorted(unknown)}, which no layout names")
        known = {"subject", "visit"}.union(*map(_path_fields, self.layout))
        if unknown := set(re.findall(r"{(\w+)", self.site or "")) - known:
            raise ValueError(f"site uses {sorted(unknown)}, which no layout defines")
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

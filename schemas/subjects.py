"""A cohort's tables of subjects, as its manifest describes them: who it is, and what is known of the person.

*Unknown* is a value everywhere: a blank, a code without a meaning or a table that is not there never becomes a zero
or a ``no``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from schemas.indices import INDICES, PUBLISHED_ONLY
from schemas.montage import Strict
from schemas.vocabulary import Sex, StudyType
from schemas.written import Names, meant

__all__ = ["CONDITIONS", "SUBJECT_FIELDS", "Column", "Ethnicity", "History", "Race", "SubjectRule", "SubjectTable"]


class Race(StrEnum):
    """Race as the study recorded it. Source: the NSRR's nsrr_race, shortened."""

    WHITE = "white"
    BLACK = "black"
    ASIAN = "asian"
    NATIVE_AMERICAN = "native_american"
    PACIFIC_ISLANDER = "pacific_islander"
    HISPANIC = "hispanic"  # where the study asked for race and ethnicity in one question
    MULTIPLE = "multiple"
    OTHER = "other"
    UNKNOWN = "unknown"


class Ethnicity(StrEnum):
    """Ethnicity as the study recorded it. Source: the NSRR's nsrr_ethnicity."""

    HISPANIC = "hispanic"
    NOT_HISPANIC = "not_hispanic"
    UNKNOWN = "unknown"


class History(StrEnum):
    """Whether somebody has, or had, a condition."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


# Field: its closed list, or None where it is free.
SUBJECT_FIELDS: Mapping[str, type[StrEnum] | None] = MappingProxyType(
    {
        "subject": None,  # the person, where the layout's subject names a file; later tables are joined by it
        "family": None,
        "age_years": None,
        "age_over_89": History,
        "sex": Sex,
        "race": Race,
        "ethnicity": Ethnicity,
        "site": None,
        "bmi": None,
        "study_type": StudyType,
        "in_bed_start": None,
        "in_bed_end": None,
    }
)

# Medical history: what was asked, not what was diagnosed that night. A row more is a column more in the catalog.
CONDITIONS: Mapping[str, str] = MappingProxyType(
    {
        "hypertension": "high blood pressure",
        "diabetes": "diabetes of any type",
        "hypercholesterolemia": "high cholesterol",
        "cardiovascular_disease": "any cardiovascular disease, as the study sums it up",
        "coronary_artery_disease": "coronary artery disease",
        "myocardial_infarction": "heart attack",
        "angina": "angina",
        "heart_failure": "congestive heart failure",
        "arrhythmia": "irregular heart rhythm of any kind",
        "atrial_fibrillation": "atrial fibrillation",
        "pacemaker": "pacemaker",
        "stroke": "stroke",
        "tia": "transient ischaemic attack",
        "asthma": "asthma",
        "copd": "chronic obstructive pulmonary disease",
        "emphysema": "emphysema",
        "chronic_bronchitis": "chronic bronchitis",
        "allergy": "allergy of any kind",
        "allergic_rhinitis": "hay fever",
        "sinusitis": "sinus trouble",
        "depression": "depression",
        "anxiety": "anxiety disorder",
        "adhd": "attention deficit hyperactivity disorder",
        "epilepsy": "epilepsy",
        "migraine": "migraine",
        "parkinson": "Parkinson's disease",
        "dementia": "dementia, Alzheimer's disease included",
        "kidney_disease": "kidney disease",
        "liver_disease": "liver disease",
        "thyroid_disease": "thyroid disease",
        "reflux": "gastro-oesophageal reflux",
        "cancer": "cancer of any kind",
        "sleep_apnea": "sleep apnea, told by a physician before",
        "insomnia": "insomnia",
        "narcolepsy": "narcolepsy",
        "restless_legs": "restless legs",
        "current_smoker": "smokes",
        "ever_smoker": "has ever smoked",
    }
)


def _as_word(value: object) -> str:
    return str(meant(value))


class Column(Strict):
    """Where one field stands in a table.

    Parameters
    ----------
    columns : str or sequence of str
        Of those that the table has, the first one that is filled in this row is taken. In a table of two header
        rows a column may be called by its lower name where that is unique, else ``upper / lower``.
    codes : mapping of str to str
        The table's values to ours; a value outside it is unknown and a finding.
    unit : str
        The table's own unit, converted.
    missing : sequence of str
        Values that stand for *unknown* and are no finding.
    combine : {"first", "any"}
        ``any``, for history: ``yes`` where one of the columns says so, ``no`` where all of them say that.
    """

    columns: Names = Field(min_length=1)
    codes: dict[str, str] | None = None
    unit: Literal["years", "months", "days", "hours", "minutes"] | None = None
    missing: tuple[str, ...] = ("", ".", "NA", "NaN", "nan")
    combine: Literal["first", "any"] = "first"

    @field_validator("codes", mode="before", json_schema_input_type=dict[str, str | bool])
    @classmethod
    def _codes_as_text(cls, value: object) -> object:
        return {_as_word(k): _as_word(v) for k, v in value.items()} if isinstance(value, dict) else value

    @field_validator("missing", mode="before", json_schema_input_type=tuple[str | int, ...])
    @classmethod
    def _missing_as_text(cls, value: object) -> object:
        return [_as_word(item) for item in value] if isinstance(value, (list, tuple)) else value


_Columns = dict[str, Column]
_Short = Column | str | tuple[str, ...]  # a bare name, or names, is a column without codes


class SubjectTable(Strict):
    """One table, joined on ``key`` and, where it holds several visits, on ``visit``.

    Parameters
    ----------
    path : str
        Below the root; ``*`` matches anything. The last file in natural order is read. ``.xls`` and ``.xlsx`` are
        spreadsheets, everything else is delimited text.
    key, match : str
        Column that names the row, and what it must equal: ``{subject}``, ``{visit}`` and any field of the layout's
        path in braces. ``{subject}`` is what an earlier table gave as ``subject``, else the layout's.
    key_format : {"text", "integer", "upper", "lower"}
        How both sides are compared; ``integer`` drops leading zeros, ``text`` keeps them.
    visit_column, visit_codes
        Column of the visit, and the layout's visit to the value in it.
    visits : sequence of str
        Visits that the table is asked about; empty for all.
    when : mapping of str to str
        Fields of the layout's path, or its defaults, that must have these values for the table to be asked.
    where : mapping of column to values
        Rows that count; others, such as those of a mailed survey, are not there.
    header_rows : int
        1, or 2 where names of columns stand below names of groups.
    sheet : str
        Of a spreadsheet; the first one if none is given.
    fields, history, indices : mapping of name to Column
        `SUBJECT_FIELDS`, `CONDITIONS`, and the cohort's own indices by the name of their rule in `schemas.indices`.
    """

    path: str
    key: str
    match: str = "{subject}"
    key_format: Literal["text", "integer", "upper", "lower"] = "text"
    visit_column: str | None = None
    visit_codes: dict[str, str] = Field(default_factory=dict)
    visits: tuple[str, ...] = ()
    when: dict[str, str] = Field(default_factory=dict)
    where: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    header_rows: Annotated[int, Field(ge=1, le=2)] = 1
    sheet: str | None = None
    encoding: str = "utf-8-sig"
    delimiter: str = ","
    fields: _Columns = Field(default_factory=dict)
    history: _Columns = Field(default_factory=dict)
    indices: _Columns = Field(default_factory=dict)

    @field_validator("visit_codes", mode="before", json_schema_input_type=dict[str, str | int])
    @classmethod
    def _codes_as_text(cls, value: object) -> object:
        return {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else value

    @field_validator("where", mode="before", json_schema_input_type=dict[str, str | int | tuple[str | int, ...]])
    @classmethod
    def _values_as_text(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {k: [_as_word(i) for i in (v if isinstance(v, list) else [v])] for k, v in value.items()}

    @field_validator("fields", "history", "indices", mode="before", json_schema_input_type=dict[str, _Short])
    @classmethod
    def _bare_names(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {k: {"columns": v} if isinstance(v, (str, list)) else v for k, v in value.items()}

    @model_validator(mode="after")
    def _known_names(self) -> SubjectTable:
        _refuse_unknown("subject fields", self.fields, SUBJECT_FIELDS)
        _refuse_unknown("conditions", self.history, CONDITIONS)
        _refuse_unknown("indices", self.indices, {**INDICES, **PUBLISHED_ONLY})
        if "age_years" in self.fields and self.fields["age_years"].unit not in ("years", "months", "days"):
            raise ValueError("age_years needs its unit: years, months or days")
        for name, column in self.fields.items():
            _refuse_codes(name, column, SUBJECT_FIELDS[name])
        for name, column in self.history.items():
            _refuse_codes(name, column, History)
        if mixed := [n for n, c in {**self.fields, **self.indices}.items() if c.combine != "first"]:
            raise ValueError(f"combine: any is for history, not for {mixed[0]}")
        return self

    @property
    def match_fields(self) -> set[str]:
        """Names in braces of ``match``."""
        return set(re.findall(r"{(\w+)}", self.match))

    @property
    def columns(self) -> Mapping[str, Column]:
        """Every field that the table gives; conditions and indices under ``history.`` and ``indices.``."""
        more = {"history": self.history, "indices": self.indices}
        return {**self.fields, **{f"{kind}.{n}": c for kind, rows in more.items() for n, c in rows.items()}}


def _refuse_unknown(what: str, given: Mapping[str, object], known: Mapping[str, object]) -> None:
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(f"unknown {what} {unknown}; expected {', '.join(known)}")


def _refuse_codes(name: str, column: Column, words: type[StrEnum] | None) -> None:
    if words is None or column.codes is None:
        return
    if unknown := sorted(set(column.codes.values()) - set(words)):
        what = "sexes" if words is Sex else f"values of {name}"
        raise ValueError(f"unknown {what} {unknown}; expected {', '.join(words)}")


class SubjectRule(Strict):
    """Tables in order: a field comes from the first table that knows it."""

    tables: tuple[SubjectTable, ...] = Field(min_length=1)

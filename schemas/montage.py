"""A montage: ordered rules that turn the labels of a file into canonical channels.

Matching is exact after white space is folded (runs of blanks become one, ends stripped), and respects case
unless the manifest says ``match_case: false``. There are no patterns: every alias was seen in some file.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from schemas.kinds import KINDS, Kind, KindSpec, Shape, kind_of_channel
from schemas.units import Unit

__all__ = ["ChannelRule", "Derivation", "Expect", "Flip", "LabelChoice", "Sourced", "StatusMask", "fold_label"]


def fold_label(label: str, *, match_case: bool = True) -> str:
    """Fold white space, and case where it does not matter: the form in which labels are compared."""
    folded = " ".join(label.split())
    return folded if match_case else folded.casefold()


class Strict(BaseModel):
    """Refuse unknown keys and later changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class LabelChoice(Strict):
    """One spelling of a label, and which of several equal ones is meant.

    ``nth`` counts from 1 in file order. Without it a repeated label is an error, not a choice.
    """

    label: str = Field(min_length=1)
    nth: Annotated[int, Field(ge=1)] | None = None

    def __str__(self) -> str:
        return self.label if self.nth is None else f"{self.label} (no. {self.nth})"


_Choices = str | LabelChoice | tuple[str | LabelChoice, ...]


def _as_choices(value: object) -> object:
    if isinstance(value, (str, dict)):
        value = [value]
    if isinstance(value, list):
        return [{"label": item} if isinstance(item, str) else item for item in value]
    return value


class Derivation(Strict):
    """``plus`` minus ``minus``, each the first of its spellings that the file has."""

    plus: tuple[LabelChoice, ...] = Field(min_length=1)
    minus: tuple[LabelChoice, ...] = Field(min_length=1)

    _listed = field_validator("plus", "minus", mode="before", json_schema_input_type=_Choices)(_as_choices)


class Sourced(Strict):
    """A unit that the file does not say itself; where the knowledge comes from is not optional."""

    unit: Unit
    source: str = Field(min_length=3)


class UnitOverride(Sourced):
    """Read ``when`` in the header as ``unit``."""

    when: str


class Flip(Strict):
    """Turn the sign, because a named source says that this release has it wrong."""

    source: str = Field(min_length=3)
    release: str = Field(min_length=1)


class PolarityNote(Strict):
    """What is known of the sign without anything being turned."""

    value: Literal["as_header", "unknown"]
    source: str = Field(min_length=3)


class Expect(Strict):
    """What the cohort documents; a difference is a finding, never a correction."""

    rate_hz: tuple[float, ...] = ()
    unit: tuple[Unit, ...] = ()
    range: tuple[float, float] | None = None

    @field_validator("rate_hz", mode="before", json_schema_input_type=float | tuple[float, ...])
    @classmethod
    def _one_or_many_rates(cls, value: object) -> object:
        return value if isinstance(value, (list, tuple)) else [value]

    @field_validator("unit", mode="before", json_schema_input_type=Unit | tuple[Unit, ...])
    @classmethod
    def _one_or_many_units(cls, value: object) -> object:
        return value if isinstance(value, (list, tuple)) else [value]


class StatusMask(Strict):
    """Samples are masked while the status signal ``label`` holds one of ``bad``."""

    label: str = Field(min_length=1)
    bad: tuple[int, ...] = Field(min_length=1)
    source: str = Field(min_length=3)


class ChannelRule(Strict):
    """One canonical channel and how it is found in a file.

    Exactly one of ``labels`` and ``derivation`` is given; with both, ``labels`` names files that ship the
    derivation ready-made and is tried first.
    """

    channel: str
    labels: tuple[LabelChoice, ...] = ()
    derivation: Derivation | None = None
    visits: tuple[str, ...] = ()
    reference: str | None = None
    sensor: str | None = None
    expect: Expect = Expect()
    unit_when_blank: Sourced | None = None
    unit_override: UnitOverride | None = None
    flip: Flip | None = None
    polarity: PolarityNote | None = None
    high_pass_hz: Annotated[float, Field(gt=0)] | None = None
    high_pass_source: str | None = None
    value_map: dict[int, int] = {}
    value_meanings: dict[int, str] = {}
    missing_codes: tuple[float, ...] = ()
    masked_by: tuple[StatusMask, ...] = ()

    _listed = field_validator("labels", mode="before", json_schema_input_type=_Choices)(_as_choices)

    @property
    def choices(self) -> tuple[LabelChoice, ...]:
        """Every label that the rule names, those of its derivation among them."""
        derivation = self.derivation
        return self.labels if derivation is None else self.labels + derivation.plus + derivation.minus

    @property
    def kind(self) -> Kind:
        """What the channel measures; follows from its canonical name."""
        return kind_of_channel(self.channel)

    @property
    def spec(self) -> KindSpec:
        """Everything that the kind fixes."""
        return KINDS[self.kind]

    @field_validator("channel")
    @classmethod
    def _canonical(cls, value: str) -> str:
        try:
            kind_of_channel(value)
        except KeyError:
            raise ValueError(
                f"{value!r} is not the name of a channel; `sleep2vec manifest guide` lists them, e.g. eeg_c4_m1"
            ) from None
        return value

    @model_validator(mode="after")
    def _consistent(self) -> ChannelRule:
        if not self.labels and self.derivation is None:
            raise ValueError("give labels, a derivation, or both")
        if self.derivation is not None and self.spec.shape is not Shape.WAVE:
            raise ValueError("only waves can be derived as A minus B")
        if (self.high_pass_hz is None) != (self.high_pass_source is None):
            raise ValueError("high_pass_hz and high_pass_source go together")
        if self.high_pass_hz is not None and self.spec.shape is not Shape.WAVE:
            raise ValueError("only waves are filtered: high_pass_hz has no meaning here")
        if self.missing_codes and self.spec.shape is not Shape.STEP:
            raise ValueError("missing_codes are for held values such as spo2")
        if self.spec.shape is Shape.CODE and not self.value_meanings:
            raise ValueError("a channel of codes needs value_meanings, e.g. {0: supine, 1: left}")
        if self.spec.shape is not Shape.CODE and (self.value_map or self.value_meanings):
            raise ValueError("value_map and value_meanings are for channels of codes")
        if unknown := set(self.value_map.values()) - set(self.value_meanings):
            raise ValueError(f"value_map leads to codes without a meaning: {sorted(unknown)}")
        if self.flip is not None and self.polarity is not None:
            raise ValueError("flip and polarity exclude each other")
        return self

"""How a cohort's stages and events are read, as its manifest says it: formats, words, columns, scorers."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from schemas.event_terms import EVENT_TYPES, IGNORE, EventClass
from schemas.montage import Strict
from schemas.vocabulary import EPOCH_S, MAX_SCORERS, Scored, Stage, StageScheme
from schemas.written import meant

__all__ = ["ANNOTATION_FILE", "AnnotationFormat", "AnnotationRule", "TableRule"]

ANNOTATION_FILE = "annotations"  # what a layout's only annotation file is called
_STAGE_NAMES = tuple(s.name for s in Stage)

ColumnName = str | int  # a heading, or a position from 1 (from −1 backwards)
AnnotationFormat = Literal[
    "nsrr_xml", "profusion_xml", "edf_plus", "luna_annot", "epoch_list", "table", "wfdb", "hdf5"
]


class TableRule(Strict):
    """Which column of a text table or spreadsheet says what.

    Columns are named by their heading or by their position. A table whose columns all go by position needs no
    heading line: a first line without a readable time is taken for one.

    Parameters
    ----------
    delimiter : str
        One character, or ``whitespace`` for any number of blanks and tabs.
    decimal : str
        Point or comma.
    skip_lines : int
        Lines before the heading.
    sheet : str or None
        Of a spreadsheet; the first by default.
    onset : column or None
        When it begins, in ``onset_unit``; without it and without ``epoch`` every line is one epoch.
    epoch : column or None
        Number of the epoch, the first being ``first_epoch``.
    end, duration : column or None
        When it ends, in ``onset_unit``; or how long it lasts, in ``duration_unit``.
    text : columns
        Stages and events; several are joined by a blank.
    stage : column or None
        Stages alone: whatever it says is a stage, and what is blank is none.
    channel : column or None
        The signal that an event was scored on.
    patterns : tuple of str
        Regular expressions for ``text``. The first that fits it whole gives the term by its groups ``term`` and
        ``kind`` (joined by `` - ``) and the seconds by its group ``duration``; other texts stay as they are.
    """

    delimiter: str = ","
    encoding: str | None = None
    decimal: Literal[".", ","] = "."
    skip_lines: Annotated[int, Field(ge=0)] = 0
    sheet: str | None = None
    onset: ColumnName | None = None
    onset_unit: Literal["s", "ms", "min", "clock", "elapsed"] = "s"
    epoch: ColumnName | None = None
    first_epoch: int = 1
    end: ColumnName | None = None
    duration: ColumnName | None = None
    duration_unit: Literal["s", "ms", "min", "elapsed"] = "s"
    text: tuple[ColumnName, ...] = ()
    stage: ColumnName | None = None
    channel: ColumnName | None = None
    patterns: tuple[str, ...] = ()

    @field_validator("text", mode="before", json_schema_input_type=ColumnName | tuple[ColumnName, ...])
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str | int) else value

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str) -> str:
        if len(value) != 1 and value != "whitespace":
            raise ValueError("expected one character, or whitespace")
        return value

    @field_validator("patterns")
    @classmethod
    def _expressions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            try:
                groups = set(re.compile(pattern).groupindex)
            except re.error as error:
                raise ValueError(f"no regular expression: {error}") from None
            if "term" not in groups or groups - {"term", "kind", "duration"}:
                raise ValueError("a pattern needs the group term, and may have kind and duration")
        return value

    @model_validator(mode="after")
    def _readable(self) -> TableRule:
        if not self.text and self.stage is None:
            raise ValueError("name the column of text, or of stage")
        if self.onset is not None and self.epoch is not None:
            raise ValueError("onset and epoch say the same twice")
        if any(column == 0 for column in self.columns):
            raise ValueError("columns count from 1")
        return self

    @property
    def columns(self) -> tuple[ColumnName, ...]:
        """All columns that are named."""
        single = (self.onset, self.epoch, self.end, self.duration, self.stage, self.channel)
        return (*self.text, *(column for column in single if column is not None))


class AnnotationRule(Strict):
    """How stages and events are read from one kind of file.

    Parameters
    ----------
    format : str
        A reader of `pipeline.read`.
    file : str
        Which of the layout's annotation files; a night without it is read by the other rules alone.
    holds : tuple of {"stages", "events"}
        What is taken from it.
    scorer : int
        Whose scoring it is. The first scorer's stages are the night's, and only the first one's events are kept.
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
    dataset : str or None
        For ``hdf5``: path of the hypnogram within the file.
    table : TableRule or None
        For ``table``: its columns.
    """

    format: AnnotationFormat
    scheme: StageScheme
    file: str = ANNOTATION_FILE
    holds: tuple[Literal["stages", "events"], ...] = ("stages", "events")
    scorer: Annotated[int, Field(ge=1, le=MAX_SCORERS)] = 1
    stages: dict[str, str] = Field(default={})
    events: dict[str, str] = Field(default={})
    scored: dict[str, Scored] = Field(default={})
    epoch_s: Annotated[int, Field(gt=0)] = EPOCH_S
    max_excess_epochs: Annotated[int, Field(ge=0)] = 20
    dataset: str | None = None
    table: TableRule | None = None

    @field_validator("holds", mode="before", json_schema_input_type=str | tuple[str, ...])
    @classmethod
    def _one_or_both(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("scored", mode="before", json_schema_input_type=dict[str, Scored | bool])
    @classmethod
    def _yaml_booleans(cls, value: object) -> object:
        return {k: meant(v) for k, v in value.items()} if isinstance(value, dict) else value

    @field_validator("stages", mode="before", json_schema_input_type=dict[str, str])
    @classmethod
    def _terms_as_text(cls, value: object) -> object:
        """YAML reads a bare code as a number."""
        return {str(k): v for k, v in value.items()} if isinstance(value, dict) else value

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

    @model_validator(mode="after")
    def _described(self) -> AnnotationRule:
        for key, needed in (("table", "table"), ("dataset", "hdf5")):
            if (getattr(self, key) is not None) != (self.format == needed):
                raise ValueError(f"{key} belongs to format {needed}, and format {needed} needs it")
        if not self.holds:
            raise ValueError("holds names stages, events or both")
        return self

"""Columns of the catalog's two tables: name, type, unit and meaning. Everything that describes them reads this.

``catalog.parquet`` has a row a recording, ``channels.parquet`` a row a channel of a recording. Nobody's number is
null, never zero; nobody's word is null, but for ``sex`` and ``study_type``, which are ``unknown`` then.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from schemas.event_terms import APNEAS, EVENT_TYPES, HYPOPNEAS, EventClass
from schemas.indices import INDICES, PUBLISHED_ONLY
from schemas.quality import QualityFlag
from schemas.subjects import CONDITIONS
from schemas.vocabulary import Modality

__all__ = [
    "CHANNELS",
    "EVENT_COUNTS",
    "FLAG_COUNTS",
    "RECORDINGS",
    "STAGE_COUNTS",
    "TABLES",
    "VERSION",
    "Column",
    "EventCount",
]

ColumnType = Literal["String", "Boolean", "Int64", "Float64", "List(String)"]  # as Polars calls them


@dataclass(frozen=True)
class Column:
    """One column.

    Parameters
    ----------
    type : str
        Its type in Polars.
    unit : str
        Empty where there is none.
    """

    type: ColumnType
    unit: str
    text: str


@dataclass(frozen=True)
class EventCount:
    """A count of scored events: types that are counted together."""

    event_class: EventClass
    types: frozenset[str]
    text: str


def _types(event_class: EventClass) -> frozenset[str]:
    return frozenset(name for name, kind in EVENT_TYPES.items() if kind.event_class is event_class)


EVENT_COUNTS: Mapping[str, EventCount] = MappingProxyType(
    {
        "n_apnea": EventCount(EventClass.RESPIRATORY, frozenset(APNEAS), "scored apneas of all types"),
        "n_hypopnea": EventCount(
            EventClass.RESPIRATORY, frozenset(HYPOPNEAS), "scored hypopneas, by the cohort's own rule"
        ),
        "n_rera": EventCount(EventClass.RESPIRATORY, frozenset({"rera"}), "scored respiratory effort arousals"),
        "n_arousal": EventCount(EventClass.AROUSAL, _types(EventClass.AROUSAL), "scored arousals of all causes"),
        "n_limb_movement": EventCount(EventClass.LIMB, _types(EventClass.LIMB), "scored limb movements"),
        "n_scored_desaturation": EventCount(
            EventClass.DESATURATION,
            _types(EventClass.DESATURATION),
            "scored desaturations, by the cohort's own rule",
        ),
    }
)

STAGE_COUNTS: Mapping[str, int] = MappingProxyType(
    {"n_unscored": -1, "n_w": 0, "n_n1": 1, "n_n2": 2, "n_n3": 3, "n_rem": 4}  # codes of the store's stage
)

FLAG_COUNTS: Mapping[str, np.uint16] = MappingProxyType(
    {f"n_epoch_{(flag.name or '').lower()}": np.uint16(flag.value) for flag in QualityFlag}
)

_PERSON = {
    "recording": Column("String", "", "cohort/recording, unique"),
    "cohort": Column("String", "", "cohort"),
    "subject": Column("String", "", "cohort/subject: one person over visits"),
    "family": Column("String", "", "cohort/family, where the cohort names families"),
    "visit": Column("String", "", "visit, where the cohort has several"),
    "site": Column("String", "", "site of recording"),
    "overlaps_with": Column("List(String)", "", "cohorts that share people with this one, as its manifest says"),
    "split": Column(
        "String", "", "train, val, test or external, by the split file that the catalog was built with"
    ),
    "study_type": Column("String", "", "what the night was for"),
    "age_years": Column("Float64", "years", "age at the recording; 90 stands for every age above 89"),
    "age_top_coded": Column("Boolean", "", "whether age_years is such a 90"),
    "sex": Column("String", "", "male, female or unknown"),
    "race": Column("String", "", "race as the study recorded it, or unknown"),
    "ethnicity": Column("String", "", "hispanic, not_hispanic or unknown"),
    "bmi": Column("Float64", "kg/m2", "body mass index"),
}
_HISTORY = {
    f"history_{name}": Column("String", "", f"{text}: yes, no or unknown; null where nobody asked")
    for name, text in CONDITIONS.items()
}
_STAGES = {
    "n_unscored": "epochs that nobody scored",
    "n_w": "epochs of wake",
    "n_n1": "epochs of N1",
    "n_n2": "epochs of N2",
    "n_n3": "epochs of N3, R&K stages 3 and 4 included",
    "n_rem": "epochs of REM",
}
_NIGHT = {
    "n_epoch": Column("Int64", "30 s", "whole epochs"),
    "hours": Column("Float64", "h", "length"),
    "clock_start_s": Column("Float64", "s", "time of day at which the recording began"),
    "stage_scheme": Column("String", "", "rules of scoring: aasm, rk, sleep_wake or none"),
    **{name: Column("Int64", "30 s", text) for name, text in _STAGES.items()},
    "sleep_hours": Column("Float64", "h", "N1, N2, N3 and REM; null where the scheme does not tell them apart"),
    "n_in_bed": Column("Int64", "30 s", "epochs between lights off and on; null where nobody knows"),
}
_SIGNALS = {
    "channels": Column("List(String)", "", "canonical channels"),
    "modalities": Column("List(String)", "", "modalities that have a primary channel"),
    **{
        f"{modality}_coverage": Column(
            "Float64", "1", f"usable part of the night of the primary {modality} channel"
        )
        for modality in Modality
    },
    "n_flagged": Column("Int64", "30 s", "epochs in which some primary channel has a bit of quality set"),
    "belt_correlation": Column("Float64", "1", "correlation of the two belts; below 0 where one is inverted"),
    "ecg_upright": Column("Float64", "1", "what speaks for an upright ECG, from -1 to 1"),
    "n_beat": Column("Int64", "", "beats found; null where no ECG could be searched"),
    "n_ectopic_beat": Column("Int64", "", "of these, ectopic"),
    "n_breath": Column("Int64", "", "breaths found; null where no respiration could be searched"),
    "n_desaturation_3_percent": Column("Int64", "", "falls of SpO2 by 3 % found; null without SpO2"),
    "n_desaturation_4_percent": Column("Int64", "", "falls of SpO2 by 4 % found; null without SpO2"),
    **{
        f"desaturation_{rule}_percent_per_hour": Column(
            "Float64", "1/h", f"n_desaturation_{rule}_percent an hour of usable SpO2, awake or asleep"
        )
        for rule in (3, 4)
    },
}
_EVENTS = {
    **{
        f"scored_{kind}": Column("String", "", f"whether {kind} events were looked for: yes, no or partly")
        for kind in EventClass
    },
    **{
        name: Column("Int64", "", f"{count.text}; null where not looked for")
        for name, count in EVENT_COUNTS.items()
    },
}
_INDICES = {
    **{name: Column("Float64", spec.unit, f"{spec.text}; docs/indices.md") for name, spec in INDICES.items()},
    **{
        f"published_{name}": Column("Float64", spec.unit, f"the cohort's own number: {spec.text}")
        for name, spec in {**INDICES, **PUBLISHED_ONLY}.items()
    },
}
_RECORD = {
    "findings": Column("List(String)", "", "codes of the recording's findings, sorted"),
    **{
        f"n_finding_{severity}": Column("Int64", "", f"findings of severity {severity}")
        for severity in ("info", "warning", "severe")
    },
    "n_byte": Column("Int64", "byte", "size of the store"),
    "n_file": Column("Int64", "", "files of the store"),
    "path": Column("String", "", "store, relative to the catalog"),
    "fingerprint": Column("String", "", "of the conversion"),
    "root_digest": Column(
        "String", "", "SHA-256 of the store's root document, which holds those of all other files"
    ),
    "spec_version": Column("Int64", "", "of the store's specification"),
    "processing_version": Column("Int64", "", "of the processing"),
    "terms_agreement": Column("String", "", "agreement under which the data were had"),
    "terms_redistribution": Column("Boolean", "", "whether they may be passed on"),
    "terms_commercial": Column("Boolean", "", "whether commercial use is allowed"),
    "terms_citation": Column("String", "", "what to cite"),
    "terms_release": Column("String", "", "release of the cohort"),
    "terms_url": Column("String", "", "where the terms are"),
}
RECORDINGS: Mapping[str, Column] = MappingProxyType(
    {**_PERSON, **_NIGHT, **_SIGNALS, **_EVENTS, **_INDICES, **_HISTORY, **_RECORD}
)

CHANNELS: Mapping[str, Column] = MappingProxyType(
    {
        "recording": Column("String", "", "cohort/recording, as in catalog.parquet"),
        "channel": Column("String", "", "canonical channel"),
        "modality": Column("String", "", "modality, or none"),
        "kind": Column("String", "", "kind, which fixes rate, unit and scale"),
        "primary": Column("Boolean", "", "whether it stands for its modality"),
        "unit": Column("String", "", "unit of the stored values"),
        "source_label": Column("String", "", "the signal's label, or the channels it was derived from"),
        "source_rate_hz": Column("Float64", "Hz", "native rate"),
        "rate_hz": Column("Float64", "Hz", "stored rate"),
        "reference": Column("String", "", "what it was recorded against"),
        "band_low_hz": Column("Float64", "Hz", "lower -6 dB edge that was applied"),
        "band_high_hz": Column("Float64", "Hz", "upper -6 dB edge that was applied"),
        "polarity": Column("String", "", "what is known of the sign"),
        "night_factor": Column(
            "Float64", "", "stored value times this is in the source's unit; arbitrary units only"
        ),
        "source_unit": Column("String", "", "the source's unit; arbitrary units only"),
        "unit_factor": Column("Float64", "", "value in the source's unit times this is in the stored unit"),
        "amplitude": Column(
            "Float64", "", "usual size: median over epochs of the root mean square, in unit, or in source_unit"
        ),
        "mains_hz": Column("Float64", "Hz", "mains that hum in it, 50 or 60; null where that cannot be told"),
        "mains_amplitude": Column("Float64", "", "how loud they do, in the unit of amplitude"),
        "slow_wave_asymmetry": Column("Float64", "", "skewness of slow waves; changes its sign with the polarity"),
        "n_saturated": Column("Int64", "", "samples beyond the packing range"),
        "coverage": Column("Float64", "1", "usable part of the night"),
        "n_usable": Column("Int64", "30 s", "epochs of which at least half is usable"),
        **{
            name: Column("Int64", "30 s", f"epochs with the bit of quality {name.removeprefix('n_epoch_')}")
            for name in FLAG_COUNTS
        },
    }
)

TABLES: Mapping[str, Mapping[str, Column]] = MappingProxyType({"catalog": RECORDINGS, "channels": CHANNELS})


def _digest() -> str:
    tables = {name: {column: astuple(row) for column, row in rows.items()} for name, rows in TABLES.items()}
    return hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()[:16]


# Rows of another version are read again; raise the number when a value's meaning changes.
VERSION = f"1-{_digest()}"

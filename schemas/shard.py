"""The training-shard set, version 1: names, dimensions, types and the columns of its index.

A set is a folder: one Zarr group a split (``train.zarr``), in which recordings lie end to end on ``epoch``, and
beside the groups the documents of the set. The prose is docs/shard-spec.md; writer, verifier and loader read these
tables.

Inner chunks are not compressed and end in a CRC-32C of their own: a window of the night is one range of bytes
with four bytes of checksum every `CHUNK_EPOCH` epochs, which every Zarr reader checks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

from schemas.event_terms import EventClass
from schemas.indices import INDICES
from schemas.kinds import KINDS, Kind, KindSpec
from schemas.store import MISSING, ArraySpec
from schemas.subjects import CONDITIONS
from schemas.vocabulary import Modality

__all__ = [
    "BLOCK_BYTE",
    "CARD",
    "CHUNK_EPOCH",
    "EPOCH_ARRAYS",
    "FILES",
    "INDEX",
    "INDEX_COLUMNS",
    "MODALITY_COLUMNS",
    "NIGHT_ARRAYS",
    "RASTER_CLASSES",
    "SET",
    "SHARD_EPOCH",
    "SPEC",
    "SPEC_VERSION",
    "STATISTICS",
    "TARGET_COLUMNS",
    "THINNING",
    "Codec",
    "array_specs",
    "group_name",
    "modality_array",
    "modality_kind",
    "raster_arrays",
]

SPEC = "sleep2vec training shards"
SPEC_VERSION = 1
CHUNK_EPOCH = 60  # epochs of one inner chunk, half an hour
SHARD_EPOCH = 4096 * CHUNK_EPOCH  # epochs of one file: 1.9 GB at 128 Hz; 10,000 nights stay below 1024 open files
BLOCK_BYTE = (
    1 << 23
)  # a file's checksums are of blocks of 8 MiB: what a transfer checks, and sends again when it must
THINNING: Mapping[str, int] = MappingProxyType({"fast_sample": 8, "slow_sample": 1})  # statistics see every n-th

SET = "set.json"  # written last: what the set is made of, its terms, seed and choices; without it there is no set
INDEX = "index.parquet"  # one row a recording, all splits, in the order in which they lie
STATISTICS = "statistics.json"  # moments and quantiles of every modality over the split train
FILES = "files.json"  # size and CRC-32C of every block of every other file but SET, by path relative to the set
CARD = "card.md"


class Codec(StrEnum):
    """How inner chunks are stored; the CRC-32C is always their end."""

    NONE = "none"  # for training: a window is a range of bytes
    ZSTD = "zstd"  # Blosc, zstd with bit shuffle, for transfer


_KINDS: Mapping[Modality, Kind] = MappingProxyType(
    {
        Modality.EEG: Kind.EEG,
        Modality.EOG: Kind.EOG,
        Modality.EMG: Kind.EMG,
        Modality.ECG: Kind.ECG,
        Modality.AIRFLOW: Kind.AIRFLOW,  # or nasal pressure: both are stored alike, the index says which
        Modality.BELT: Kind.BELT,
        Modality.SPO2: Kind.SPO2,
        Modality.IBI: Kind.IBI,
        Modality.RESP: Kind.RESP,
    }
)

# Events that are drawn second by second; the others are too rare or too vague to be learnt.
RASTER_CLASSES = (EventClass.RESPIRATORY, EventClass.AROUSAL, EventClass.DESATURATION, EventClass.LIMB)

_NAN = float("nan")
_STAGES = {-1: "unscored", 0: "W", 1: "N1", 2: "N2", 3: "N3", 4: "REM"}
_IN_BED = {-1: "unknown", 0: "out_of_bed", 1: "in_bed"}

# On ``epoch``, in chunks like the modalities'.
EPOCH_ARRAYS: Mapping[str, ArraySpec] = MappingProxyType(
    {
        "recording_index": ArraySpec(("epoch",), "int32", -1, "1", "position of the recording in its split"),
        "stage": ArraySpec(("epoch",), "int8", -1, "1", "sleep stage (AASM)", "required", _STAGES),
        "in_bed": ArraySpec(("epoch",), "int8", -1, "1", "between lights off and lights on", "required", _IN_BED),
        "usable_fraction": ArraySpec(
            ("epoch", "modality"), "float32", _NAN, "1", "fraction of the epoch that is usable"
        ),
    }
)

# One row a recording, one chunk each: what a loader needs of the index without reading Parquet.
NIGHT_ARRAYS: Mapping[str, ArraySpec] = MappingProxyType(
    {
        "modality": ArraySpec(("modality",), "string", "", None, "modality"),
        "recording": ArraySpec(("recording",), "string", "", None, "recording, cohort/key"),
        "subject": ArraySpec(("recording",), "string", "", None, "subject, cohort/subject"),
        "start": ArraySpec(("recording",), "int64", -1, "1", "first epoch of the recording"),
        "length": ArraySpec(("recording",), "int64", -1, "1", "epochs of the recording"),
        "present": ArraySpec(
            ("recording", "modality"), "int8", -1, "1", "the recording has it", "required", {0: "no", 1: "yes"}
        ),
        "usable": ArraySpec(("recording", "modality"), "float64", _NAN, "1", "fraction of the night usable"),
        "night_factor": ArraySpec(("recording", "modality"), "float64", _NAN, "1", "stored to source unit"),
        "center": ArraySpec(("recording", "modality"), "float64", _NAN, None, "median of the night, stored unit"),
        "scale": ArraySpec(("recording", "modality"), "float64", _NAN, None, "half 5th to 95th percentile range"),
    }
)

# Columns of the index: name to Polars type. Numbers that nobody knows are null, words are ``unknown``.
INDEX_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "recording": "String",  # cohort/key
        "cohort": "String",
        "subject": "String",  # cohort/subject: persons of two cohorts are two
        "family": "String",
        "visit": "String",
        "site": "String",
        "split": "String",
        "start": "Int64",  # first epoch of the recording in its split's group
        "length": "Int64",  # epochs
        "stage_scheme": "String",
        "study_type": "String",
        "age_years": "Float64",
        "sex": "String",
        "bmi": "Float64",
        "fingerprint": "String",  # of the recording store
    }
)

# Columns behind these: what was scored in the night, found in its SpO2 or asked of the person, as in the catalog,
# which says what each one means; null where it was not looked for or is not defined. There is no bare AHI: rules
# differ by cohort.
TARGET_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "sleep_hours": "Float64",  # N1, N2, N3 and REM
        **dict.fromkeys(("n_unscored", "n_w", "n_n1", "n_n2", "n_n3", "n_rem"), "Int64"),  # epochs
        "n_in_bed": "Int64",  # epochs between lights off and on
        **{f"scored_{event_class.value}": "String" for event_class in RASTER_CLASSES},  # yes, no or partly
        **dict.fromkeys(("n_apnea", "n_hypopnea", "n_rera", "n_arousal", "n_limb_movement"), "Int64"),
        "n_scored_desaturation": "Int64",  # by the cohort's own rule
        **dict.fromkeys(INDICES, "Float64"),  # each by the rule of its name
        **dict.fromkeys(("n_desaturation_3_percent", "n_desaturation_4_percent"), "Int64"),  # by the AASM's rules
        **dict.fromkeys(("desaturation_3_percent_per_hour", "desaturation_4_percent_per_hour"), "Float64"),
        **{f"history_{condition}": "String" for condition in CONDITIONS},  # yes, no or unknown
    }
)

# Columns that every modality has, after its name: ``eeg_present``, …; null where the recording does not have it.
# Center and scale are of every `THINNING`-th sample.
MODALITY_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "present": "Boolean",
        "channel": "String",  # canonical channel that stands for the modality
        "usable": "Float64",  # share of the night's samples
        "night_factor": "Float64",  # stored value times this is in the source's unit; 1 where units are fixed
        "center": "Float64",  # median of the night, in the stored unit
        "scale": "Float64",  # half the range from the 5th to the 95th percentile; 1 where they are equal
    }
)


def modality_kind(modality: Modality) -> KindSpec:
    """Return what fixes rate, unit and scale of a modality's array."""
    return KINDS[_KINDS[modality]]


def modality_array(modality: Modality) -> ArraySpec:
    """Return the array that holds a modality: packed int16, ``(epoch, fast_sample | slow_sample)``."""
    kind = modality_kind(modality)
    dims = ("epoch", kind.rate_class.dimension)
    return ArraySpec(dims, "int16", MISSING, kind.unit.value, kind.long_name)


def raster_arrays(event_class: EventClass) -> dict[str, ArraySpec]:
    """Return the two arrays of a class of events, 30 seconds an epoch; -1 where it was not scored.

    ``event_<class>`` has the type's code (`schemas.event_terms.EVENT_TYPES`) in every second that an event
    touches and 0 elsewhere; ``onset_<class>`` the number of events that begin in the second.
    """
    dims = ("epoch", "step_sample")
    name = event_class.value
    return {
        f"event_{name}": ArraySpec(dims, "int8", -1, "1", f"{name} event", "required"),
        f"onset_{name}": ArraySpec(dims, "int8", -1, "1", f"onsets of {name} events"),
    }


def array_specs(modalities: Sequence[Modality]) -> dict[str, ArraySpec]:
    """Return every array of a split that holds these modalities, by name."""
    rasters = {name: spec for kind in RASTER_CLASSES for name, spec in raster_arrays(kind).items()}
    return {**{str(m): modality_array(m) for m in modalities}, **EPOCH_ARRAYS, **rasters, **NIGHT_ARRAYS}


def group_name(split: str) -> str:
    """Return the folder of a split's group below the set."""
    return f"{split}.zarr"

"""The training-shard set, version 1: names, dimensions, types and the columns of its index.

A set is a folder: one Zarr group a split (``train.zarr``), in which recordings lie end to end on ``epoch``, and
beside the groups the documents of the set. The prose is docs/shard-spec.md; writer, verifier and loader read these
tables.

Inner chunks are not compressed and end in a CRC-32C of their own: a window of the night is one range of bytes
with four bytes of checksum every `CHUNK_EPOCH` epochs, which every Zarr reader checks and a loader may skip.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from schemas.event_terms import EventClass
from schemas.kinds import KINDS, Kind, KindSpec
from schemas.store import MISSING, ArraySpec
from schemas.vocabulary import Modality

__all__ = [
    "ARRAYS",
    "CARD",
    "CHUNK_EPOCH",
    "FILES",
    "INDEX",
    "INDEX_COLUMNS",
    "MODALITY_COLUMNS",
    "RASTER_CLASSES",
    "SET",
    "SHARD_EPOCH",
    "SPEC",
    "SPEC_VERSION",
    "STATISTICS",
    "modality_array",
    "modality_kind",
    "raster_arrays",
]

SPEC = "sleep2vec training shards"
SPEC_VERSION = 1
CHUNK_EPOCH = 60  # epochs of one inner chunk, half an hour
SHARD_EPOCH = 1024 * CHUNK_EPOCH  # epochs of one file: 0.47 GB at 128 Hz, 15 MB at 4 Hz

SET = "set.json"  # written last: what the set is made of, its terms, seed and choices; without it there is no set
INDEX = "index.parquet"  # one row a recording, all splits, in the order in which they lie
STATISTICS = "statistics.json"  # moments of every modality over the split train
FILES = "files.json"  # size and SHA-256 of every other file but SET, by path relative to the set
CARD = "card.md"

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

# Everything but the modalities and rasters; all on ``epoch``, in chunks like theirs.
ARRAYS: Mapping[str, ArraySpec] = MappingProxyType(
    {
        "modality": ArraySpec(("modality",), "string", "", None, "modality, in the order of usable_fraction"),
        "recording_index": ArraySpec(("epoch",), "int32", -1, "1", "row of the recording in the index"),
        "stage": ArraySpec(("epoch",), "int8", -1, "1", "sleep stage (AASM)", "required", _STAGES),
        "in_bed": ArraySpec(("epoch",), "int8", -1, "1", "between lights off and lights on", "required", _IN_BED),
        "usable_fraction": ArraySpec(
            ("epoch", "modality"), "float32", _NAN, "1", "fraction of the epoch that is usable"
        ),
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
        "start": "Int64",  # first epoch in the split's group
        "length": "Int64",  # epochs
        "stage_scheme": "String",
        "study_type": "String",
        "age_years": "Float64",
        "sex": "String",
        "bmi": "Float64",
        "fingerprint": "String",  # of the recording store
    }
)

# Columns that every modality has, after its name: ``eeg_present``, …
MODALITY_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "present": "Boolean",
        "channel": "String",  # canonical channel that stands for the modality
        "usable": "Float64",  # share of the night's samples
        "night_factor": "Float64",  # stored value times this is in the source's unit; 1 where units are fixed
        "center": "Float64",  # median of the night, in the stored unit
        "scale": "Float64",  # half the range from the 5th to the 95th percentile of the night
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

"""The recording store, version 1: names, dimensions, types, codes and attributes.

The prose is docs/store-spec.md; the writer and the verifier both read these tables, and the tests hold them
against literals. A row added here needs no new version; a changed meaning does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from schemas.kinds import KINDS, KindSpec, Shape, kind_of_channel
from schemas.quality import QualityFlag
from schemas.vocabulary import MAX_SCORERS, BeatType

__all__ = [
    "ARRAYS",
    "ARRAY_FILE",
    "CHANNEL_ATTRIBUTES",
    "CHUNK_EPOCH",
    "CONVENTIONS",
    "DERIVED",
    "DERIVED_ATTRIBUTES",
    "LIMIT",
    "MISSING",
    "OPTIONAL_ARRAYS",
    "PART",
    "POLARITY_EVIDENCE",
    "ROOT_ATTRIBUTES",
    "SPEC",
    "SPEC_VERSION",
    "ArraySpec",
    "channel_array",
    "channel_kind",
    "code_meanings",
    "meanings_of",
    "primary_of",
]

SPEC = "sleep2vec recording store"
SPEC_VERSION = 1
CONVENTIONS = "CF-1.11"

MISSING = -32768  # packed count of a missing sample: Zarr's fill value and CF's _FillValue at once
LIMIT = 32767  # largest packed count; what is beyond is set to it, counted and flagged
CHUNK_EPOCH = 60  # epochs of one inner chunk, half an hour; docs/adr/0002-store-layout.md
PART = ".part"  # in the name of everything that is not finished
ARRAY_FILE = "zarr.json"  # metadata document of the root and of every array


@dataclass(frozen=True)
class ArraySpec:
    """One array: dimensions, type, what a lost chunk reads as, and its descriptive attributes.

    Parameters
    ----------
    dims : tuple of str
        Dimension names, the epoch first.
    data_type : str
        Zarr v3 data type.
    fill : int, float or str
        Value of a lost chunk; never one that could be taken for data.
    codes : {"none", "required", "optional"}
        Whether ``flag_values`` and ``flag_meanings`` list the codes.
    meanings : mapping of int to str
        The codes, where the specification and not the recording fixes them; bits for ``quality``.
    """

    dims: tuple[str, ...]
    data_type: str
    fill: int | float | str
    units: str | None
    long_name: str
    codes: Literal["none", "required", "optional"] = "none"
    meanings: Mapping[int, str] = field(default_factory=dict)

    @property
    def is_packed(self) -> bool:
        """Whether counts times ``scale_factor`` are the values."""
        return self.data_type == "int16" and self.fill == MISSING

    @property
    def is_sharded(self) -> bool:
        """Whether it has samples: one shard with inner chunks of half an hour; else one plain chunk."""
        return self.dims[-1].endswith("_sample")


_NAN = float("nan")
_STAGES = {-1: "unscored", 0: "W", 1: "N1", 2: "N2", 3: "N3", 4: "REM"}
_IN_BED = {-1: "unknown", 0: "out_of_bed", 1: "in_bed"}
_QUALITY = {flag.value: (flag.name or "").lower() for flag in QualityFlag}
_NN = {-1: "no_interval", 0: "other_interval", 1: "normal_to_normal"}
_BEATS = {kind.value: kind.name.lower() for kind in BeatType}
_VALID = {0: "doubtful", 1: "valid"}
_OBSTRUCTED = {0: "breath", 1: "obstructed_effort"}
_RULES = {3: "three_percent", 4: "four_percent"}

# Everything but the channels. The fill of quality sets every bit: a lost chunk is never "nothing wrong".
ARRAYS: Mapping[str, ArraySpec] = MappingProxyType(
    {
        "channel": ArraySpec(("channel",), "string", "", None, "canonical channel"),
        "epoch_start_s": ArraySpec(("epoch",), "float64", _NAN, "s", "start of the epoch from the grid's origin"),
        "stage": ArraySpec(("epoch",), "int8", -1, "1", "sleep stage (AASM)", "required", _STAGES),
        "stage_source": ArraySpec(("epoch",), "int8", -1, "1", "sleep stage as the scorer coded it", "optional"),
        "in_bed": ArraySpec(("epoch",), "int8", -1, "1", "between lights off and lights on", "required", _IN_BED),
        "usable_fraction": ArraySpec(
            ("epoch", "channel"), "float32", _NAN, "1", "fraction of the epoch that is usable"
        ),
        "quality": ArraySpec(
            ("epoch", "channel"), "uint16", 65535, "1", "why samples are missing or doubtful", "required", _QUALITY
        ),
        "event_onset_s": ArraySpec(("event",), "float64", _NAN, "s", "onset of the event from the grid's origin"),
        "event_duration_s": ArraySpec(("event",), "float64", _NAN, "s", "duration of the event"),
        "event_type": ArraySpec(("event",), "int16", -1, "1", "type of the event", "required"),
        "event_channel": ArraySpec(("event",), "int16", -1, "1", "channel the event was scored on", "required"),
        "event_term": ArraySpec(("event",), "int16", -1, "1", "source term of the event", "required"),
        "nn_valid": ArraySpec(
            ("epoch", "slow_sample"), "int8", -1, "1", "interval between two normal beats", "required", _NN
        ),
        "beat_time_s": ArraySpec(("beat",), "float64", _NAN, "s", "instant of the beat from the grid's origin"),
        "beat_type": ArraySpec(("beat",), "int8", -1, "1", "type of the beat", "required", _BEATS),
        "beat_valid": ArraySpec(("beat",), "int8", -1, "1", "whether the beat can be trusted", "required", _VALID),
        "breath_time_s": ArraySpec(("breath",), "float64", _NAN, "s", "inspiration begins, from the grid's origin"),
        "breath_valid": ArraySpec(
            ("breath",), "int8", -1, "1", "whether the breath can be trusted", "required", _VALID
        ),
        "breath_obstructed": ArraySpec(
            ("breath",), "int8", -1, "1", "effort against a closed throat", "required", _OBSTRUCTED
        ),
        "resp_phase_deg": ArraySpec(("epoch",), "float32", _NAN, "degree", "phase of rib cage before abdomen"),
        "desaturation_rule_percent": ArraySpec(
            ("desaturation",), "int8", -1, "%", "least fall of the rule", "required", _RULES
        ),
        "desaturation_onset_s": ArraySpec(
            ("desaturation",), "float64", _NAN, "s", "onset of the desaturation from the grid's origin"
        ),
        "desaturation_nadir_s": ArraySpec(
            ("desaturation",), "float64", _NAN, "s", "first instant of the nadir from the grid's origin"
        ),
        "desaturation_end_s": ArraySpec(
            ("desaturation",), "float64", _NAN, "s", "end of the desaturation from the grid's origin"
        ),
        "desaturation_baseline_percent": ArraySpec(
            ("desaturation",), "float32", _NAN, "%", "saturation before the desaturation"
        ),
        "desaturation_nadir_percent": ArraySpec(("desaturation",), "float32", _NAN, "%", "lowest saturation"),
    }
)

_THERAPY = {-1: "unknown", 0: "off", 1: "on"}

# What a night has where it was scored more than once, the first scorer's stages being ``stage``; and where a signal
# tells airway pressure.
OPTIONAL_ARRAYS: Mapping[str, ArraySpec] = MappingProxyType(
    {
        f"stage_scorer{n}": ArraySpec(("epoch",), "int8", -1, "1", f"sleep stage, scorer {n}", "required", _STAGES)
        for n in range(2, MAX_SCORERS + 1)
    }
    | {"therapy": ArraySpec(("epoch",), "int8", -1, "1", "positive airway pressure", "required", _THERAPY)}
)

DERIVED = "derived"  # resampler of the channels that are computed from other channels

# What these have beside the attributes of every channel.
DERIVED_ATTRIBUTES: Mapping[str, tuple[type, ...]] = MappingProxyType({"derived_from": (list,), "method": (str,)})

# Attributes of every channel, with the types that JSON may give them; None is an empty band edge.
CHANNEL_ATTRIBUTES: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {
        "kind": (str,),
        "modality": (str,),
        "primary": (int,),
        "source_label": (str,),
        "source_rate_hz": (int, float),
        "reference": (str, type(None)),
        "band_low_hz": (int, float, type(None)),
        "band_high_hz": (int, float, type(None)),
        "resampler": (str,),
        "polarity": (str,),
        "unit_factor": (int, float),
        "units": (str,),
        "long_name": (str,),
        "n_saturated": (int,),
    }
)

# Attributes that an EEG or EOG channel has where the night tells enough; those that are maps hold one number for
# every other channel.
POLARITY_EVIDENCE: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {
        "polarity_stages": (str,),
        "polarity_n_sleep_epoch": (int,),
        "polarity_slow_wave_asymmetry": (int, float),
        "polarity_sleep_correlation": (dict,),
        "polarity_n_eye_epoch": (int,),
        "polarity_eye_correlation": (dict,),
    }
)

ROOT_ATTRIBUTES: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {
        "Conventions": (str,),
        "title": (str,),
        "spec": (str,),
        "spec_version": (int,),
        "cohort": (str,),
        "recording": (str,),
        "subject": (str,),
        "visit": (str,),
        "site": (str, type(None)),
        "age_years": (int, float, type(None)),
        "sex": (str,),
        "study_type": (str,),
        "terms": (dict,),
        "stage_scheme": (str,),
        "grid_offset_s": (int, float),
        "clock_start_s": (int, float, type(None)),
        "event_scored": (dict,),
        "manifest": (dict,),
        "sources": (list,),
        "versions": (dict,),
        "findings": (list,),
        "processing": (dict, list),
        "fingerprint": (str,),
        "files": (dict,),
        "self_digest": (str,),
    }
)


def channel_kind(channel: str) -> KindSpec:
    """Return what a canonical channel's kind fixes.

    Raises
    ------
    KeyError
        When the name is not canonical.
    """
    return KINDS[kind_of_channel(channel)]


def channel_array(channel: str) -> ArraySpec:
    """Return the array that holds a canonical channel: packed int16, or int8 for codes.

    Raises
    ------
    KeyError
        When the name is not canonical.
    """
    kind = channel_kind(channel)
    dims = ("epoch", kind.rate_class.dimension)
    if kind.shape is Shape.CODE:
        return ArraySpec(dims, "int8", -1, kind.unit.value, kind.long_name, "optional")
    return ArraySpec(dims, "int16", MISSING, kind.unit.value, kind.long_name)


def code_meanings(spec: ArraySpec) -> dict[str, list[int] | str]:
    """Return the CF flag attributes of an array whose codes the specification fixes, else nothing.

    Source: CF conventions 1.11, section 3.5.
    """
    if not spec.meanings:
        return {}
    values = "flag_masks" if spec.data_type == "uint16" else "flag_values"
    return {values: list(spec.meanings), "flag_meanings": " ".join(spec.meanings.values())}


def meanings_of(attrs: Mapping[str, Any], codes: str = "flag_values") -> dict[int, str]:
    """Return what the codes of a stored array mean, as its attributes say; ``codes`` may be ``flag_masks``.

    Nothing where the array has none.
    """
    values = np.atleast_1d(attrs.get(codes, ())).tolist()
    return dict(zip(map(int, values), str(attrs.get("flag_meanings", "")).split(), strict=True))


def primary_of(arrays: Iterable[tuple[str, Mapping[str, Any]]], modality: str) -> str | None:
    """Return the channel that stands for a modality, from names and attributes of stored arrays, or None."""
    return next((name for name, a in arrays if a.get("modality") == modality and a.get("primary") == 1), None)

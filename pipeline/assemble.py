"""Put channels, stages and events into one Dataset: the recording as `docs/store-spec.md` describes it."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pipeline.derive.resample import RESAMPLER
from pipeline.derived.channel import DerivedChannel
from pipeline.process import Channel
from pipeline.quality.polarity import polarity_attributes
from pipeline.quality.registry import Checked
from pipeline.scoring.align import Grid
from schemas.event_terms import EVENT_TYPES
from schemas.findings import Finding
from schemas.fingerprint import PROCESSING_VERSION
from schemas.hypnogram import EventTable
from schemas.kinds import Shape
from schemas.manifest import CohortManifest
from schemas.recording import RecordingKey, SubjectFields
from schemas.store import ARRAYS, channel_kind
from schemas.vocabulary import EPOCH_S, Scored, StudyType

__all__ = ["assemble"]

_RESAMPLERS = {
    Shape.WAVE: RESAMPLER,
    Shape.STEP: "sample and hold",
    Shape.CODE: "sample and hold of codes",
}


def assemble(
    *,
    key: RecordingKey,
    manifest: CohortManifest,
    study_type: StudyType,
    subject: SubjectFields,
    grid: Grid,
    events: EventTable,
    scored: Mapping[str, Scored],
    checked: Checked,
    therapy: NDArray[np.int8] | None,
    indices: Mapping[str, Any],
    labels: Iterable[str],
    findings: Sequence[Finding],
) -> xr.Dataset:
    """Return the recording as one Dataset.

    Parameters
    ----------
    checked : Checked
        Channels in montage order, what was computed from them, and what is remarkable about them.
    therapy : ndarray, shape (n_epoch,), int8, or None
        From `pipeline.derived.therapy.therapy_of`.
    indices : mapping of str to JSON values
        Root attributes from `pipeline.derived.indices.index_attributes`.
    labels : iterable of str
        Labels of the file; an event's channel is kept only where it is one of them.

    Returns
    -------
    xr.Dataset
        Channels float32 ``(epoch, <class>_sample)`` with NaN where missing, codes int8 with -1; stages, events,
        quality; the attributes of the store specification.
    """
    channels, derived = checked.channels, checked.derived
    evidence = polarity_attributes(channels, grid.stage)
    variables: dict[str, Any] = {c.plan.channel: _channel(c, evidence.get(c.plan.channel, {})) for c in channels}
    variables |= {c.channel: _derived_channel(c) for c in derived.channels}
    for name, measured in checked.measures.items():
        if name is not None:
            variables[name][2]["quality_measures"] = dict(measured)
    names = np.array(list(variables), dtype=object)
    variables |= {name: (ARRAYS[name].dims, table) for name, table in derived.tables.items()}
    variables |= {} if therapy is None else {"therapy": ("epoch", therapy)}
    variables |= _stages(grid) | _quality([*channels, *derived.channels]) | _events(events, set(labels))
    coords = {
        "epoch_start_s": ("epoch", np.arange(grid.n_epoch, dtype=np.float64) * EPOCH_S),
        "channel": ("channel", names),
    }
    attrs = {
        "cohort": key.cohort,
        "recording": key.name,
        "subject": key.subject,
        "visit": key.visit,
        "site": subject.site or manifest.site,
        "age_years": subject.age_years,
        "age_top_coded": int(subject.age_top_coded),
        "sex": subject.sex,
        "bmi": subject.bmi,
        "family": subject.family,
        "race": subject.race,
        "ethnicity": subject.ethnicity,
        "history": dict(subject.history),
        **indices,
        "study_type": study_type.value,
        "terms": manifest.terms.model_dump(mode="json"),
        "stage_scheme": grid.scheme.value,
        "grid_offset_s": float(grid.offset_s),
        "clock_start_s": grid.clock_start_s,
        "event_scored": {name: value.value for name, value in scored.items()},
        "manifest": manifest.model_dump(mode="json", exclude_defaults=True, exclude={"exclude"}),
        "versions": _versions(),
        "findings": [finding.to_json() for finding in dict.fromkeys(findings)],
        "quality_measures": dict(checked.measures.get(None, {})),
        "quality_limits": dict(checked.limits),
        "processing": {"version": PROCESSING_VERSION, "epoch_s": EPOCH_S},
    }
    return xr.Dataset(variables, coords, attrs)


def _channel(channel: Channel, evidence: Mapping[str, Any]) -> tuple[tuple[str, str], Any, dict[str, Any]]:
    plan = channel.plan
    spec = plan.spec
    attrs: dict[str, Any] = {
        "kind": plan.rule.kind.value,
        "modality": spec.modality.value if spec.modality else "none",
        "primary": int(plan.primary),
        "source_label": plan.source_label,
        "source_rate_hz": float(plan.rate_hz),
        "reference": plan.rule.reference,
        "band_low_hz": plan.band.low_hz if plan.band else None,
        "band_high_hz": plan.band.high_hz if plan.band else None,
        "resampler": _RESAMPLERS[spec.shape],
        "polarity": plan.polarity.value,
        **evidence,
        "unit_factor": plan.leads[0].factor,
        "units": spec.unit.value,
        "long_name": spec.long_name,
    }
    if plan.rule.sensor:
        attrs["sensor"] = plan.rule.sensor
    if spec.is_arbitrary:
        attrs["source_unit"] = plan.source_unit.value
    if spec.shape is Shape.CODE:
        attrs |= _flags(plan.rule.value_meanings)
    return ("epoch", spec.rate_class.dimension), channel.value, attrs


def _derived_channel(channel: DerivedChannel) -> tuple[tuple[str, str], Any, dict[str, Any]]:
    return ("epoch", channel_kind(channel.channel).rate_class.dimension), channel.value, channel.attributes


def _stages(grid: Grid) -> dict[str, Any]:
    return {
        "stage": ("epoch", grid.stage),
        "stage_source": ("epoch", grid.stage_source, _flags(grid.source_codes)),
        "in_bed": ("epoch", grid.in_bed),
        **{f"stage_scorer{number}": ("epoch", stage) for number, stage in grid.other_scorers.items()},
    }


def _quality(channels: Sequence[Channel | DerivedChannel]) -> dict[str, Any]:
    return {
        "usable_fraction": (("epoch", "channel"), np.stack([c.usable for c in channels], axis=1)),
        "quality": (("epoch", "channel"), np.stack([c.flag for c in channels], axis=1)),
    }


def _events(events: EventTable, labels: set[str]) -> dict[str, Any]:
    channel = [name if name in labels else "" for name in events.channel]
    return {
        "event_onset_s": ("event", events.onset_s),
        "event_duration_s": ("event", events.duration_s),
        "event_type": _coded(events.type, {name: kind.code for name, kind in EVENT_TYPES.items()}),
        "event_channel": _coded(channel, _numbered(channel)),
        "event_term": _coded(events.term, _numbered(events.term)),
    }


def _numbered(words: Sequence[str]) -> dict[str, int]:
    """Number words in order; the empty word is 0."""
    return {word: number for number, word in enumerate(["", *sorted(set(words) - {""})])}


def _coded(words: Sequence[str], codes: Mapping[str, int]) -> tuple[str, Any, dict[str, Any]]:
    """Return words as CF flags."""
    values = np.array([codes[word] for word in words], np.int16)
    return "event", values, _flags({code: word for word, code in codes.items()})


def _flags(meanings: Mapping[int, str]) -> dict[str, Any]:
    """CF flag attributes; a meaning is one word, so blanks become underscores and the empty word ``none``."""
    if not meanings:
        return {}
    words = ["_".join(text.split()) or "none" for text in meanings.values()]
    return {"flag_values": [int(code) for code in meanings], "flag_meanings": " ".join(words)}


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("sleep2vec", "numpy", "scipy", "xarray", "zarr")}
    return {"python": platform.python_version(), **packages}

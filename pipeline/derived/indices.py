"""Indices of a night from what is assembled of it, as the store's attributes hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.derive.desaturations import Desaturations
from pipeline.derive.indices import LEAST_SPO2, Index, ScoredNight, night_indices
from pipeline.derive.linking import AROUSAL_LINK_S, DESATURATION_LINK_S, MERGE_S
from pipeline.derived.breathing import DROPS_PERCENT
from pipeline.derived.channel import Tables
from pipeline.process import Channel
from pipeline.scoring.align import Grid
from schemas.findings import Finding, finding
from schemas.hypnogram import EventTable
from schemas.indices import INDICES
from schemas.vocabulary import Modality, Scored

__all__ = ["INDEX_RULES", "compare_indices", "index_attributes", "indices_of"]

# What the values depend on, beside docs/indices.md; kept in every store.
INDEX_RULES: Mapping[str, float | int | str] = {
    "version": 1,
    "counted": "events whose onset lies in sleep; of overlapping apneas and hypopneas one",
    "overlap_s": MERGE_S,
    "desaturation_source": "spo2",
    "desaturation_link_s": DESATURATION_LINK_S,
    "arousal_link_s": AROUSAL_LINK_S,
    "least_known_spo2": LEAST_SPO2,
}


def indices_of(
    grid: Grid, events: EventTable, scored: Mapping[str, Scored], channels: Sequence[Channel], tables: Tables
) -> dict[str, Index]:
    """Return every index of a night.

    Parameters
    ----------
    events : EventTable
        Placed on the grid.
    channels : sequence of Channel
        All channels of the night; ``spo2`` masked as stored.
    tables : dict of str to ndarray
        With the table of desaturations.
    """
    oximeter = next((c for c in channels if c.plan.channel == Modality.SPO2), None)
    return night_indices(
        ScoredNight(
            stage=grid.stage,
            asleep=grid.asleep,
            in_bed=grid.in_bed,
            scheme=grid.scheme,
            onset_s=events.onset_s,
            duration_s=events.duration_s,
            type=np.array(events.type, np.str_),
            scored=scored,
            falls={rule: _falls(tables, rule) for rule in DROPS_PERCENT},
            spo2=None if oximeter is None else oximeter.value.reshape(-1).astype(np.float32, copy=False),
        )
    )


def _falls(tables: Tables, rule: int) -> Desaturations:
    """Return the desaturations of one rule; with the names that it has in the store."""
    own = tables["desaturation_rule_percent"] == rule
    names = Desaturations.__dataclass_fields__
    return Desaturations(**{name: tables[f"desaturation_{name}"][own] for name in names})


def index_attributes(found: Mapping[str, Index], published: Mapping[str, float]) -> dict[str, Any]:
    """Return the root attributes: ``indices``, ``index_rules`` and ``published_indices``.

    An index has its value, unit and, where events are counted, numerator ``n`` and denominator ``hours``; a missing
    one has null and the reason ``why``.
    """
    return {
        "indices": {name: _row(name, index) for name, index in found.items()},
        "index_rules": dict(INDEX_RULES),
        "published_indices": dict(published),
    }


def _row(name: str, index: Index) -> dict[str, Any]:
    row = {"value": index.value, "unit": INDICES[name].unit, "n": index.n, "hours": index.hours, "why": index.why}
    return {key: value for key, value in row.items() if key == "value" or value not in (None, "")}


def compare_indices(found: Mapping[str, Index], published: Mapping[str, float]) -> tuple[Finding, ...]:
    """Remark on indices that are far from the cohort's own number of the same rule."""
    far = []
    for name, theirs in published.items():
        spec, ours = INDICES.get(name), found[name].value if name in found else None
        if spec is None or spec.far is None or ours is None:
            continue
        if abs(ours - theirs) > max(spec.far[0], spec.far[1] * abs(theirs)):
            text = f"{name} is {ours:.1f} {spec.unit}, and {theirs:.1f} in the cohort's own column of the same rule"
            far.append(finding("PSG-M008", text))
    return tuple(far)

"""What was scored in a night and what was found in its oxygen saturation: counts, and indices with their rule.

What was not looked for, or cannot be told, is None and never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.catalog.columns import EVENT_COUNTS, STAGE_COUNTS
from schemas.event_terms import EVENT_TYPES, EventClass
from schemas.indices import INDICES, PUBLISHED_ONLY
from schemas.vocabulary import EPOCH_S, Modality, Scored, Stage, StageScheme

__all__ = ["NIGHT_ARRAYS", "night_facts"]

NIGHT_ARRAYS = (
    *("channel", "usable_fraction", "stage", "in_bed"),
    *("event_type", "desaturation_rule_percent"),
)
_EPOCHS_PER_HOUR = 3600 / EPOCH_S
_SLEEP = (Stage.N1, Stage.N2, Stage.N3, Stage.REM)
_STAGED = (StageScheme.AASM.value, StageScheme.RK.value)

Values = Mapping[str, NDArray[Any]]


def night_facts(attrs: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """Return stages, scored events and desaturations of a night, by the catalog's columns.

    Parameters
    ----------
    attrs : mapping
        The store's attributes.
    values : mapping of str to ndarray
        At least `NIGHT_ARRAYS` of the store; ``event_type`` in the codes of `schemas.event_terms.EVENT_TYPES`.

    Raises
    ------
    KeyError
        When one is missing.
    """
    return _stages(attrs, values) | _events(attrs, values) | _desaturations(values) | _indices(attrs)


def _stages(attrs: Mapping[str, Any], values: Values) -> dict[str, Any]:
    stage, in_bed = values["stage"], values["in_bed"]
    scheme = attrs["stage_scheme"]
    known = in_bed[in_bed >= 0]
    clock_start_s = attrs["clock_start_s"]
    return {
        "n_epoch": len(stage),
        "hours": len(stage) / _EPOCHS_PER_HOUR,
        "clock_start_s": None if clock_start_s is None else float(clock_start_s),
        "stage_scheme": scheme,
        **{name: int((stage == code).sum()) for name, code in STAGE_COUNTS.items()},
        "sleep_hours": int(np.isin(stage, _SLEEP).sum()) / _EPOCHS_PER_HOUR if scheme in _STAGED else None,
        "n_in_bed": int(known.sum()) if known.size else None,
    }


def _events(attrs: Mapping[str, Any], values: Values) -> dict[str, Any]:
    scored = {kind: attrs["event_scored"].get(kind, Scored.NO.value) for kind in EventClass}
    types = values["event_type"]
    row: dict[str, Any] = {f"scored_{kind}": said for kind, said in scored.items()}
    for name, count in EVENT_COUNTS.items():
        looked = scored[count.event_class] != Scored.NO
        row[name] = int(np.isin(types, _codes(count.types)).sum()) if looked else None
    return row


def _codes(types: frozenset[str]) -> list[int]:
    return [EVENT_TYPES[name].code for name in sorted(types)]


def _desaturations(values: Values) -> dict[str, Any]:
    names = [str(name) for name in values["channel"]]
    if Modality.SPO2 not in names:
        return {}
    usable = values["usable_fraction"][:, names.index(Modality.SPO2)]
    hours = float(usable.sum(dtype=np.float64)) / _EPOCHS_PER_HOUR
    row: dict[str, Any] = {}
    for rule in (3, 4):  # per cent, the AASM's two rules
        n = int((values["desaturation_rule_percent"] == rule).sum())
        row |= {
            f"n_desaturation_{rule}_percent": n,
            f"desaturation_{rule}_percent_per_hour": n / hours if hours else None,
        }
    return row


def _indices(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the indices that the store holds; none where it was written before there were any."""
    found, published = attrs.get("indices", {}), attrs.get("published_indices", {})
    return {
        **{name: found.get(name, {}).get("value") for name in INDICES},
        **{f"published_{name}": published.get(name) for name in (*INDICES, *PUBLISHED_ONLY)},
    }

"""The datasets' CSVs: facts about people and nights, written with each cohort's own columns and codes."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.synth.indices import true_ahi
from pipeline.synth.night import Night
from pipeline.synth.noise import stream
from pipeline.synth.recipe import ColumnSpec, Recipe, TableSpec, VisitSpec
from pipeline.synth.traits import Traits
from schemas.vocabulary import EPOCH_S, Stage

__all__ = ["facts_of", "table_text"]

Fact = float | int | str
_TOP_AGE = 90.0  # years; ages above 89 are published as 90


def facts_of(
    recipe: Recipe, visit: VisitSpec, subject: int, traits: Traits, stage: NDArray[np.int8], night: Night
) -> dict[str, Fact]:
    """Return everything that a column may tell about one recording.

    Parameters
    ----------
    stage : ndarray, shape (n_epoch,), int8
        AASM stages, -1 unscored.
    """
    asleep = stage > Stage.W
    sleep_min = float(asleep.sum()) * EPOCH_S / 60.0
    first = int(np.argmax(asleep)) if asleep.any() else stage.size
    hours = max(sleep_min / 60.0, 1e-6)
    events = night.events
    age = traits.age_years
    return {
        "subject_number": recipe.first_subject + subject,
        "subject_id": recipe.subject_id(subject),
        "visit_number": visit.number,
        "visit_name": visit.name,
        "age": min(np.floor(age), _TOP_AGE),
        "age_gt89": "yes" if age >= _TOP_AGE else "no",
        "sex": traits.sex,
        "race": traits.race,
        "ethnicity": "hispanic" if traits.race == "hispanic" else "not hispanic",
        "site": str(traits.site.code),
        "bmi": traits.bmi,
        "hypertension": "yes" if traits.hypertension else "no",
        "smoker": "yes" if traits.smoker else "no",
        "af": "yes" if traits.af_burden else "no",
        "systolic_mmhg": 118.0 + 0.3 * (age - 50.0) + (16.0 if traits.hypertension else 0.0),
        "diastolic_mmhg": 74.0 + (6.0 if traits.hypertension else 0.0),
        **true_ahi(events, asleep, offset_s=night.offset_s, spo2_lag_s=traits.spo2_lag_s),
        "desaturations_per_h": events.of("desaturation").n_event / hours,
        "arousals_per_h": events.of("arousal").n_event / hours,
        "in_bed_min": stage.size * EPOCH_S / 60.0,
        "sleep_min": sleep_min,
        "latency_min": first * EPOCH_S / 60.0,
        "waso_min": float((stage[first:] == Stage.W).sum()) * EPOCH_S / 60.0,
        **{
            f"{s.name.lower()}_percent": 100.0 * float((stage == s).sum()) / max(1, int(asleep.sum()))
            for s in Stage
        },
        "full_scoring": "full scoring",
        "quality": 6,
    }


def table_text(recipe: Recipe, table: TableSpec, rows: Sequence[Mapping[str, Fact]], seed: int) -> str:
    """Return one CSV; ``rows`` are the facts of the recordings in the order of their visits and people."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    for facts in rows:
        if facts["visit_name"] not in table.visits:
            continue
        missing = stream(seed, recipe.name, table.path, facts["subject_id"], facts["visit_name"]).random(
            len(table.columns)
        )
        cells = zip(table.columns.values(), missing, strict=True)
        writer.writerow(["" if drawn < column.missing else _cell(column, facts) for column, drawn in cells])
    return out.getvalue()


def _cell(column: ColumnSpec, facts: Mapping[str, Fact]) -> str:
    value = facts[column.fact]
    if column.codes:
        return str(column.codes[str(value)])
    return f"{value:.{column.decimals}f}" if isinstance(value, float) else str(value)

"""Epochs with airway pressure, from the pressure alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from pipeline.derived.therapy import therapy_findings, therapy_of
from pipeline.process import Channel
from schemas.kinds import Kind
from schemas.vocabulary import StudyType


def channel(kind: Kind, value: Any) -> Channel:
    """Return a channel as far as therapy looks at it."""
    plan = SimpleNamespace(rule=SimpleNamespace(kind=kind))
    return cast(Channel, SimpleNamespace(plan=plan, value=np.asarray(value, np.float32)))


def test_pressure_makes_therapy() -> None:
    """On from 3 cmH2O for half of the known samples; unknown where less than half of the epoch is known."""
    nan = np.nan
    pressure = [[0.1] * 4, [3] * 4, [8, 8, 0, 0], [8, 0, 0, 0], [nan, nan, 9, 9], [nan, nan, nan, 9], [2.9] * 4]
    found = therapy_of([channel(Kind.SPO2, np.full((7, 4), 97)), channel(Kind.PAP_PRESSURE, pressure)])
    assert found is not None
    assert found.tolist() == [0, 1, 1, 0, 1, -1, 0]


def test_without_a_sensor_nothing_is_said() -> None:
    """No channel of pressure: no array, which is not the same as no treatment."""
    assert therapy_of([channel(Kind.SPO2, np.full((2, 4), 97))]) is None


@pytest.mark.parametrize(
    ("therapy", "study_type", "n"),
    [
        ([0, 1, 1, 0], StudyType.DIAGNOSTIC, 1),
        ([0, 0, -1, 0], StudyType.DIAGNOSTIC, 0),
        ([0, 1, 1, 0], StudyType.SPLIT, 0),
        (None, StudyType.DIAGNOSTIC, 0),
    ],
)
def test_treatment_in_a_diagnostic_night_is_remarked(
    therapy: list[int] | None, study_type: StudyType, n: int
) -> None:
    """A split night that is called diagnostic is named with its epochs."""
    found = therapy_findings(None if therapy is None else np.array(therapy, np.int8), study_type)
    assert [(f.code, f.epochs) for f in found] == [("PSG-A030", ((1, 3),))] * n

"""Checks of the oximeter: readings that stand still or are too low."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.quality import QualityFlag
from tests.quality_views import channel, marks, measured, remarks, view

N = 120  # epochs


def saturation(steady_epochs: int) -> np.ndarray:
    """A reading that changes every half minute, but for some epochs from the tenth on."""
    value = np.repeat(95.0 + np.arange(N) % 2, 120)
    value[10 * 120 : (10 + steady_epochs) * 120] = 97.0
    return value


@pytest.mark.parametrize(("steady_epochs", "n_stuck"), [(80, 0), (100, 100)])
def test_a_reading_that_stands_is_marked(steady_epochs: int, n_stuck: int) -> None:
    """Forty minutes may be; fifty are the instrument's."""
    night = view(channel("spo2", saturation(steady_epochs)))
    assert measured(night, "spo2_stuck")["spo2_steady_s", None] == steady_epochs * 30
    assert [(m.flag, int(m.epochs.sum())) for m in marks(night, "spo2_stuck")] == (
        [(QualityFlag.STUCK, n_stuck)] if n_stuck else []
    )
    assert len(remarks(night, "spo2_stuck")) == bool(n_stuck)


def test_missing_readings_end_a_run() -> None:
    """What is not there stands for nothing."""
    value = saturation(100)
    value[60 * 120] = np.nan
    assert remarks(view(channel("spo2", value)), "spo2_stuck") == []


@pytest.mark.parametrize(("limit", "n_remark"), [(None, 1), (70.0, 0)])
def test_the_median_has_a_limit(limit: float | None, n_remark: int) -> None:
    """Three quarters of saturation all night are a wrong scale, unless the cohort says otherwise."""
    night = view(channel("spo2", np.full(N * 120, 75.0)))
    assert len(remarks(night, "spo2_low", limit)) == n_remark

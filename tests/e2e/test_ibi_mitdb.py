"""Intervals, NN and ectopic beats of real ECG against experts' annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.ibi_mitdb import score_records


@pytest.fixture(scope="module")
def figures(data_root: Path) -> dict[str, Any]:
    return score_records(data_root / "mitdb")


@pytest.mark.system
def test_valid_intervals_are_between_neighbouring_beats(figures: dict[str, Any]) -> None:
    """Hardly any valid sample spans a missed beat or ends at noise, and most of the records are covered."""
    assert figures["all"]["wrong_percent"] <= 0.1
    assert figures["all"]["coverage"] >= 0.85


@pytest.mark.system
def test_intervals_are_nearer_to_the_annotated_ones_than_those_of_another_detector(figures: dict[str, Any]) -> None:
    """More than 20 ms off: less than half as many as of one that judges nothing."""
    assert figures["all"]["off_percent"] <= 0.5 * figures["all"]["sleepecg_off_percent"]


@pytest.mark.system
def test_ectopic_and_normal_beats(figures: dict[str, Any]) -> None:
    """What is called ectopic or NN is, in 9 of 10; of the ectopic beats that are trusted, most are called so."""
    found = figures["all"]
    assert found["ectopic_ppv"] >= 0.88
    assert found["ectopic_sensitivity_trusted"] >= 0.8
    assert found["nn_ppv"] >= 0.95
    assert found["nn_sensitivity"] >= 0.85

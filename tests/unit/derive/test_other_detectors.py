"""Detectors of other projects, behind one door."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import sleepecg

from benchmarks.beats import match
from benchmarks.ibi_conditions import make_case
from pipeline.derive.other_detectors import OTHER_DETECTORS, detect_with
from schemas.errors import SignalError


def test_sleepecg_gives_its_beats_in_seconds() -> None:
    """What the package returns, over the rate."""
    ecg, rate_hz = sleepecg.get_toy_ecg()
    expected = sleepecg.detect_heartbeats(ecg, rate_hz) / rate_hz
    np.testing.assert_array_equal(detect_with("sleepecg", ecg, rate_hz), expected)


@pytest.mark.parametrize("name", sorted(OTHER_DETECTORS))
def test_each_finds_the_beats_of_a_clean_lead(name: str) -> None:
    """Within 50 ms all but the first and last few, and no others."""
    case = make_case("clean", 128, seed=3, hours=0.05)
    found_s = detect_with(name, case.ecg, 128)
    score = match(case.beats.time_s, found_s, 0.05)
    assert score.false <= 1
    assert score.missed <= 3


def test_missing_samples_are_filled_for_them() -> None:
    """A gap costs the beats within it, not all."""
    ecg, rate_hz = sleepecg.get_toy_ecg()
    broken = ecg.copy()
    broken[: 10 * rate_hz] = np.nan
    found_s = detect_with("sleepecg", broken, rate_hz)
    whole_s = detect_with("sleepecg", ecg, rate_hz)
    assert np.isin(whole_s[whole_s > 20], found_s).mean() > 0.99


def test_nothing_at_all_gives_no_beats() -> None:
    """A lead without a sample is no error."""
    assert detect_with("sleepecg", np.full(1000, np.nan), 100.0).size == 0


def test_unknown_detector() -> None:
    """The error names those there are."""
    with pytest.raises(SignalError, match="expected neurokit2, sleepecg"):
        detect_with("eyes", np.zeros(1000), 100.0)


def test_detector_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "neurokit2", None)
    with pytest.raises(SignalError, match="pip install neurokit2"):
        detect_with("neurokit2", np.zeros(1000), 100.0)

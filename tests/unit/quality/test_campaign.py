"""The campaign of the checks, with one night and some of its faults."""

from __future__ import annotations

import pytest

from benchmarks.checks import GROUPS, night
from benchmarks.checks_campaign import shares
from pipeline.synth.faults_sensors import SENSOR_FAULTS
from schemas.checks import CHECKS


def test_faults_are_found_and_nothing_else() -> None:
    """One night: no alarm as it is, every one of five faults found when they are planted."""
    found = night(7, 0.5, GROUPS[:1])
    assert [check for check, alarm in found["alarms"].items() if alarm] == []
    assert found["found"] == dict.fromkeys(GROUPS[0], True)
    assert list(found["alarms"]) == list(CHECKS)


def test_every_fault_is_planted_once() -> None:
    """The groups are a partition of the faults."""
    assert sorted(fault for group in GROUPS for fault in group) == sorted(SENSOR_FAULTS)


def test_shares_are_counted() -> None:
    """Faults over the broken nights, alarms over all of them."""
    nights = [
        {"alarms": {"a": False, "b": True}, "found": {"a": True, "b": False}},
        {"alarms": {"a": False, "b": False}, "found": {"a": True, "b": True}},
        {"alarms": {"a": True, "b": True}, "found": {}},
        {"alarms": {"a": False, "b": False}, "found": {}},
    ]
    found = shares(nights)
    assert (found["n_broken"], found["n_clean"]) == (2, 4)
    assert found["detected"] == {"a": 1.0, "b": 0.5}
    assert found["false_alarm"] == {"a": 0.25, "b": 0.5}
    assert (found["least_detected"], found["most_false_alarms"]) == (0.5, 0.5)
    assert found["any_false_alarm"] == pytest.approx(0.5)

"""The table of checks: complete, stable, and what comes of what they say."""

from __future__ import annotations

import re

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.quality.registry import CHECK_FUNCTIONS, check_night
from pipeline.synth.faults_sensors import SENSOR_FAULTS
from schemas.checks import CHECKS, limits_of
from schemas.findings import FINDINGS
from schemas.manifest import CohortManifest
from schemas.quality import QualityFlag
from tests.quality_views import N, Raw, channel, derived, view
from tests.stub_cohort import MANIFEST

CODES = {
    "flat": "PSG-S011",
    "range_end": "PSG-Q001",
    "dropped_out": "PSG-Q002",
    "wrong_range": "PSG-Q003",
    "unit_factor": "PSG-Q004",
    "ecg_inverted": "PSG-Q005",
    "mains": "PSG-Q006",
    "belt_inverted": "PSG-Q007",
    "duplicated": "PSG-Q008",
    "mislabelled": "PSG-Q009",
    "emg_envelope": "PSG-Q010",
    "pulse_differs": "PSG-Q011",
    "flow_differs": "PSG-Q012",
    "spo2_stuck": "PSG-Q013",
    "spo2_low": "PSG-Q014",
    "clock_drift": "PSG-Q015",
    "hypnogram_shifted": "PSG-Q016",
    "one_stage": "PSG-Q017",
    "events_in_wake": "PSG-Q018",
    "beat_coverage": "PSG-Q019",
    "breath_coverage": "PSG-Q020",
}


def test_codes_are_stable() -> None:
    """Checks may be added; a code keeps its meaning."""
    assert {name: CHECKS[name].code for name in CODES} == CODES


def test_every_check_has_a_function_a_fault_and_a_source() -> None:
    """A row of the table is a check that runs, and a fault that shows it."""
    assert list(CHECK_FUNCTIONS) == list(CHECKS)
    assert set(CHECKS) <= set(SENSOR_FAULTS)
    assert {name for name in CHECKS if SENSOR_FAULTS[name].finding != CHECKS[name].code} == set()
    assert [name for name, spec in CHECKS.items() if len(spec.source) < 3] == []
    assert {code for code in FINDINGS if re.match("PSG-Q", code)} <= {spec.code for spec in CHECKS.values()}


def test_a_manifest_sets_limits_with_a_reason() -> None:
    """The cohort's limit is taken, the others stay; no reason and no such check are errors."""
    rule = {"limit": 70.0, "reason": "the clinic lies high up"}
    manifest = CohortManifest.model_validate({**MANIFEST, "quality": {"spo2_low": rule}})
    plain = limits_of({})
    assert plain == {name: spec.limit for name, spec in CHECKS.items()}
    assert limits_of(manifest.quality) == {**plain, "spo2_low": 70.0}
    for wrong in ({"spo2_low": {"limit": 70.0}}, {"no_such_check": rule}):
        with pytest.raises(ValidationError):
            CohortManifest.model_validate({**MANIFEST, "quality": wrong})


def test_bits_measures_and_findings_reach_the_night() -> None:
    """A sensor that fades is flagged and not usable there; pulse and heart that differ stay usable."""
    wave = 20 * np.sin(np.arange(N * 3840))
    wave[10 * 3840 : 20 * 3840] *= 0.001
    eeg = channel("eeg_c4_m1", wave, flag=[QualityFlag.CLIPPED] * N)
    pulse_rate, ibi = channel("pulse_rate", np.full(N * 120, 90.0)), derived("ibi", np.ones(N * 120), "ecg")
    night = view(eeg, pulse_rate, of=[ibi], raw=[Raw(wave, 128)])
    checked = check_night(night, limits_of({}))
    faded, pulse = checked.channels
    gone = np.arange(N)[10:20]
    assert np.flatnonzero(faded.usable == 0).tolist() == gone.tolist()
    assert set(faded.flag[gone]) == {QualityFlag.CLIPPED | QualityFlag.DROPPED_OUT}
    assert set(faded.flag[20:]) == {QualityFlag.CLIPPED}
    assert set(pulse.flag) == set(checked.derived.channels[0].flag) == {QualityFlag.CONTRADICTED}
    assert pulse.usable.all()
    assert [(f.code, f.channel, f.epochs) for f in checked.findings] == [
        ("PSG-Q002", "eeg_c4_m1", ((10, 20),)),
        ("PSG-Q011", "pulse_rate", ((0, N),)),
    ]
    assert checked.measures["eeg_c4_m1"]["amplitude"] == pytest.approx(14.14, abs=0.01)
    assert checked.measures[None]["pulse_difference_bpm"] == 30.0
    assert eeg.flag.tolist() == [QualityFlag.CLIPPED] * N


def test_short_nights_are_not_judged() -> None:
    """Nine minutes of anything decide nothing."""
    short = 18
    night = view(
        channel("eeg_c4_m1", np.full(short * 3840, 1e4)),
        channel("spo2", np.full(short * 120, 50.0)),
        raw=[Raw(np.zeros(short * 3840), 128)],
    )
    assert check_night(night, limits_of({})).findings == ()

"""Labels that mean one thing here and another there, over all cohorts with NSRR annotations."""

from __future__ import annotations

import pytest

from pipeline.manifests.load import load_manifest
from schemas.kinds import Kind
from schemas.manifest import CohortManifest
from schemas.montage import ChannelRule

COHORTS = ("shhs", "mesa", "mros", "cfs", "hchs", "chat")


def _rules(manifest: CohortManifest, label: str) -> list[ChannelRule]:
    return [r for r in manifest.montage if label in {choice.label for choice in r.choices}]


@pytest.mark.parametrize(
    ("cohort", "label", "channel", "sensor"),
    [
        ("shhs", "AIRFLOW", "airflow", "thermistor"),
        ("shhs", "NEW AIR", "airflow", "thermistor"),
        ("mesa", "Flow", "nasal_pressure", "cannula"),
        ("mesa", "Aux_AC", "airflow", "thermistor"),
        ("mros", "Airflow", "airflow", "thermistor"),
        ("mros", "Cannula Flow", "nasal_pressure", "cannula"),
        ("cfs", "AIRFLOW", "airflow", "thermistor"),
        ("cfs", "NASAL PRES", "nasal_pressure", "cannula"),
        ("hchs", "A-Flow", "nasal_pressure", "cannula"),
        ("chat", "Airflow", "airflow", "Dymedix"),
        ("chat", "CannulaFlow", "nasal_pressure", "cannula"),
    ],
)
def test_flow_is_the_sensor_that_the_cohort_documents(cohort: str, label: str, channel: str, sensor: str) -> None:
    """One word for flow is a thermistor in one study and a cannula in the next."""
    rules = _rules(load_manifest(cohort), label)
    assert {rule.channel.removesuffix("_wave") for rule in rules} == {channel}
    assert all(sensor in str(rule.sensor) for rule in rules)


@pytest.mark.parametrize(
    ("cohort", "meaning"),
    [("shhs", None), ("mesa", "hypopnea"), ("mros", "hypopnea"), ("cfs", "hypopnea"), ("chat", "mixed_apnea")],
)
def test_unsure_means_what_the_cohort_says(cohort: str, meaning: str | None) -> None:
    """Unsure never means doubt; where nobody documents it, it is not mapped."""
    for rule in load_manifest(cohort).annotations:
        assert [rule.events.get(term) for term in ("Unsure|Unsure", "Unsure")] == [meaning, meaning]


@pytest.mark.parametrize("cohort", COHORTS)
def test_status_is_never_a_signal(cohort: str) -> None:
    """What tells of a sensor's state masks or is kept as codes."""
    rules = load_manifest(cohort).montage
    told = [r for r in rules for c in r.choices if c.label.endswith("_Off") or "STAT" in c.label.upper()]
    assert {rule.kind for rule in told} <= {Kind.STATUS}


@pytest.mark.parametrize("cohort", COHORTS)
def test_what_the_header_does_not_say_has_a_source(cohort: str) -> None:
    """Whatever is turned, masked, excluded or strange says where that is known from."""
    manifest = load_manifest(cohort)
    assert manifest.known_quirks
    assert all(len(quirk.source) > 5 for quirk in manifest.known_quirks)
    eeg_unit = [r.unit_when_blank for r in manifest.montage if r.kind in (Kind.EEG, Kind.EOG, Kind.EMG, Kind.ECG)]
    assert set(eeg_unit) <= {None}


@pytest.mark.parametrize("cohort", ["mros", "cfs", "chat"])
def test_leads_against_fpz_are_never_taken_alone(cohort: str) -> None:
    """Where electrodes share a reference, each EEG and EOG is a difference, or was shipped as one."""
    for rule in load_manifest(cohort).montage:
        if rule.kind in (Kind.EEG, Kind.EOG):
            assert rule.derivation is not None
            assert all("-" in choice.label for choice in rule.labels)

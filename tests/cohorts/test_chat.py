"""CHAT: nights of children at baseline, at follow-up and not randomised, with labels as each site typed them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.cohort import find_recordings
from pipeline.manifests.load import load_manifest
from tests.cohorts.build import (
    Cohort,
    Download,
    Night,
    Sig,
    Truth,
    breath,
    channels,
    held,
    wave,
    write_nights,
    write_table,
)


def _leads(**size: float) -> list[Sig]:
    return [wave(label, 200, "uV", value, physical=(-500, 500)) for label, value in size.items()]


def _breathing(airflow: str, cannula: str, chest: str, total: str) -> list[Sig]:
    return [
        breath(airflow, 32, "", 0.3, physical=(-1, 1)),
        breath(cannula, 128, "", 0.7, physical=(-1, 1)),
        breath(chest, 32, "", 0.5, physical=(-1, 1)),
        breath("ABD", 32, "", 0.4, physical=(-1, 1)),
        breath(total, 32, "", 0.6, physical=(-1, 1)),
    ]


def _paths(folder: str, stem: str) -> tuple[str, str]:
    return (
        f"polysomnography/edfs/{folder}/{stem}.edf",
        f"polysomnography/annotations-events-nsrr/{folder}/{stem}-nsrr.xml",
    )


NIGHTS = {
    "chat-baseline-300001": Night(  # spellings, a range that ends at zero, a pulse in millibar, 101 per cent
        *_paths("baseline", "chat-baseline-300001"),
        [
            *_leads(E1=90, E2=70, F3=65, F4=75, C3=50, C4=80, T3=45, T4=55, O1=35, O2=45, M1=20, m2=10),
            *_leads(LCHIN=40, Rchiin=15, cchin=10, RLEG1=60, Rleg2=20, lleg1=70, LLeg2=20),
            wave("ECG", 200, "mV", 0.0, physical=(0, 0)),
            wave("ECG1", 200, "mV", 0.9, physical=(-5, 5)),
            wave("ECg2", 200, "mV", 0.2, physical=(-5, 5)),
            wave("ECG3", 200, "mV", 0.3, physical=(-5, 5)),
            *_breathing("Airlfow", "CannnulaFlow", "CHEST", "Sum"),
            wave("SNORE 2", 200, "", 0.0, physical=(-1, 0)),
            held("SAO2ninon", 10, "%", 101, physical=(0, 110)),
            held("Pluse", 10, "mbar", 88, physical=(0, 250)),
            wave("PlethMasino", 50, "", 0.9),
            held("Postition", 1, "", 3, physical=(0, 5)),
        ],
        [0, 1, 2, 3, 5],
        [("Unsure|Unsure", 40, 12), ("Hypopnea|Hypopnea", 80, 11), ("Obstructive Apnea", 100, 9)],
        Truth(
            [0, 1, 2, 3, 4],
            [("mixed_apnea", 40, 12), ("hypopnea", 80, 11), ("obstructive_apnea", 100, 9)],
            {
                "eeg_c4_m1": 60,
                "eeg_c3_m2": 40,
                "eeg_f4_m1": 55,
                "eeg_f3_m2": 55,
                "eeg_o2_m1": 25,
                "eeg_o1_m2": 25,
                "eeg_t4_m1": 35,
                "eeg_t3_m2": 35,
                "eog_l": 80,
                "eog_r": 60,
                "emg_chin": 30,
                "emg_leg_l": 50,
                "emg_leg_r": 40,
                "ecg": 0.6,
                "ecg_2": 0.7,
                "airflow": 0.3,
                "nasal_pressure": 0.7,
                "thor": 0.5,
                "abdo": 0.4,
                "effort_sum": 0.6,
            },
            {"spo2": 100, "pulse_rate": 88},
            source={"emg_chin": "LCHIN - cchin", "ecg": "ECG1 - ECG3", "eeg_c3_m2": "C3 - m2"},
            absent=["position"],
            subject={"subject": "300001", "visit": "baseline", "age_years": 6.5, "sex": "female", "bmi": 17.1},
            findings=["PSG-C011", "PSG-C014", "PSG-H003", "PSG-S006"],
        ),
    ),
    "chat-followup-300001": Night(  # the same child; derivations ready made
        *_paths("followup", "chat-followup-300001"),
        [
            *(wave(label, 200, "uV", 60) for label in ("C3-A2", "C4-A1", "F3-A2", "F4-A1", "O1-A2", "O2-A1")),
            wave("LChin-Rchin", 200, "uV", 30),
            wave("EKG", 200, "mV", 0.8),
            *_breathing("AIR", "CannulaFow", "Chest", "SUM"),
            held("Sa02masimo", 10, "%", 96, physical=(0, 110)),
        ],
        [0, 2, 3, 5, 0],
        [],
        Truth(
            [0, 2, 3, 4, 0],
            amplitude={"eeg_c4_m1": 60, "eeg_o1_m2": 60, "emg_chin": 30, "ecg": 0.8, "nasal_pressure": 0.7},
            level={"spo2": 96},
            source={"eeg_c4_m1": "C4-A1", "emg_chin": "LChin-Rchin"},
            absent=["eog_l", "eeg_t3_m2"],
            subject={"subject": "300001", "visit": "followup", "age_years": 7.1, "sex": "female", "bmi": 17.9},
        ),
    ),
    "chat-baseline-nonrandomized-300003": Night(  # a chin without a centre
        *_paths("nonrandomized", "chat-baseline-nonrandomized-300003"),
        [
            *_leads(C3=50, C4=80, M1=20, M2=10, LChin=40, RChin=15),
            *_breathing("Airflow1", "CANNULAFLOW", "Chest", "SUM"),
            held("SaO2Nellcor", 10, "", 95, physical=(0, 110)),
        ],
        [0, 2, 3, 5, 9],
        [],
        Truth(
            [0, 2, 3, 4, -1],
            amplitude={"eeg_c4_m1": 60, "emg_chin": 25},
            level={"spo2": 95},
            source={"emg_chin": "LChin - RChin"},
            subject={"subject": "300003", "visit": "nonrandomized", "age_years": 8.0, "sex": "male"},
        ),
    ),
}


def download(folder: Path) -> None:
    """A download of two children's three nights, each visit with its own columns for age and sex."""
    write_nights(folder, NIGHTS.values())
    harmonised = [
        {
            "nsrrid": 300001,
            "vnum": 3,
            "nsrr_age": 6.5,
            "nsrr_sex": "female",
            "nsrr_race": "multiple",
            "nsrr_bmi": 17.1,
        },
        {"nsrrid": 300001, "vnum": 10, "nsrr_age": 7.1, "nsrr_sex": "female", "nsrr_ahi_hp3u": 0.5},
    ]
    baseline = [{"nsrrid": 300001, "ageyear_at_meas": 6.4, "male": 0, "ref4": 6, "med1c1": 1, "med1h1": 88}]
    baseline[0]["clusterid"] = 57
    followup = [{"nsrrid": 300001, "ageyear_at_meas": 7.0, "male": 0, "ref4": 6, "ant5": 17.9}]
    others = [{"nsrrid": 300003, "age_nr": 8.0, "ref9": 1, "ref4": 98, "ahi_a0h3a": 4.0}]
    for name, rows in {
        "chat-harmonized-dataset-0.14.0": harmonised,
        "chat-baseline-dataset-0.14.0": baseline,
        "chat-followup-dataset-0.14.0": followup,
        "chat-nonrandomized-dataset-0.14.0": others,
    }.items():
        write_table(folder / f"datasets/{name}.csv", rows)


COHORT = Cohort("chat", download, {name: night.truth for name, night in NIGHTS.items()})


def test_more_than_100_per_cent_is_never_stored(stores: Download) -> None:
    """The recorder's 101 is 100, with a remark."""
    assert np.nanmax(stores["chat-baseline-300001"]["spo2"].values) == 100


def test_people(root: Path) -> None:
    """Sex is 0 or 1 in one column and 1 or 2 in another; who is not sure is unknown."""
    people = {s.key.name: s.subject for s in find_recordings(load_manifest("chat"), root)}
    first, later, other = (people[name] for name in NIGHTS)
    assert [p.race for p in (first, later, other)] == ["multiple", "multiple", "unknown"]
    assert (first.site, first.history["asthma"]) == ("57", "yes")
    assert first.history.get("depression", "unknown") == "unknown"
    assert (later.indices, other.indices) == ({"ahi_hp3u": 0.5}, {"ahi_hp3r_aasm07": 4.0})


# Spellings seen in files: montage page, union of labels of another reader, annotations of the NSRR.
SPELLINGS = {
    "airflow": "Airflow AIR AIRFLOW Airlfow Airflow1",
    "nasal_pressure": "CannulaFlow CANNULAFLOW CannnulaFlow CannulaFLow CannulaFow Cannulaflow",
    "thor": "Chest CHEST",
    "effort_sum": "SUM Sum",
    "snore": "Snore SNORE",
    "ecg": "ECG EKG",
    "emg_chin": "Chin CHIN LChin-Rchin",
    "spo2": "SpO2 SaO2 SAO2 SA02nonin SAO2nonin SAO2ninon SAO2noin SaO2Nonin SAO2External SAO2masimo Sa02masimo "
    "SA02masimo SAO2Nellcor SaO2Nellcor",
    "pleth": "Pleth Plesmo PlethMasimo PletMasimo PlethMasino PLETHMASIMO Plethmasimo plethmasimo PlethNellcor",
    "pulse_rate": "PULSE Pulse PulseMasimo Pulsemasimo PulseNonin Pluse PR",
    "emg_leg_l": "LAT LLEG LLeg Lleg",
    "emg_leg_r": "RAT RLEG RLeg Rleg",
}


@pytest.mark.parametrize(
    ("channel", "label"), [(c, label) for c, text in SPELLINGS.items() for label in text.split()]
)
def test_every_spelling(channel: str, label: str) -> None:
    """Each label that a site typed is known."""
    unit = {"spo2": "%", "pulse_rate": "bpm"}.get(channel, "mV")
    assert channels("chat", "baseline", [wave(label, 200, unit)])[channel] == label


@pytest.mark.parametrize("side", ["Lchin LChin LCHIN", "Rchin RChin RCHIN Rchiin", "Cchin CChin CCHIN cchin"])
def test_every_spelling_of_the_chin(side: str) -> None:
    """Left against centre, else left against right."""
    for label in side.split():
        left, other = ("Lchin", label) if label.lower() not in ("lchin",) else (label, "Cchin")
        assert channels("chat", "baseline", [wave(left, 200, "uV"), wave(other, 200, "uV")]) == {
            "emg_chin": f"{left} - {other}"
        }

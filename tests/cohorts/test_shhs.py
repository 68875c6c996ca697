"""SHHS: nights of both visits in the cohort's layout, with its labels, rates, ranges, codes and traps."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cohort import find_recordings
from pipeline.manifests.load import load_manifest
from tests.cohorts.build import (
    Cohort,
    Night,
    Sig,
    Truth,
    channels,
    held,
    wave,
    write_nights,
    write_table,
)

EIGHT_BIT = (-128, 127)


def _eeg(label: str, rate_hz: int, amplitude: float) -> Sig:
    return Sig(label, rate_hz, "uV", amplitude, physical=(-125, 125), digital=EIGHT_BIT)


def _air(label: str, rate_hz: int, amplitude: float) -> Sig:
    return wave(label, rate_hz, "", amplitude, physical=(-1, 1))


def _first_visit(second_eeg: str, *airflow: Sig) -> list[Sig]:
    return [
        held("SaO2", 1, "", 95, physical=(0, 100)),
        held("H.R.", 1, "BPM", 62, physical=(0, 250)),
        _eeg(second_eeg, 125, 60),
        wave("ECG", 125, "mV", 0.8, physical=(-1.25, 1.25)),
        wave("EMG", 125, "uV", 20, physical=(-31.5, 31.5)),
        _eeg("EOG(L)", 50, 70),
        _eeg("EOG(R)", 50, 80),
        _eeg("EEG", 125, 90),
        _air("THOR RES", 10, 0.5),
        _air("ABDO RES", 10, 0.4),
        held("POSITION", 1, "", 2, physical=(0, 3)),
        held("LIGHT", 1, "", 1, physical=(0, 1)),
        *airflow,
        held("OX stat", 1, "", 0, physical=(0, 3)),
    ]


SECOND_VISIT = [  # of the recorder of version 4
    held("SaO2", 1, "%", 93, physical=(0, 100)),
    held("PR", 1, "BPM", 58, physical=(0, 250)),
    _eeg("EEG(sec)", 128, 55),
    wave("ECG", 256, "mV", 0.9, physical=(-1.25, 1.25)),
    wave("EMG", 128, "uV", 15, physical=(-31.5, 31.5)),
    _eeg("EOG(L)", 64, 65),
    _eeg("EOG(R)", 64, 75),
    _eeg("EEG", 128, 85),
    _air("AIRFLOW", 8, 0.7),
    _air("THOR RES", 8, 0.6),
    _air("ABDO RES", 8, 0.3),
    held("POSITION", 1, "", 3, physical=(0, 3)),
    held("LIGHT", 1, "", 1, physical=(0, 1)),
    held("OX STAT", 1, "", 0, physical=(0, 3)),
]


def _paths(visit: str, subject: int) -> tuple[str, str]:
    name = f"{visit}-{subject}"
    return (
        f"polysomnography/edfs/{visit}/{name}.edf",
        f"polysomnography/annotations-events-nsrr/{visit}/{name}-nsrr.xml",
    )


NIGHTS = {
    "shhs1-200001": Night(  # both thermistors, a blank unit of saturation, stage 4, an undocumented term
        *_paths("shhs1", 200001),
        _first_visit("EEG2", _air("AIRFLOW", 10, 0.3), _air("NEW AIR", 10, 0.6)),
        [0, 1, 2, 3, 4],
        [("Hypopnea|Hypopnea", 65.5, 12), ("Unsure|Unsure", 95, 14), ("Arousal|Arousal (ASDA)", 77, 5)],
        Truth(
            [0, 1, 2, 3, 3],
            [("hypopnea", 65.5, 12), ("arousal", 77, 5)],
            {
                "eeg_c4_m1": 90,
                "eeg_c3_m2": 60,
                "eog_l": 70,
                "eog_r": 80,
                "emg_chin": 20,
                "ecg": 0.8,
                "thor": 0.5,
                "abdo": 0.4,
                "airflow": 0.6,
            },
            {"spo2": 95, "pulse_rate": 62, "position": 1, "status_oximeter": 0},
            source={"airflow": "NEW AIR", "eeg_c3_m2": "EEG2"},
            absent=["light"],
            subject={"subject": "200001", "visit": "shhs1", "age_years": 55.0, "sex": "male", "bmi": 21.8},
            findings=["PSG-A004", "PSG-C003", "PSG-C009"],
        ),
    ),
    "shhs1-200002": Night(  # two signals of one label, and a person whom only the raw table knows
        *_paths("shhs1", 200002),
        _first_visit("EEG(sec)", _air("AIRFLOW", 10, 0.2), _air("AIRFLOW", 10, 0.8)),
        [9, 0, 5, 6, 2],
        [],
        Truth(
            [-1, 0, 4, -1, 2],
            amplitude={"airflow": 0.2},
            subject={"subject": "200002", "age_years": 78.0, "sex": "female", "bmi": None},
            findings=["PSG-H008"],
        ),
    ),
    "shhs2-200001": Night(  # the same person six years later, on another recorder
        *_paths("shhs2", 200001),
        SECOND_VISIT,
        [0, 2, 2, 5, 0],
        [("Obstructive apnea|Obstructive Apnea", 40, 20)],
        Truth(
            [0, 2, 2, 4, 0],
            [("obstructive_apnea", 40, 20)],
            {"eeg_c4_m1": 85, "eeg_c3_m2": 55, "ecg": 0.9, "eog_l": 65, "airflow": 0.7, "thor": 0.6},
            {"spo2": 93, "pulse_rate": 58, "position": 4},
            subject={"subject": "200001", "visit": "shhs2", "age_years": 61.0, "sex": "male", "bmi": 23.5},
        ),
    ),
}


def _write_tables(root: Path) -> None:
    tables = root / "datasets"
    write_table(
        tables / "shhs-harmonized-dataset-0.21.0.csv",
        [
            {
                "nsrrid": 200001,
                "visitnumber": 1,
                "nsrr_age": 55,
                "nsrr_sex": "male",
                "nsrr_race": "black or african american",
                "nsrr_ethnicity": "not hispanic or latino",
                "nsrr_bmi": 21.8,
                "nsrr_ahi_hp3r_aasm15": 11.5,
                "nsrr_ever_smoker": "yes",
                "nsrr_current_smoker": "not reported",
            },
        ],
    )
    write_table(
        tables / "shhs1-dataset-0.21.0.csv",
        [
            {"nsrrid": 200001, "age_s1": 55, "gender": 1, "race": 2, "bmi_s1": 21.8, "mi15": 1, "asthma15": 2},
            {
                "nsrrid": "0200002",
                "age_s1": 78,
                "gender": 2,
                "race": 1,
                "prev_hx_mi": 0,
                "mi15": 0,
                "ahi_a0h4": 3.5,
            },
        ],
    )
    write_table(
        tables / "shhs2-dataset-0.21.0.csv",
        [{"nsrrid": 200001, "age_s2": 61, "gender": 1, "race": 2, "ethnicity": 2, "bmi_s2": 23.5, "hi201d": 1}],
    )


def download(folder: Path) -> None:
    """A download of three nights."""
    write_nights(folder, NIGHTS.values())
    _write_tables(folder)


COHORT = Cohort("shhs", download, {name: night.truth for name, night in NIGHTS.items()})


def test_people(root: Path) -> None:
    """Codes of both kinds of tables; what was not asked, or is not known, is not "no"."""
    people = {s.key.name: s.subject for s in find_recordings(load_manifest("shhs"), root)}
    first, second, later = (people[name] for name in ("shhs1-200001", "shhs1-200002", "shhs2-200001"))
    assert [p.race for p in people.values()] == ["black", "white", "black"]
    assert (first.ethnicity, second.ethnicity, later.ethnicity) == ("not_hispanic", "unknown", "not_hispanic")
    assert first.history["ever_smoker"] == "yes"
    assert first.history["myocardial_infarction"] == "yes"
    assert {first.history.get(name, "unknown") for name in ("asthma", "current_smoker", "stroke")} == {"unknown"}
    assert second.history["myocardial_infarction"] == "no"
    assert later.history["asthma"] == "yes"
    assert (first.indices["ahi_hp3r_aasm15"], second.indices["ahi_hp4u_aasm15"]) == (11.5, 3.5)


@pytest.mark.parametrize("label", ["EEG(sec)", "EEG 2", "EEG2", "EEG sec", "EEG(SEC)"])
def test_second_eeg_by_every_spelling(label: str) -> None:
    """One of five spellings is in each night of the first visit."""
    assert channels("shhs", "shhs1", _first_visit(label, _air("AIRFLOW", 10, 1)))["eeg_c3_m2"] == label


@pytest.mark.parametrize(
    "label", ["NEW AIR", "New Air", "NEWAIR", "AUX", "New A/F", "New AIR", "new air", "AIRFLOW"]
)
def test_airflow_by_every_spelling(label: str) -> None:
    """Channel 17 is the ProTech thermistor, under many names."""
    made = channels("shhs", "shhs1", _first_visit("EEG 2", _air(label, 10, 1)))
    assert made["airflow"] == label
    assert "nasal_pressure" not in made

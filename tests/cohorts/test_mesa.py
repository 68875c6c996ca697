"""MESA: nights in the cohort's layout, with electrode-off channels beside the signals and homonyms of airflow."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.cohort import find_recordings
from pipeline.manifests.load import load_manifest
from schemas.quality import QualityFlag
from tests.cohorts.build import (
    Cohort,
    Download,
    Night,
    Sig,
    Truth,
    channels,
    held,
    wave,
    write_nights,
    write_table,
)


def _signals(thermistor: str, *, eeg3_off: int = 0) -> list[Sig]:
    fast = {"EKG": 0.6, "EOG-L": 0.05, "EOG-R": 0.06, "EMG": 0.02, "EEG1": 0.03, "EEG2": 0.04, "EEG3": 0.07}
    slow = {"Pres": 1.1, "Flow": 0.3, "Snore": 0.4, "Thor": 0.5, "Abdo": 0.6, "Leg": 0.7, thermistor: 0.8}
    off = {f"{label}_Off": 0 for label in fast} | {"EEG3_Off": eeg3_off}
    return [
        *(wave(label, 256, "mV", size, physical=(-1, 1)) for label, size in fast.items()),
        *(wave(label, 32, "", size, physical=(-2, 2)) for label, size in slow.items()),
        held("Pos", 32, "", 2, physical=(0, 4)),
        *(held(label, 1, "", level, physical=(0, 1)) for label, level in off.items()),
        wave("Pleth", 256, "", 0.9, physical=(-2, 2)),
        held("OxStatus", 1, "", 0, physical=(0, 3)),
        held("SpO2", 1, "%", 96, physical=(0, 100)),
        held("HR", 1, "bpm", 64, physical=(0, 250)),
        wave("DHR", 256, "bpm", 60, physical=(0, 250)),
    ]


def _paths(subject: str) -> tuple[str, str]:
    return (
        f"polysomnography/edfs/mesa-sleep-{subject}.edf",
        f"polysomnography/annotations-events-nsrr/mesa-sleep-{subject}-nsrr.xml",
    )


NIGHTS = {
    "mesa-sleep-0001": Night(  # a hypopnea called Unsure; millivolts; the newer thermistor
        *_paths("0001"),
        _signals("Aux_AC"),
        [0, 1, 2, 3, 5],
        [
            ("Unsure|Unsure", 40, 12),
            ("Hypopnea|Hypopnea", 80.5, 11),
            ("SpO2 desaturation|SpO2 desaturation", 90, 20),
        ],
        Truth(
            [0, 1, 2, 3, 4],
            [("hypopnea", 40, 12), ("hypopnea", 80.5, 11), ("desaturation", 90, 20)],
            {
                "eeg_c4_m1": 70,
                "eeg_fz_cz": 30,
                "eeg_cz_oz": 40,
                "eog_l": 50,
                "eog_r": 60,
                "emg_chin": 20,
                "ecg": 0.6,
                "nasal_pressure": 0.3,
                "airflow": 0.8,
                "thor": 0.5,
                "abdo": 0.6,
            },
            {"spo2": 96, "pulse_rate": 64, "position": 2},
            source={"nasal_pressure": "Flow", "airflow": "Aux_AC", "eog_l": "EOG-L"},
            subject={
                "subject": "0001",
                "visit": "",
                "age_years": 70.0,
                "sex": "female",
                "bmi": 24.9,
                "site": "jhu",
            },
        ),
    ),
    "mesa-sleep-0002": Night(  # the electrode of EEG3 is off all night; a person above the age that may be told
        *_paths("0002"),
        _signals("Therm", eeg3_off=1),
        [0, 2, 2, 5, 0],
        [],
        Truth(
            [0, 2, 2, 4, 0],
            amplitude={"eeg_fz_cz": 30},
            source={"airflow": "Therm"},
            subject={"age_years": 90.0, "age_top_coded": 1, "sex": "male"},
            findings=["PSG-S009"],
        ),
    ),
}


def download(folder: Path) -> None:
    """A download of two nights; the tables have no leading zeros."""
    write_nights(folder, NIGHTS.values())
    harmonised = [
        {"mesaid": 1, "nsrr_age": 70, "nsrr_sex": "female", "nsrr_race": "asian", "nsrr_bmi": 24.9},
        {"mesaid": 2, "nsrr_age": 94, "nsrr_age_gt89": "yes", "nsrr_sex": "", "nsrr_ahi_hp4u_aasm15": 21.5},
    ]
    raw = [
        {"mesaid": 1, "sleepage5c": 70, "gender1": 0, "race1c": 2, "site5c": 5, "slpapnea5": 0},
        {"mesaid": 2, "sleepage5c": 90, "gender1": 1, "race1c": 4, "site5c": 8, "slpapnea5": 1},
    ]
    write_table(folder / "datasets/mesa-sleep-harmonized-dataset-0.7.0.csv", harmonised)
    write_table(folder / "datasets/mesa-sleep-dataset-0.7.0.csv", raw)


COHORT = Cohort("mesa", download, {name: night.truth for name, night in NIGHTS.items()})


def test_electrode_off_masks_and_is_no_signal(stores: Download) -> None:
    """A channel ending in _Off masks the channel that it names, and that one alone; it is no channel itself."""
    night = stores["mesa-sleep-0002"]
    quality = night["quality"].sel(channel=["eeg_c4_m1", "eeg_fz_cz"]).values
    assert np.isnan(night["eeg_c4_m1"].values).all()
    assert ((quality & QualityFlag.BAD_STATUS) != 0).all(axis=0).tolist() == [True, False]
    made = channels("mesa", "", _signals("Therm"))
    assert [label for label in made.values() if label.endswith("_Off")] == []


def test_people(root: Path) -> None:
    """Sex has 0 for women; Chinese-American is Asian; blanks of the harmonised table are filled from the raw."""
    people = {s.key.name: s.subject for s in find_recordings(load_manifest("mesa"), root)}
    assert [(p.sex, p.race, p.site) for p in people.values()] == [
        ("female", "asian", "jhu"),
        ("male", "hispanic", "ucla"),
    ]
    assert [p.history["sleep_apnea"] for p in people.values()] == ["no", "yes"]
    assert people["mesa-sleep-0002"].indices == {"ahi_hp4u_aasm15": 21.5}

"""STAGES: sites told by the name, three families of labels, scoring as changes on a clock with free text in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.cohort import find_recordings
from pipeline.manifests.load import load_manifest
from tests.cohorts.build import Cohort, Sig, Truth, breath, channels, held, wave, write_edf, write_table

DERIVED = ["EEG_F3-A2", "EEG_F4-A1", "EEG_A1-A2", "EEG_C3-A2", "EEG_C4-A1", "EEG_O1-A2", "EEG_O2-A1", "EOG_LOC-A2"]
DERIVED += ["EOG_ROC-A2", "EMG_Chin", "Leg_1", "Leg_2"]
SINGLE = ["C3", "C4", "O1", "O2", "F3", "F4", "M1", "M2", "E1", "E2", "Chin"]
JOINED = ["F3M2", "F4M1", "C3M2", "C4M1", "O1M2", "O2M1", "E1M2", "E2M2"]


def _night(electrodes: Sequence[str], rate_hz: int, belts: tuple[str, str], oximeter: str, *more: Sig) -> list[Sig]:
    return [
        *(wave(label, rate_hz, "uV", 10.0 * (i + 1)) for i, label in enumerate(electrodes)),
        *(breath(label, 25, "", 0.4) for label in belts),
        held(oximeter, 1, "%", 95, physical=(0, 100)),
        *more,
    ]


def _scoring(path: Path, lines: Sequence[str]) -> None:
    path.write_text("\n".join(["Start Time,Duration (seconds),Event", *lines]) + "\n", "utf-8")


def download(folder: Path) -> None:
    """A download: a night of each family of labels, one of them again under another name."""
    psgs = folder / "original/STAGES PSGs"
    first = _night(
        DERIVED,
        500,
        ("Effort_THO", "Effort_ABD"),
        "SpO2",
        wave("ECG_I", 500, "mV", 0.4),
        wave("ECG_II", 500, "mV", 0.8),
        wave("Flow_Patient", 50, "", 1),
        held("xPAP_CPAP", 1, "", 0),
    )
    write_edf(psgs / "GSSA/GSSA00001.edf", first)
    changes = [
        "22:00:00,30,Wake",
        "22:00:05, 0 ,Patient asked for water, then slept",
        "22:00:30,60,Stage2",
        "22:00:40,14.5,Hypopnea",
        "22:01:00,3.5,Arousal w/ Respiratory",
        "22:01:10,20,Desaturation w/ Respiratory",
        "22:01:30,30,Stage3",
        "22:02:00,30,REM",
    ]
    _scoring(psgs / "GSSA/GSSA00001.csv", changes)
    write_edf(psgs / "GSSA/GSSA00001_1.edf", first)
    _scoring(psgs / "GSSA/GSSA00001_1.csv", ["22:00:00,150,UnknownStage"])
    pairs = [wave("ECG1", 512, "mV", 0.9), wave("ECG2", 512, "mV", 0.2), breath("NasOr", 32, "", 0.3)]
    write_edf(psgs / "STNF/STNF00010.edf", _night(SINGLE, 512, ("Chest", "Abd"), "SPO2", *pairs))
    stages = ["Wake", "Stage1", "Stage2", "UnknownStage", "REM"]
    _scoring(psgs / "STNF/STNF00010.csv", [f"22:0{i // 2}:{30 * (i % 2):02d},30,{s}" for i, s in enumerate(stages)])
    write_edf(psgs / "BOGN/BOGN00002.edf", _night(JOINED, 200, ("CHEST", "ABD"), "SaO2"))
    _scoring(psgs / "BOGN/BOGN00002.csv", ["22:00:00,30,Wake", "22:00:30,120,Stage1"])
    people = [
        {"subject_code": "GSSA00001", "nsrr_age": 44, "nsrr_sex": "female", "nsrr_bmi": 27},
        {"subject_code": "GSSA00001", "nsrr_age": 44, "nsrr_sex": "female", "nsrr_bmi": 29},
        {
            "subject_code": "STNF00010",
            "nsrr_age": 17.5,
            "nsrr_sex": "male",
            "nsrr_race": "two races or some other race",
        },
    ]
    write_table(folder / "datasets/stages-harmonized-dataset-0.3.0.csv", people)


TRUTHS = {
    # A stage may last two epochs, a text may hold commas; flows of an unknown sensor are left out.
    "GSSA00001": Truth(
        [0, 2, 2, 3, 4],
        [("hypopnea", 40, 14.5), ("arousal_respiratory", 60, 3.5), ("desaturation", 70, 20)],
        {"eeg_c4_m1": 50, "eeg_c3_m2": 40, "eeg_m1_m2": 30, "eog_l": 80, "eog_r": 90, "ecg": 0.8, "ecg_2": 0.4},
        {"spo2": 95},
        source={"emg_leg_l": "Leg_1", "thor": "Effort_THO"},
        absent=["airflow", "nasal_pressure", "pap_pressure"],
        subject={"subject": "GSSA00001", "visit": "", "age_years": 44.0, "sex": "female", "site": "GSSA"},
        findings=["PSG-A004", "PSG-M003"],
    ),
    # Electrodes against a common reference become derivations against the other side's mastoid.
    "STNF00010": Truth(
        [0, 1, 2, -1, 4],
        (),
        {"eeg_c4_m1": -50, "eeg_c3_m2": -70, "eog_l": 10, "eog_r": 20, "ecg": 0.7, "emg_chin": 110, "airflow": 0.3},
        source={"eeg_c4_m1": "C4 - M1", "eog_l": "E1 - M2", "ecg": "ECG1 - ECG2", "airflow": "NasOr"},
        subject={"subject": "STNF00010", "age_years": 17.5, "sex": "male", "site": "STNF"},
    ),
    # A site that writes C4M1, and a night that the table of subjects does not know.
    "BOGN00002": Truth(
        [0, 1, 1, 1, 1],
        (),
        {"eeg_c4_m1": 40, "eeg_f3_m2": 10, "eog_l": 70, "eog_r": 80},
        subject={"subject": "BOGN00002", "site": "BOGN", "sex": "unknown"},
        findings=["PSG-M001"],
    ),
}
COHORT = Cohort("stages", download, TRUTHS)


def test_one_person_twice(root: Path) -> None:
    """A night that comes again is the same person's; rows that differ leave a value unknown, not two."""
    sources = {s.key.name: s for s in find_recordings(load_manifest("stages"), root)}
    again = sources["GSSA00001_1"]
    assert (again.key.subject, again.key.visit, again.subject.site) == ("GSSA00001", "1", "GSSA")
    assert (again.subject.age_years, again.subject.bmi) == (44.0, None)
    assert sources["STNF00010"].subject.race == "other"


def test_other_spellings() -> None:
    """Labels of other sites lead to the same channels; the second of two equal labels is only a stand-in."""
    labels = ["F3:M2", "EEG_C4-A12", "EEG_O1-A1", "Fp2:Fp1", "EMG_#1", "EMG_#2", "EKG_#1", "EKG_#2", "L-LEG_1"]
    made = channels("stages", "", [wave(label, 256, "uV") for label in [*labels, "L-LEG_2", "T5-O1"]])
    assert made["eeg_c4_m1"] == "EEG_C4-A12"
    assert made["emg_leg_l"] == "L-LEG_1 - L-LEG_2"
    assert {"eeg_f3_m2", "eeg_o1_m1", "eeg_fp2_fp1", "emg_chin", "ecg", "eeg_t5_o1"} < set(made)

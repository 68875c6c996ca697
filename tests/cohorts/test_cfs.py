"""CFS: both montages in the cohort's layout, millivolts and Fpz, labels in capitals or not, families."""

from __future__ import annotations

from pathlib import Path

from pipeline.cohort import find_recordings
from pipeline.manifests.load import load_manifest
from tests.cohorts.build import (
    Cohort,
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


def _montage(ecg_hz: int, cannula_hz: int, *more: Sig) -> list[Sig]:
    leads = {"C3": 0.05, "C4": 0.08, "M1": 0.02, "M2": 0.01, "LOC": 0.09, "ROC": 0.07}
    return [
        *(wave(label, 128, "mV", size, physical=(-0.51, 0.51)) for label, size in leads.items()),
        wave("ECG2", ecg_hz, "mV", 0.3, physical=(-1.02, 1.02)),
        wave("ECG1", ecg_hz, "mV", 0.8, physical=(-1.02, 1.02)),
        *(wave(f"EMG{i}", 256, "mV", 0.06 / i, physical=(-0.51, 0.51)) for i in (1, 2, 3)),
        *(wave(f"{side} Leg", 64, "mV", 0.1) for side in "LR"),
        breath("AIRFLOW", 32, "", 0.3, physical=(-1, 1)),
        breath("THOR EFFORT", 32, "", 0.5, physical=(-1, 1)),
        breath("ABDO EFFORT", 32, "", 0.4, physical=(-1, 1)),
        breath("SUM", 32, "", 0.6, physical=(-1, 1)),
        wave("SNORE", 256, "", 0.2, physical=(-1, 1)),
        held("POSITION", 1, "", 1, physical=(0, 5)),
        held("OX STATUS", 1, "", 0, physical=(0, 3)),
        held("PULSE", 1, "", 66, physical=(0, 250)),
        breath("NASAL PRES", cannula_hz, "", 0.7, physical=(-1, 1)),
        *more,
    ]


def _paths(subject: int) -> tuple[str, str]:
    name = f"cfs-visit5-{subject}"
    return f"polysomnography/edfs/{name}.edf", f"polysomnography/annotations-events-nsrr/{name}-nsrr.xml"


COMMON = {"eog_l": 80, "eog_r": 50, "emg_chin": 30, "ecg": 0.5, "airflow": 0.3, "nasal_pressure": 0.7}
NIGHTS = {
    "cfs-visit5-800002": Night(  # first montage: ECG at 256 Hz, a pleth, SpO2
        *_paths(800002),
        _montage(256, 64, wave("PlethWV", 128, "", 0.9), held("SpO2", 1, "%", 97, physical=(0, 100))),
        [0, 1, 2, 4, 5],
        [("Unsure|Unsure", 40, 12), ("Respiratory effort related arousal|RERA", 80, 11)],
        Truth(
            [0, 1, 2, 3, 4],
            [("hypopnea", 40, 12), ("rera", 80, 11)],
            {"eeg_c4_m1": 60, "eeg_c3_m2": 40, "thor": 0.5, "abdo": 0.4, "effort_sum": 0.6, **COMMON},
            {"spo2": 97, "pulse_rate": 66, "status_oximeter": 0},
            source={"eeg_c4_m1": "C4 - M1", "ecg": "ECG1 - ECG2", "airflow": "AIRFLOW"},
            absent=["emg_leg_l", "position"],
            subject={
                "subject": "800002",
                "visit": "visit5",
                "age_years": 41.5,
                "sex": "female",
                "family": "60001",
            },
        ),
    ),
    "cfs-visit5-800010": Night(  # second montage: ECG at 512 Hz, no pleth, SaO2
        *_paths(800010),
        _montage(512, 128, held("SaO2", 1, "%", 91, physical=(0, 100))),
        [0, 2, 2, 5, 0],
        [],
        Truth(
            [0, 2, 2, 4, 0],
            amplitude={"eeg_c4_m1": 60, **COMMON},
            level={"spo2": 91},
            absent=["pleth"],
            subject={"age_years": 6.85, "sex": "male", "family": "60001"},
        ),
    ),
}


def download(folder: Path) -> None:
    """A download of two relatives' nights; one is missing from the harmonised table."""
    write_nights(folder, NIGHTS.values())
    mother = {"nsrrid": 800002, "familyi": 60001, "age": 41.5, "SEX": 0, "race": 2, "ethnicity": 0}
    child = {"nsrrid": 800010, "familyi": 60001, "age": 6.85, "SEX": 1, "race": 3, "ethnicity": 1}
    raw = [mother | {"htndx": "", "bpdiag": 1, "cvdx": 0, "DEPDIAG": 8}, child | {"htndx": 0, "cvdx": 0}]
    harmonised = [{"nsrrid": 800002, "nsrr_age": 41.5, "nsrr_sex": "female", "nsrr_race": "other"}]
    write_table(folder / "datasets/cfs-visit5-harmonized-dataset-0.7.0.csv", harmonised)
    write_table(folder / "datasets/cfs-visit5-dataset-0.7.0.csv", raw)


COHORT = Cohort("cfs", download, {name: night.truth for name, night in NIGHTS.items()})


def test_people(root: Path) -> None:
    """Sex has 0 for women, Hispanic is 1; a summary that calls the unanswered "no" is not read."""
    mother, child = (s.subject for s in find_recordings(load_manifest("cfs"), root))
    assert [(p.race, p.ethnicity) for p in (mother, child)] == [("other", "not_hispanic"), ("other", "hispanic")]
    assert (mother.history["hypertension"], child.history["hypertension"]) == ("yes", "no")
    assert mother.history.get("depression", "unknown") == "unknown"
    assert "cardiovascular_disease" not in mother.history


def test_labels_of_the_montage_page() -> None:
    """The page has title case, and A1 and A2 for the mastoids."""
    labels = ["C3", "C4", "A1", "A2", "LOC", "ROC", "Ecg1", "Ecg2", "Emg1", "Emg2"]
    slow = ["Airflow", "Thor Effort", "Abdo Effort", "Sum", "Nasal Pres"]
    signals = [*(wave(label, 256, "uV") for label in labels), *(wave(label, 64) for label in slow)]
    made = channels("cfs", "visit5", signals)
    assert made["eeg_c3_m2"] == "C3 - A2"
    assert made["ecg"] == "Ecg1 - Ecg2"
    assert {"airflow", "thor", "abdo", "effort_sum", "nasal_pressure"} < set(made)

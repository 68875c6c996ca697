"""HSP: stages by number of the epoch, causes of arousals in brackets, 0 for the letter O, a table a site."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.cohorts.build import Cohort, Download, Sig, Truth, breath, channels, held, wave, write_edf, write_table

LABELS = ["F3-M2", "F4-M1", "C3-M2", "C4-M1", "O1-M2", "O2-M1", "E1", "E2", "CHIN", "LAT", "RAT"]


def _montage(labels: Sequence[str], *breathing: str) -> list[Sig]:
    return [
        *(wave(label, 200, "uV", 10.0 * (i + 1)) for i, label in enumerate(labels)),
        wave("EKG", 200, "uV", 600),
        *(breath(label, 200, "", 0.5) for label in breathing),
        held("SaO2", 200, "%", 94, physical=(0, 100)),
        held("CPAP", 200, "", 0),
    ]


def _folder(root: Path, site: str, patient: int, session: int) -> Path:
    """Return what the names of a session's files begin with."""
    person = f"sub-{site}{patient}"
    return root / f"PSG/bids/{site}/{person}/ses-{session}/eeg/{person}_ses-{session}_task-"


def download(folder: Path) -> None:
    """A download: two nights of a patient of one site, and a night of another site without a known scoring."""
    first = _folder(folder, "I0002", 150001, 1)
    write_edf(Path(f"{first}PSG_eeg.edf"), _montage(LABELS, "NPT", "THERM", "CHEST", "ABDOMINAL"))
    epochs = [{"Epoch": i + 1, "Stage": stage} for i, stage in enumerate(["L", "W", "N1", "N3", "R"])]
    write_table(Path(f"{first}psg_sleep_annotations.csv"), epochs)
    events = [
        {"Record Time": "0:00:35", "Type": "Apnea", "Description": "Scored Central Apnea"},
        {"Record Time": "0:00:50", "Type": "MA", "Description": "Micro-arousal [Apnea]"},
        {"Record Time": "0:01:05", "Type": "MA", "Description": "Micro-arousal [Spon]"},
        {"Record Time": "0:01:40", "Type": "Note", "Description": "asked for water"},
    ]
    write_table(Path(f"{first}psg_events_annotations.csv"), events)
    write_table(Path(f"{first}psg_caisr_annotations.csv"), [{"stage": 1}])
    again = _folder(folder, "I0002", 150001, 2)
    write_edf(
        Path(f"{again}PSG_eeg.edf"), _montage(["C3-A2", "C4-A1", "P3-01", "T6-02", "EOG-L"], "Airflow", "THOR")
    )
    write_table(Path(f"{again}psg_sleep_annotations.csv"), [{"Epoch": i + 1, "Stage": "N2"} for i in range(5)])
    other = _folder(folder, "S0001", 150001, 1)
    write_edf(Path(f"{other}PSG_eeg.edf"), _montage(LABELS, "CHEST"))
    person = {"BDSPPatientID": 150001, "SexDSC": "Female"}
    nights = [(1, 61.0), (2, 64.5)]
    rows = [person | {"BIDSFolder": "sub-I0002150001", "SessionID": n, "AgeAtVisit": age} for n, age in nights]
    write_table(folder / "psg-metadata/I0002_psg_metadata_2025-05-06.csv", rows)
    row = {
        "BDSPPatientID": 150001,
        "SexDSC": "Male",
        "BidsFolder": "sub-S0001150001",
        "SessionID": 1,
        "AgeAtVisit": 33,
    }
    write_table(folder / "psg-metadata/I0001_psg_metadata_2025-05-06.csv", [row])


TRUTHS = {
    # Epochs outside the lights are unscored; a kind is read out of the description; notes are counted.
    "I0002150001-1": Truth(
        [-1, 0, 1, 3, 4],
        [("central_apnea", 35, 0), ("arousal_respiratory", 50, 0), ("arousal_spontaneous", 65, 0)],
        {"eeg_c4_m1": 40, "eeg_f3_m2": 10, "eog_l": 70, "emg_chin": 90, "ecg": 0.6, "airflow": 0.5},
        {"spo2": 94},
        source={"nasal_pressure": "NPT", "airflow": "THERM", "thor": "CHEST", "emg_leg_l": "LAT"},
        subject={"subject": "I0002150001", "visit": "1", "age_years": 61.0, "sex": "female", "site": "I0002"},
        findings=["PSG-A004"],
    ),
    # A is M and 0 is O in older labels; a night of one stage alone is sleep and wake, not N2.
    "I0002150001-2": Truth(
        [-1] * 5,
        (),
        {"eeg_c3_m2": 10, "eeg_c4_m1": 20, "eeg_p3_o1": 30, "eeg_t6_o2": 40, "eog_l": 50},
        source={"eeg_p3_o1": "P3-01", "airflow": "Airflow", "thor": "THOR"},
        subject={"subject": "I0002150001", "visit": "2", "age_years": 64.5},
        findings=["PSG-A006"],
    ),
    # The other site: its scoring is not described, its table has another name, its patient is another one.
    "S0001150001-1": Truth(
        [-1] * 5,
        subject={"subject": "S0001150001", "visit": "1", "site": "S0001", "age_years": 33.0, "sex": "male"},
        findings=["PSG-A001"],
    ),
}
COHORT = Cohort("hsp", download, TRUTHS)


def test_every_session_is_found(stores: Download) -> None:
    """Sessions of one patient, and patients of one number at two sites, are told apart."""
    assert sorted(stores) == sorted(TRUTHS)


def test_case_means_nothing() -> None:
    """Technicians typed the labels; misspelt thermistors are thermistors."""
    made = channels("hsp", "1", [breath("thnerm", 200), breath("npt", 200), breath("Abdomen", 200)])
    assert {made[name] for name in ("airflow", "nasal_pressure", "abdo")} == {"thnerm", "npt", "Abdomen"}

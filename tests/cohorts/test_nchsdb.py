"""NCHSDB: epochs that begin between seconds, free text, headers that claim EDF+, patients with several nights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.cohort import find_recordings
from pipeline.manifests.load import load_manifest
from tests.cohorts.build import Cohort, Download, Sig, Truth, breath, channels, held, wave, write_edf, write_table

LAG_S = 0.9609375  # of the scorer's epochs behind the recording's seconds; a binary fraction
N_SECOND = 152
EEG = ["EEG F3-M2", "EEG F4-M1", "EEG C3-M2", "EEG C4-M1", "EEG O1-M2", "EEG O2-M1"]


def _eeg(rate_hz: int, *more: str) -> list[Sig]:
    return [wave(label, rate_hz, "uV", 10.0 * (i + 1)) for i, label in enumerate([*EEG, *more])]


def _first_system() -> list[Sig]:
    return [
        *_eeg(256, "EEG CZ-O1", "EOG LOC-M2", "EOG ROC-M1", "EMG Chin1-Chin2", "EMG LLeg-RLeg"),
        wave("ECG EKG2-EKG", 256, "uV", 700),
        *(breath(f"Resp {label}", 256, "uV", 50) for label in ("PTAF", "Airflow", "Thoracic", "Abdominal")),
        wave("Snore", 256, "uV", 20),
        held("SpO2", 256, "%", 96, physical=(0, 100)),
        *(held(label, 256, "", 1) for label in ("Rate", "Resp Rate", "EtCO2", "Capno", "Pressure")),
    ]


def _second_system() -> list[Sig]:
    return [
        *_eeg(400, "EEG Cz-O1", "EOG LOC-M2", "EOG ROC-M1", "EMG CHIN1-CHIN2"),
        wave("EMG LLEG+-LLEG-", 400, "uV", 15),
        wave("EMG RLEG+-RLEG-", 400, "uV", 25),
        wave("ECG LA-RA", 400, "uV", 700),
        *(breath(f"Resp {label}", 400, "uV", 50) for label in ("Flow", "Chest", "Abdomen")),
        held("OSAT", 400, "%", 98, physical=(0, 100)),
        *(held(label, 400, "", 1) for label in ("Flow_DR", "Snore_DR", "C-Pressure", "XFlow")),
    ]


def _tsv(path: Path, stages: Sequence[str], events: Sequence[tuple[float, float, str]]) -> None:
    scored = [(LAG_S + 30 * i, 30.0, f"Sleep stage {stage}") for i, stage in enumerate(stages)]
    rows = [f"{onset}\t{duration}\t{text}" for onset, duration, text in [*events, *scored]]
    path.write_text("\n".join(["onset\tduration\tdescription", *rows]) + "\n", "utf-8")


def download(folder: Path) -> None:
    """A download: two nights of one patient, years apart and on two systems."""
    nights = folder / "sleep_data"
    write_edf(nights / "10000_17728.edf", _first_system(), n_second=N_SECOND, reserved="EDF+C")
    texts = [
        (0.25, 0.0, "Start Recording"),
        (LAG_S, 0.0, "Lights Off"),
        (LAG_S + 40.5, 12.5, "Obstructive Hypopnea"),
        (LAG_S + 60, 0.0, "Body Position: Right"),
        (LAG_S + 70, 7.0, "Oxygen Desaturation"),
        (LAG_S + 80, 5.0, "Oximeter Event"),
        (LAG_S + 90.25, 7.609375, "EEG arousal"),
        (LAG_S + 91, 0.0, 'mom asked for a 6" pillow'),
    ]
    _tsv(nights / "10000_17728.tsv", ["W", "N1", "N2", "R", "?"], texts)
    write_edf(nights / "10000_20000.edf", _second_system(), n_second=N_SECOND, reserved="EDF+C")
    _tsv(nights / "10000_20000.tsv", ["W", "1", "2", "3", "R"], [])
    patient = {"study_pat_id": 10000, "pcori_gender_cd": "F", "pcori_race_cd": "03", "pcori_hispanic_cd": "N"}
    rows = [
        patient | {"filename_id": "10000_17728", "sleep_study_id": 17728, "age_at_sleep_study_days": 1461},
        patient | {"filename_id": "10000_20000", "sleep_study_id": 20000, "age_at_sleep_study_days": 2922},
    ]
    write_table(folder / "datasets/nchsdb-dataset-0.3.0.csv", rows)
    write_table(folder / "datasets/nchsdb-dataset-harmonized-0.3.0.csv", [{"study_pat_id": 10000}])


TRUTHS = {
    # The grid begins with the first scored epoch; free text is counted; oximeter events are no desaturations.
    "10000_17728": Truth(
        [0, 1, 2, 4, -1],
        [
            ("lights_off", 0, 0),
            ("obstructive_hypopnea", 40.5, 12.5),
            ("position_right", 60, 0),
            ("desaturation", 70, 7),
            ("arousal", 90.25, 7.609375),
        ],
        source={"eeg_c4_m1": "EEG C4-M1", "airflow": "Resp Airflow", "nasal_pressure": "Resp PTAF"},
        level={"spo2": 96},
        absent=["emg_leg_l", "pulse_rate"],
        subject={"subject": "10000", "visit": "17728", "age_years": 4.0, "sex": "female", "site": "nch"},
        findings=["PSG-A004"],
    ),
    # The same patient years later: other labels, 400 Hz, stages by number; legs apart.
    "10000_20000": Truth(
        [0, 1, 2, 3, 4],
        source={
            "airflow": "Resp Flow",
            "thor": "Resp Chest",
            "spo2": "OSAT",
            "ecg": "ECG LA-RA",
            "emg_leg_l": "EMG LLEG+-LLEG-",
            "emg_leg_r": "EMG RLEG+-RLEG-",
        },
        absent=["nasal_pressure", "emg_leg_lr"],
        subject={"subject": "10000", "visit": "20000", "age_years": 8.0},
    ),
}
COHORT = Cohort("nchsdb", download, TRUTHS)


def test_epochs_between_seconds(stores: Download) -> None:
    """The grid begins with the first scored epoch."""
    assert stores["10000_17728"].attrs["grid_offset_s"] == LAG_S


def test_patient(root: Path) -> None:
    """Codes 03 and N, and days instead of years."""
    first, second = (source.subject for source in find_recordings(load_manifest("nchsdb"), root))
    assert (first.race, first.ethnicity, first.sex) == ("black", "not_hispanic", "female")
    assert (first.age_years, second.age_years) == (4.0, 8.0)


def test_nights_against_a_common_reference() -> None:
    """Twelve nights have single electrodes, all of them called EEG; they are re-referenced."""
    names = ["F3", "F4", "C3", "C4", "O1", "O2", "M1", "M2", "E1", "E2", "Chin1", "Chin2", "EKG1", "EKG2"]
    names += ["LLeg1", "LLeg2", "Chest", "Snore", "20", "33"]
    made = channels("nchsdb", "", [wave(f"EEG {name}", 512, "uV") for name in names])
    assert (made["eeg_c4_m1"], made["eog_l"]) == ("EEG C4 - EEG M1", "EEG E1 - EEG M2")
    assert (made["emg_chin"], made["ecg"]) == ("EEG Chin1 - EEG Chin2", "EEG EKG2 - EEG EKG1")

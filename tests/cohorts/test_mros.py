"""MrOS: nights of both visits, recorded against Fpz; keys in capitals; men coded 2."""

from __future__ import annotations

from pathlib import Path

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
    return [wave(label.replace("_", " "), 256, "uV", value, physical=(-500, 500)) for label, value in size.items()]


def _first_visit(*extra: Sig) -> list[Sig]:
    return [
        held("Position", 4, "", 1, physical=(0, 5)),
        *(wave(f"Leg {side}", 64, "uV", 30, physical=(-500, 500)) for side in "LR"),
        *_leads(C3=50, C4=80, A1=20, A2=10, LOC=90, ROC=70, L_Chin=40, R_Chin=15),
        wave("ECG L", 512, "mV", 0.9, physical=(-5, 5)),
        wave("ECG R", 512, "mV", 0.4, physical=(-5, 5)),
        wave("Airflow", 16, "", 0.3, physical=(-1, 1)),
        wave("Thoracic", 16, "", 0.5, physical=(-1, 1)),
        wave("Abdominal", 16, "", 0.4, physical=(-1, 1)),
        wave("SUM", 16, "", 0.6, physical=(-1, 1)),
        held("STAT", 1, "", 0, physical=(0, 3)),
        held("HR", 1, "", 60, physical=(0, 250)),
        held("DHR", 1, "", 61, physical=(0, 250)),
        held("SaO2", 1, "%", 94, physical=(0, 100)),
        *extra,
    ]


SECOND_VISIT = [
    held("Position", 4, "", 1, physical=(0, 5)),
    *(wave(f"Leg{side}", 64, "uV", 30, physical=(-500, 500)) for side in "LR"),
    *_leads(C3=50, C4=80, M1=25, M2=15, E1=90, E2=70, LChin=40, RChin=10),
    wave("ECGL", 512, "mV", 0.9, physical=(-5, 5)),
    wave("ECGR", 512, "mV", 0.3, physical=(-5, 5)),
    wave("Airflow", 32, "", 0.3, physical=(-1, 1)),
    wave("Chest", 32, "", 0.5, physical=(-1, 1)),
    wave("ABD", 32, "", 0.4, physical=(-1, 1)),
    wave("SUM", 32, "", 0.6, physical=(-1, 1)),
    wave("CH36", 64, "", 0.9, physical=(-1, 1)),
    breath("CannulaFlow", 64, "", 0.7, physical=(-1, 1)),
    held("STAT", 1, "", 0, physical=(0, 3)),
    held("HR", 1, "bpm", 57, physical=(0, 250)),
    held("SpO2", 1, "%", 92, physical=(0, 100)),
]


def _paths(visit: int, subject: str) -> tuple[str, str]:
    name = f"mros-visit{visit}-{subject}"
    return (
        f"polysomnography/edfs/visit{visit}/{name}.edf",
        f"polysomnography/annotations-events-nsrr/visit{visit}/{name}-nsrr.xml",
    )


NIGHTS = {
    "mros-visit1-aa0001": Night(  # re-referenced; the thermistor is no cannula; Unsure is a hypopnea
        *_paths(1, "aa0001"),
        _first_visit(breath("Cannula Flow", 64, "", 0.7, physical=(-1, 1))),
        [0, 1, 2, 4, 5],
        [("Unsure|Unsure", 40, 12), ("Arousal|Arousal (ARO Limb)", 70, 4), ("Mixed Apnea", 100, 15)],
        Truth(
            [0, 1, 2, 3, 4],
            [("hypopnea", 40, 12), ("arousal_plm", 70, 4), ("mixed_apnea", 100, 15)],
            {
                "eeg_c4_m1": 60,
                "eeg_c3_m2": 40,
                "eog_l": 80,
                "eog_r": 50,
                "emg_chin": 25,
                "ecg": 0.5,
                "airflow": 0.3,
                "nasal_pressure": 0.7,
                "thor": 0.5,
                "abdo": 0.4,
                "effort_sum": 0.6,
            },
            {"spo2": 94, "pulse_rate": 60, "status_oximeter": 0},
            source={"eeg_c4_m1": "C4 - A1", "eog_l": "LOC - A2", "airflow": "Airflow"},
            absent=["emg_leg_l", "position"],
            subject={"subject": "aa0001", "visit": "visit1", "age_years": 77.0, "sex": "male", "bmi": 27.5},
        ),
    ),
    "mros-visit2-aa0001": Night(  # the same man; mastoids, chin, ECG, belts and cannula under other names
        *_paths(2, "aa0001"),
        SECOND_VISIT,
        [0, 2, 3, 5, 9],
        [("Central apnea|Central Apnea", 40, 20), ("Limb movement - left|Limb Movement (Left)", 70, 2)],
        Truth(
            [0, 2, 3, 4, -1],
            [("central_apnea", 40, 20)],
            {
                "eeg_c4_m1": 55,
                "eeg_c3_m2": 35,
                "eog_l": 75,
                "eog_r": 45,
                "emg_chin": 30,
                "ecg": 0.6,
                "nasal_pressure": 0.7,
                "thor": 0.5,
                "abdo": 0.4,
            },
            {"spo2": 92, "pulse_rate": 57},
            source={"eeg_c4_m1": "C4 - M1", "nasal_pressure": "CannulaFlow"},
            subject={"subject": "aa0001", "visit": "visit2", "age_years": 90.0, "age_top_coded": 1, "sex": "male"},
        ),
    ),
}

LOST = {  # what the cohort says was lost in past corruption of files
    "mros-visit1-aa2033": Night(
        *_paths(1, "aa2033"),
        [held("SaO2", 1, "%", 94, physical=(0, 100))],
        [0, 2, 3, 5, 0],
        [("Hypopnea|Hypopnea", 40, 12)],
        Truth([-1] * 5, [("hypopnea", 40, 12)], level={"spo2": 94}, findings=["PSG-A017"]),
    ),
    "mros-visit1-aa0236": Night(
        *_paths(1, "aa0236"),
        [held("SaO2", 1, "%", 95, physical=(0, 100))],
        [0, 2, 3, 5, 0],
        [],
        Truth([0, 2, 3, 4, 0], level={"spo2": 95}, findings=["PSG-A017"]),
    ),
}
NIGHTS |= LOST


def download(folder: Path) -> None:
    """A download with one man's two nights; nothing harmonised is published for the second visit."""
    write_nights(folder, NIGHTS.values())
    harmonised = [{"nsrrid": "AA0001", "visit": 1, "nsrr_age": 77, "nsrr_sex": "male", "nsrr_race": "hispanic"}]
    harmonised[0] |= {"nsrr_bmi": "M", "nsrr_cai": "N", "nsrr_ttlprdsp_s1sr": "W"}
    first = [{"nsrrid": "AA0001", "vsage1": 77, "gender": 2, "hwbmi": 27.5, "mhbp": 1, "mhmi": "A", "poahi3a": 9.5}]
    second = [
        {"nsrrid": "AA0001", "vs2age1": 91, "gender": "02", "gierace": 4, "hwbmi": "M", "mhbp": 0, "mhmi": "K"}
    ]
    write_table(folder / "datasets/mros-visit1-harmonized-0.6.0.csv", harmonised)
    write_table(folder / "datasets/mros-visit1-dataset-0.6.0.csv", first)
    write_table(folder / "datasets/mros-visit2-dataset-0.6.0.csv", second)


COHORT = Cohort("mros", download, {name: night.truth for name, night in NIGHTS.items()})


def test_legs_of_the_second_visit_were_not_scored(stores: Download) -> None:
    """An amplifier spoilt them: there are no limb movements, and the store does not say that there were none."""
    assert stores["mros-visit1-aa0001"].attrs["event_scored"]["limb"] == "partly"
    assert stores["mros-visit2-aa0001"].attrs["event_scored"]["limb"] == "no"


def test_people(root: Path) -> None:
    """Keys in capitals are found; letters for missing are unknown, and no remark."""
    sources = {s.key.name: s for s in find_recordings(load_manifest("mros"), root)}
    first, second = (sources[name].subject for name in ("mros-visit1-aa0001", "mros-visit2-aa0001"))
    assert [(p.race, p.history["hypertension"]) for p in (first, second)] == [
        ("hispanic", "yes"),
        ("hispanic", "no"),
    ]
    assert {p.history.get("myocardial_infarction", "unknown") for p in (first, second)} == {"unknown"}
    assert (first.indices, second.bmi) == ({"ahi_hp3r_aasm15": 9.5}, None)
    assert [s.findings for name, s in sources.items() if name not in LOST] == [(), ()]


def test_lost_events_are_not_read_as_none(stores: Download) -> None:
    """A night without its events does not claim that anybody looked for them."""
    assert set(stores["mros-visit1-aa0236"].attrs["event_scored"].values()) == {"no"}
    assert stores["mros-visit1-aa2033"].attrs["event_scored"]["respiratory"] == "yes"


def test_ready_made_derivations_are_taken() -> None:
    """Six files of the first visit ship four channels derived."""
    ready = ["C4-A1", "C3-A2", "L Chin-R Chin", "ECG L-ECG R"]
    made = channels("mros", "visit1", [wave(label, 256, "uV", 50) for label in ready])
    assert made == dict(zip(["eeg_c4_m1", "eeg_c3_m2", "emg_chin", "ecg"], ready, strict=True))


@pytest.mark.parametrize("label", ["Cannula Flow", "CannulaFlow", "CH37"])
def test_cannula_by_every_name(label: str) -> None:
    """Three names of one sensor; CH36 is none of them."""
    made = channels("mros", "visit2", [wave(label, 64), wave("CH36", 64)])
    assert made == {"nasal_pressure": label, "nasal_pressure_wave": label}


def test_one_night_of_the_second_visit_has_labels_of_the_first() -> None:
    """Rules name the spellings of both visits."""
    assert len(channels("mros", "visit2", _first_visit())) == len(channels("mros", "visit1", _first_visit())) == 13

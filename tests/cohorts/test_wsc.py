"""WSC: two systems with scorings of their own, texts with blanks, lengths in texts, visits of one person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.cohort import find_recordings
from pipeline.manifests.load import load_manifest
from tests.cohorts.build import Cohort, Download, Sig, Truth, breath, channels, held, wave, write_edf, write_table

HERITAGE = ["E1", "E2", "C3_M2", "O1_M2", "chin", "lleg_r"]
COMET = ["E1", "E2", "F3_M2", "Fz_M2", "Cz_M2", "C3_M2", "Pz_M2", "O1_M2", "cchin_l", "lleg_r"]
BREATHING = {"nas_pres": 0.7, "thorax": 0.5, "abdomen": 0.4, "sum": 0.6}


def _montage(electrodes: Sequence[str], rate_hz: int, flow: dict[str, float]) -> list[Sig]:
    return [
        *(wave(label, rate_hz, "uV", 10.0 * (i + 1)) for i, label in enumerate(electrodes)),
        wave("ECG", rate_hz, "mV", 0.8),
        wave("snore", rate_hz, "", 0.2),
        *(breath(label, rate_hz, "", size) for label, size in {**flow, **BREATHING}.items()),
        held("position", rate_hz, "", 1, physical=(0, 5)),
        held("spo2", rate_hz, "%", 93, physical=(0, 100)),
    ]


def _gamma(folder: Path, name: str, *, stage_heading: str) -> None:
    """Write a night of the Heritage system: epochs by number, events on the clock, some without a length."""
    write_edf(folder / f"{name}.edf", _montage(HERITAGE, 100, {"nasalflow": 0.3, "oralflow": 0.1}))
    codes = [0, 1, 2, 4, 6]
    stages = "".join(f"{i + 1}\t{code}\t{code}\n" for i, code in enumerate(codes))
    (folder / f"{name}.stg.txt").write_text(stage_heading + stages)
    heading = "Epoch\tScan\tScan\tLength\tMarker Text\tMarker\tTime\tLow\tDrop\tDuration\n"
    events = (
        "2\t3500\t4700\t1200\tObs Apnea  \t1\t22:00:35\t91\t4\t12.5\n"
        "3\t6000\t6100\t100\tSpon Arousal\t2\t22:01:02\n"
        "3\t6500\t8000\t1500\tSaO2\t3\t22:01:05\t88\t5\t15\n"
        "4\t9100\t9000\t-100\tHypopnea \t4\t22:01:31\t90\t3\t-2\n"
        "5\t12500\t12600\t100\tLMA\t5\t22:02:05\t\t\t\n"
    )
    (folder / f"{name}.sco.txt").write_text(heading + heading + events)


def _twin(folder: Path, name: str) -> None:
    """Write a night of the Comet system: a log of changes on a clock, in Latin-1."""
    write_edf(folder / f"{name}.edf", _montage(COMET, 200, {"flow": 0.3}))
    lines = (
        "22:00:00.00\tSTART RECORDING\n22:00:00.00\tSTAGE - NO STAGE\n22:00:15.50\tLIGHTS OUT\n"
        "22:00:30.00\tSTAGE - N1\n"
        "22:00:40.50\tRESPIRATORY EVENT - DUR: 14.9 SEC. - HYPOPNEA - DESAT 91.6 %\n"
        "22:00:41.75\tDESATURATION - DUR: 55.8 SEC. - MIN 91.6 % - DROP 3.1 %\n"
        "22:00:56.00\tAROUSAL - DUR: 3.0 SEC. - RESPIRATORY EVENT\n"
        "22:01:00.00\tSTAGE - N3\n22:01:10.00\tLM - DUR: 0.7 SEC. - ISOLATED\n22:01:20.00\tcaf\xe9 noise\n"
        "22:02:00.00\tSTAGE - R\n"
    )
    (folder / f"{name}.allscore.txt").write_bytes(lines.encode("latin-1"))


def download(folder: Path) -> None:
    """A download: a person's first visit on one system and third on the other, somebody's nap, a mailed survey."""
    nights = folder / "polysomnography"
    nights.mkdir()
    _gamma(nights, "wsc-visit1-10119-nsrr", stage_heading="Epoch\tUser-Defined Stage\tCAST-Defined Stage\n")
    _gamma(nights, "wsc-visit1-62741-nsrr", stage_heading="")
    _twin(nights, "wsc-visit3-10119-nsrr")
    write_edf(nights / "wsc-visit1-10119.edf", [wave("L OCC", 100, "uV")])
    person = {"nsrrid": 10119, "nsrr_sex": "female", "nsrr_race": "white"}
    harmonised = [
        {**person, "nsrr_visit": visit, "nsrr_age": age, "nsrr_file_prefix": prefix, "nsrr_ahi_hp4u_aasm15": ahi}
        for visit, age, prefix, ahi in [
            (0, 80, "", ""),
            (1, 51.5, "wsc-visit1-10119", 4.5),
            (3, 59, "wsc-visit3-10119", 9),
        ]
    ]
    write_table(folder / "datasets/wsc-harmonized-dataset-0.8.0.csv", harmonised)
    raw = [
        {"wsc_id": 10119, "wsc_vst": 1, "sex": "F", "race": "05", "age": 51.5, "hypertension_ynd": "N"},
        {"wsc_id": 10119, "wsc_vst": 3, "sex": "F", "race": "05", "age": 59, "hypertension_ynd": "Y"},
        {"wsc_id": 62741, "wsc_vst": 1, "sex": "M", "race": "00", "age": 48, "hypertension_ynd": ""},
    ]
    write_table(folder / "datasets/wsc-dataset-0.8.0.csv", raw)


GAMMA = Truth(
    [0, 1, 2, 3, -1],
    [
        ("obstructive_apnea", 35, 12.5),
        ("arousal_spontaneous", 62, 0),
        ("desaturation", 65, 15),
        ("arousal_plm", 125, 0),
    ],
    {"eog_l": 10, "eog_r": 20, "eeg_c3_m2": 30, "emg_chin": 50, "ecg": 0.8, "airflow": 0.3, "airflow_2": 0.1},
    {"spo2": 93},
    source={"airflow": "nasalflow", "airflow_2": "oralflow", "emg_chin": "chin", "emg_leg_lr": "lleg_r"},
    absent=["eeg_f3_m2", "position"],
    findings=["PSG-A013"],  # a negative length
)


TRUTHS = {
    # Heritage: stages with and without a heading, labels that end in blanks, events without a length.
    "wsc-visit1-10119": GAMMA,
    "wsc-visit1-62741": GAMMA,
    # Comet: stages last until the next change; lengths and kinds are read out of the texts.
    "wsc-visit3-10119": Truth(
        [-1, 1, 3, 3, 4],
        [
            ("lights_off", 15.5, 0),
            ("hypopnea", 40.5, 14.9),
            ("desaturation", 41.75, 55.8),
            ("arousal_respiratory", 56, 3),
            ("limb_movement", 70, 0.7),
        ],
        {"eeg_c3_m2": 60, "eeg_f3_m2": 30, "eeg_fz_m2": 40, "eeg_pz_m2": 70, "eeg_o1_m2": 80, "emg_chin": 90},
        {"spo2": 93},
        source={"airflow": "flow", "emg_chin": "cchin_l"},
        absent=["airflow_2"],
        subject={"subject": "10119", "visit": "3", "age_years": 59.0, "sex": "female"},
    ),
}
COHORT = Cohort("wsc", download, TRUTHS)


def test_naps_are_no_nights(stores: Download) -> None:
    """A file without the mark of the harmonised signals is left alone."""
    assert sorted(stores) == sorted(TRUTHS)


def test_people(root: Path) -> None:
    """Each visit has its own age and answers; a person of the raw table alone is known, too."""
    first, other, third = (s.subject for s in find_recordings(load_manifest("wsc"), root))
    assert (first.age_years, third.age_years, other.age_years) == (51.5, 59.0, 48.0)
    assert (first.sex, other.sex, first.race, other.race) == ("female", "male", "white", "asian")
    assert [p.history["hypertension"] for p in (first, third, other)] == ["no", "yes", "unknown"]
    assert (first.indices, third.indices) == ({"ahi_hp4u_aasm15": 4.5}, {"ahi_hp4u_aasm15": 9.0})


def test_variants_of_references() -> None:
    """Every variant that the harmonisation left has a channel, told apart by what it is measured against."""
    labels = ["F3_AVG", "F4_AVG", "C3_AVG", "C4_M2", "O2_M2", "F3_M1", "Pz_Cz", "cchin_r", "lleg1_2", "rleg1_2"]
    made = channels("wsc", "2", [wave(label, 200, "uV") for label in labels])
    assert set(made.values()) == set(labels)
    assert (made["eeg_c4_m2"], made["eeg_f3_avg"], made["emg_chin"]) == ("C4_M2", "F3_AVG", "cchin_r")

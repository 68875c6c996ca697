"""APPLES: scoring on a clock that passes midnight, files called otherwise than persons, codes with a text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.cohort import find_recordings
from pipeline.manifests.load import load_manifest
from tests.cohorts.build import Cohort, Sig, Truth, breath, channels, held, wave, write_edf, write_table

MIDNIGHT_S = 86_400
START_S = MIDNIGHT_S - 60  # 23:59:00


def _montage(rate_hz: int, *more: Sig) -> list[Sig]:
    electrodes = {"C3_M2": 10, "C4_M1": 20, "O1_M2": 30, "O2_M1": 40, "LOC": 50, "ROC": 60, "EMG": 15}
    return [
        held("SpO2", 1, "%", 94, physical=(0, 100)),
        *(wave(label, rate_hz, "uV", size) for label, size in electrodes.items()),
        wave("ECG", rate_hz, "mV", 0.7),
        *(breath(label, 10, "", 0.3) for label in ("thermistor", "nasal_pres", "abdomen", "thorax")),
        wave("snore", 100, "", 0.2),
        *more,
    ]


def _clock(time_s: float) -> str:
    second = time_s % MIDNIGHT_S
    return f"{int(second // 3600):02d}:{int(second // 60 % 60):02d}:{second % 60:06.3f}"


def _annot(path: Path, stages: Sequence[str], events: Sequence[tuple[str, float, float]]) -> None:
    """Write Luna's six columns, onsets in seconds from the recording's start; stages first, then events."""
    scored = [(stage, 30.0 * i, 30.0) for i, stage in enumerate(stages)]
    lines = ["class\tinstance\tchannel\tstart\tstop\tmeta"]
    for label, onset, duration in [*scored, *events]:
        start = START_S + onset
        lines.append("\t".join([label, ".", ".", _clock(start), _clock(start + duration), "."]))
    path.write_text("\n".join(lines) + "\n", "utf-8")


def download(folder: Path) -> None:
    """A download of two nights, of which the second is not in the harmonised table, nor has legs or a pulse."""
    nights = folder / "polysomnography"
    more = [wave("LEG", 100, "uV", 25), held("pulse", 1, "", 61, physical=(0, 250))]
    write_edf(nights / "apples-130001.edf", _montage(100, *more), clock_s=START_S)
    events = [("hypopnea", 55.5, 12), ("arousal", 66, 4), ("desat", 70, 20), ("apnea", 100, 15), ("LM", 130, 1)]
    _annot(nights / "apples-130001.annot", ["L", "N1", "N2", "N3", "R"], events)
    write_edf(nights / "apples-270377.edf", _montage(200), clock_s=START_S)
    _annot(nights / "apples-270377.annot", ["W", "N1", "?", "N2", "W"], [])
    woman = {"appleid": "1001", "gender": "1) female", "age_at_enrollment": 52.5, "site": "2) UA"}
    man = {"appleid": "1002", "gender": "0) male", "age_at_enrollment": 47, "site": "5) BW"}
    baseline = {"visitn": 1, "ethnicity": "2) Black", "hpcvhtn": 2, "asthmamedhxhp": 1, "diabetesmedhxhp": -1}
    rows = [
        woman | baseline | {"age": 52.5},
        woman | {"visitn": 3, "fileid": "apples-130001"},
        woman | {"visitn": 5},
        man | {"visitn": 1, "age": 47, "ethnicity": "4) White", "hpcvhtn": 0, "bmiblquan": 31.5},
        man | {"visitn": 3, "fileid": "apples-270377"},
    ]
    write_table(folder / "datasets/apples-dataset-0.1.0.csv", rows)
    person = {"nsrrid": "1001", "nsrr_sex": "female", "nsrr_race": "black or african american"}
    harmonised = [person | {"visitn": 1, "nsrr_age": 52.5, "nsrr_bmi": 33.25, "nsrr_ever_smoker": "no"}]
    harmonised.append(person | {"visitn": 3, "nsrr_ahi_chicago1999": 41.5, "nsrr_ttldursp_f1": 390})
    write_table(folder / "datasets/apples-harmonized-dataset-0.1.0.csv", harmonised)


WAVES = {"eeg_c4_m1": 20, "eeg_c3_m2": 10, "eeg_o1_m2": 30, "eog_l": 50, "eog_r": 60, "emg_chin": 15, "ecg": 0.7}
BREATHING = {"airflow": 0.3, "nasal_pressure": 0.3, "thor": 0.3, "abdo": 0.3}


TRUTHS = {
    # Stages outside lights are unscored; events after midnight stay in the night; the person is not the file.
    "apples-130001": Truth(
        [-1, 1, 2, 3, 4],
        [
            ("hypopnea", 55.5, 12),
            ("arousal", 66, 4),
            ("desaturation", 70, 20),
            ("apnea", 100, 15),
            ("limb_movement", 130, 1),
        ],
        WAVES | BREATHING | {"emg_leg": 25},
        {"spo2": 94, "pulse_rate": 61},
        source={"airflow": "thermistor"},
        subject={"subject": "1001", "age_years": 52.5, "sex": "female", "site": "UA"},
    ),
    # Where the harmonised table lacks a person, code 0 is a man; 200 Hz is expected, too.
    "apples-270377": Truth(
        [0, 1, -1, 2, 0],
        (),
        WAVES,
        absent=["emg_leg", "pulse_rate"],
        subject={"subject": "1002", "age_years": 47.0, "sex": "male", "site": "BW", "bmi": 31.5},
    ),
}
COHORT = Cohort("apples", download, TRUTHS)


def test_people(root: Path) -> None:
    """Resolved and ongoing are yes, skipped is unknown; the index keeps the name of its rule."""
    woman, man = (source.subject for source in find_recordings(load_manifest("apples"), root))
    assert (woman.race, man.race) == ("black", "white")
    assert [woman.history[name] for name in ("hypertension", "asthma", "diabetes")] == ["yes", "yes", "unknown"]
    assert (man.history["hypertension"], man.history["asthma"], woman.bmi) == ("no", "unknown", 33.25)
    assert woman.indices == {"ahi_chicago1999": 41.5, "tst_min": 390.0}


def test_all_labels_of_the_tally() -> None:
    """Each of the labels that were counted in the headers of the cohort is a channel."""
    labels = ["snore", "SpO2", "EMG", "LOC", "ECG", "C3_M2", "C4_M1", "O2_M1", "thermistor", "nasal_pres"]
    labels += ["abdomen", "thorax", "ROC", "O1_M2", "LEG", "pulse"]
    units = {"SpO2": "%", "pulse": "bpm", "ECG": "mV"}
    made = channels("apples", "", [wave(label, 100, units.get(label, "uV")) for label in labels])
    assert set(made.values()) == set(labels)

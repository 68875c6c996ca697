"""Open sets, each written in its own layout and formats by an independent library: what they must become."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import time
from pathlib import Path

import edfio
import h5py
import numpy as np
import pytest
import wfdb
import xlwt
from numpy.typing import NDArray

from tests.cohorts.build import Cohort, Download, Sig, Truth, breath, held, wave, write_edf, write_table

N_SECOND = 150


def physical(signal: Sig) -> NDArray[np.float64]:
    """Return what the builder writes, in the header's unit."""
    header = signal.header
    digital = signal.counts(N_SECOND).reshape(-1).astype(float)
    return (digital - header.digital[0]) * header.gain + header.physical[0]


def scored_edf(path: Path, texts: Iterable[tuple[float, float | None, str]]) -> None:
    """Write EDF+ annotations as a file of their own, by edfio."""
    path.parent.mkdir(parents=True, exist_ok=True)
    edfio.Edf([], annotations=[edfio.EdfAnnotation(*text) for text in texts]).write(path)


def eeg(labels: Sequence[str], rate_hz: int, unit: str = "uV") -> list[Sig]:
    """Return sines of 10, 20, 30 … microvolt."""
    return [wave(label, rate_hz, unit, 10.0 * (i + 1)) for i, label in enumerate(labels)]


# --- HMC: scoring in an EDF+ of its own, an ECG in microvolt -----------------------------------------------


def _write_hmc(root: Path) -> None:
    labels = ["EEG F4-M1", "EEG C4-M1", "EEG O2-M1", "EEG C3-M2", "EMG chin", "EOG E1-M2", "EOG E2-M2"]
    folder = root / "recordings"
    write_edf(folder / "SN001.edf", [*eeg(labels, 256), wave("ECG", 256, "uV", 800)])
    words = ["W", "N1", "N2", "N3", "R"]
    stages = [(30.0 * i, 30.0, f"Sleep stage {word}") for i, word in enumerate(words)]
    scored_edf(folder / "SN001_sleepscoring.edf", [(0.0, None, "Lights off@@EEG F4-A1"), *stages])


HMC = {
    # The ECG's microvolts become millivolts; lights are told by texts that name a signal; nobody has an age.
    "SN001": Truth(
        [0, 1, 2, 3, 4],
        [("lights_off", 0, 0)],
        {"eeg_c4_m1": 20, "eeg_f4_m1": 10, "eog_l": 60, "eog_r": 70, "emg_chin": 50, "ecg": 0.8},
        source={"eeg_c3_m2": "EEG C3-M2"},
        subject={"subject": "SN001", "sex": "unknown", "age_years": None},
    )
}


# --- BOAS: BIDS, two nights of one person, a network beside the scorers ------------------------------------


def _bids(root: Path, night: str, human: Sequence[int], network: Sequence[int], signals: Sequence[Sig]) -> None:
    stem = root / night / "eeg" / f"{night}_task-Sleep_acq-psg_"
    write_edf(Path(f"{stem}eeg.edf"), signals)
    rows = [
        {"onset": 30 * i, "duration": 30, "begsample": 7680 * i + 1, "stage_hum": hum, "stage_ai": ai}
        for i, (hum, ai) in enumerate(zip(human, network, strict=True))
    ]
    write_table(Path(f"{stem}events.tsv"), rows, delimiter="\t")


def _write_boas(root: Path) -> None:
    electrodes = eeg(["PSG_F3", "PSG_F4", "PSG_C3", "PSG_C4"], 256)
    belts = [breath("PSG_THOR", 256, "uV", 300), breath("PSG_THER", 256, "uV", 200)]
    _bids(root, "sub-1", [0, 8, 2, 3, 4], [0, -2, 2, 2, 4], [*electrodes, wave("PSG_EOG", 256, "uV", 90), *belts])
    eyes = [wave("PSG_EOGL", 256, "uV", 60), wave("PSG_EOGR", 256, "uV", 70), held("PSG_PULSE", 256, "uV", 1)]
    _bids(root, "sub-2", [0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [*electrodes, *eyes])
    person = {"age": 27, "sex": "F", "bmi": 19.8, "pid": 89}
    people = [{"participant_id": "sub-1", **person}, {"participant_id": "sub-2", **person, "bmi": "n/a"}]
    write_table(root / "participants.tsv", people, delimiter="\t")


_BOAS_WAVES = {"eeg_c4_m1": 40, "eeg_f3_m1": 10}
_PERSON = {"subject": "89", "age_years": 27.0, "sex": "female"}
BOAS = {
    # Two recordings are one person; disconnections are unscored; a network's stages stand beside.
    "sub-1": Truth(
        [0, -1, 2, 3, 4],
        (),
        _BOAS_WAVES | {"eog_h": 90, "thor": 300, "airflow": 200},
        subject=_PERSON,
        scorers={2: [0, -1, 2, 2, 4]},
    ),
    "sub-2": Truth(
        [0, 1, 2, 3, 4],
        (),
        _BOAS_WAVES | {"eog_l": 60, "eog_r": 70},
        absent=["eog_h"],
        subject=_PERSON,
        scorers={2: [0, 1, 2, 3, 4]},
    ),
}


# --- CinC 2018: MATLAB files behind a WFDB header, pairs of texts ------------------------------------------


def _cinc(folder: Path, signals: Sequence[Sig]) -> None:
    """Write a record as the challenge has it: samples behind 24 bytes of a MATLAB header."""
    folder.mkdir(parents=True)
    wfdb.wrsamp(
        folder.name,
        fs=200,
        units=[signal.unit for signal in signals],
        sig_name=[signal.label for signal in signals],
        p_signal=np.column_stack([physical(signal) for signal in signals]),
        fmt=["16"] * len(signals),
        write_dir=str(folder),
    )
    data, header = folder / f"{folder.name}.dat", folder / f"{folder.name}.hea"
    (folder / f"{folder.name}.mat").write_bytes(bytes(24) + data.read_bytes())
    header.write_text(header.read_text().replace(".dat 16 ", ".mat 16+24 "))
    data.unlink()


def _write_cinc2018(root: Path) -> None:
    labels = ["F3-M2", "F4-M1", "C3-M2", "C4-M1", "O1-M2", "O2-M1", "E1-M2", "Chin1-Chin2"]
    breathing = [breath("ABD", 200, "uV", 70), breath("CHEST", 200, "uV", 80), breath("AIRFLOW", 200, "uV", 90)]
    signals = [*eeg(labels, 200), *breathing, held("SaO2", 200, "%", 95, (0, 100)), wave("ECG", 200, "mV", 0.7)]
    for part, name in (("training", "tr03-0005"), ("test", "te03-0001")):
        _cinc(root / part / name, signals)
    texts = [
        (0, "W"),
        (30, "N1"),
        (60, "N2"),
        (65, "(resp_obstructiveapnea"),
        (77.5, "resp_obstructiveapnea)"),
        (80, "(arousal_rera"),
        (84, "arousal_rera)"),
        (90, "N3"),
        (120, "R"),
    ]
    wfdb.wrann(
        "tr03-0005",
        "arousal",
        sample=np.array([round(200 * onset) for onset, _ in texts]),
        symbol=['"'] * len(texts),
        aux_note=[text for _, text in texts],
        write_dir=str(root / "training/tr03-0005"),
    )
    people = [{"Record": "tr03-0005", "Age": 59, "Sex": "F"}, {"Record": "te03-0001", "Age": 70, "Sex": "M"}]
    write_table(root / "age-sex.csv", people)


_CINC_WAVES = {"eeg_c4_m1": 40, "eeg_f3_m2": 10, "eog_l": 70, "emg_chin": 80, "thor": 80, "abdo": 70, "ecg": 0.7}
CINC2018 = {
    # Event pairs have the length between them.
    "tr03-0005": Truth(
        [0, 1, 2, 3, 4],
        [("obstructive_apnea", 65, 12.5), ("rera", 80, 4)],
        _CINC_WAVES,
        {"spo2": 95},
        absent=["eog_r"],
        subject={"subject": "tr03-0005", "age_years": 59.0, "sex": "female", "site": "mgh"},
    ),
    # A night of the test set has no scoring, and is no night awake.
    "te03-0001": Truth([-1] * 5, (), _CINC_WAVES, subject={"age_years": 70.0, "sex": "male"}),
}


# --- DOD: HDF5, five scorers beside the consensus ----------------------------------------------------------


def _write_dod(root: Path) -> None:
    groups = {"eeg": eeg(["C3_M2", "C4_M1", "F3_F4"], 250), "eog": eeg(["EOG1", "EOG2"], 250)}
    groups["emg"] = [wave("EMG", 250, "uV", 25), wave("ECG", 250, "uV", 900)]
    path = root / "dodh" / "0a1b-2c3d.h5"
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        for name, signals in groups.items():
            group = file.create_group(f"signals/{name}")
            group.attrs.update({"fs": 250, "unit": "uV"})
            for signal in signals:
                group[signal.label] = physical(signal).astype(np.float32)
        file["hypnogram"] = np.array([-1, 0, 1, 3, 4], np.int8)
    scorer = root / "scorers/dodh/scorer_3/0a1b-2c3d.json"
    scorer.parent.mkdir(parents=True)
    scorer.write_text(json.dumps([-1, 0, 2, 3, 4]))


DOD = {
    # An ECG in the group of the EMG, units of the file, the consensus first and scorers beside it.
    "dodh-0a1b-2c3d": Truth(
        [-1, 0, 1, 3, 4],
        (),
        {"eeg_c4_m1": 20, "eeg_f3_f4": 30, "eog_l": 10, "emg_chin": 25, "ecg": 0.9},
        source={"ecg": "ECG"},
        subject={"subject": "0a1b-2c3d"},
        scorers={4: [-1, 0, 2, 3, 4]},
    )
}


# --- ISRUC: EDF called .rec, two scorers, two generations of labels ----------------------------------------


def _isruc(path: Path, signals: Sequence[Sig], first: Sequence[int], second: Sequence[int]) -> None:
    write_edf(path, signals)
    for number, codes in ((1, first), (2, second)):
        path.with_name(f"{path.stem}_{number}.txt").write_text("".join(f"{code}\n" for code in codes))


def _write_isruc(root: Path) -> None:
    old = [*eeg(["F3-A2", "C3-A2", "LOC-A2", "ROC-A1"], 200), wave("24", 200, "uV", 15), wave("25", 200, "uV", 500)]
    _isruc(
        root / "subgroupI/7/7.rec",
        [*old, held("SpO2", 12, "%", 96, (0, 100))],
        [0, 1, 2, 3, 5],
        [0, 0, 2, 3, 5],
    )
    new = [*eeg(["F3-M2", "C3-M2", "E1-M2", "E2-M1"], 200), wave("X1", 200, "uV", 15), breath("X8", 200, "", 3)]
    for night in ("1", "2"):
        _isruc(root / f"subgroupII/7/{night}/{night}.rec", new, [0, 1, 2, 3, 5], [0, 1, 2, 3, 5])


_ISRUC_WAVES = {"eeg_c3_m2": 20, "eog_l": 30, "eog_r": 40, "emg_chin": 15}
ISRUC = {
    # Code 5 is REM; numbers and X name the same inputs in two generations of files.
    "I-7": Truth(
        [0, 1, 2, 3, 4],
        (),
        _ISRUC_WAVES | {"ecg": 0.5},
        {"spo2": 96},
        subject={"subject": "I-7", "visit": ""},
        scorers={2: [0, 0, 2, 3, 4]},
    ),
    # Two nights are one person.
    **{
        f"II-7-{visit}": Truth(
            [0, 1, 2, 3, 4],
            (),
            _ISRUC_WAVES | {"abdo": 3},
            subject={"subject": "II-7", "visit": visit},
            scorers={2: [0, 1, 2, 3, 4]},
        )
        for visit in ("1", "2")
    },
}


# --- Sleep-EDF: two studies whose codes of sex are opposite ------------------------------------------------


_CLOCK = xlwt.easyxf(num_format_str="hh:mm")


def _spreadsheet(path: Path, *rows: Sequence[object]) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("people")
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            style = _CLOCK if isinstance(value, time) else xlwt.Style.default_style
            sheet.write(y, x, value, style)
    book.save(str(path))


def _write_sleep_edf(root: Path) -> None:
    leads = eeg(["EEG Fpz-Cz", "EEG Pz-Oz", "EOG horizontal"], 100)
    words = [(30.0 * i, 30.0, f"Sleep stage {word}") for i, word in enumerate("W124R")]
    cassette, telemetry = root / "sleep-cassette", root / "sleep-telemetry"
    write_edf(cassette / "SC4021E0-PSG.edf", [*leads, held("EMG submental", 1, "uV", 3, (-5, 5))])
    scored_edf(cassette / "SC4021EH-Hypnogram.edf", words)
    write_edf(telemetry / "ST7021J0-PSG.edf", [*leads, wave("EMG submental", 100, "uV", 12)])
    scored_edf(telemetry / "ST7021JM-Hypnogram.edf", words)
    _spreadsheet(
        root / "SC-subjects.xls",
        ["subject", "night", "age", "sex (F=1)", "LightsOff"],
        [2, 1, 26, 1, time(22, 0)],
        [2, 2, 26, 1, time(22, 50)],
    )
    _spreadsheet(
        root / "ST-subjects.xls",
        ["Subject - age - sex", "", "", "Placebo night", "", "Temazepam night", ""],
        ["Nr", "Age", "M1/F2", "night nr", "lights off", "night nr", "lights off"],
        [2, 35, 1, 1, time(23, 17), 2, time(23, 31)],
    )


_EDF_WAVES = {"eeg_fpz_cz": 10, "eeg_pz_oz": 20, "eog_h": 30}
SLEEP_EDF = {
    # Code 1 is a woman in one study and a man in the other; a 1-Hz envelope is no EMG; stage 4 is N3.
    "SC4021E0": Truth(
        [0, 1, 2, 3, 4],
        (),
        _EDF_WAVES,
        absent=["emg_chin"],
        subject={"subject": "SC402", "age_years": 26.0, "sex": "female"},
    ),
    "ST7021J0": Truth(
        [0, 1, 2, 3, 4],
        (),
        _EDF_WAVES | {"emg_chin": 12},
        subject={"subject": "ST702", "age_years": 35.0, "sex": "male"},
    ),
}

COHORTS = (
    Cohort("hmc", _write_hmc, HMC),
    Cohort("boas", _write_boas, BOAS),
    Cohort("cinc2018", _write_cinc2018, CINC2018),
    Cohort("dod", _write_dod, DOD),
    Cohort("isruc", _write_isruc, ISRUC),
    Cohort("sleep_edf", _write_sleep_edf, SLEEP_EDF),
)


@pytest.mark.parametrize("cohort", COHORTS, ids=lambda cohort: cohort.name)
def test_nights_are_those_that_were_written(converted: Callable[[Cohort], Download], cohort: Cohort) -> None:
    """Every file of signals is a recording under the name that its cohort gives it, and nothing else is."""
    assert sorted(converted(cohort)) == sorted(cohort.truths)

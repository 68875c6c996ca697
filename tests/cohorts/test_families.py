"""Every montage that is spelt out for SHHS, MrOS and APPLES: sets of labels, rates and recorders, one night each.

Headers decide which channels a file gives, so the plain run looks at those alone; the system tests write and
convert all of the nights. Counts of labels: tests/data/label_counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from pipeline.channels import resolve
from pipeline.manifests.load import load_manifest
from schemas.recording import SignalInfo
from tests.cohorts.build import Sig, Truth, breath, check, convert, held, wave, write_edf

PLUS, MINUS = 30.0, 12.0  # amplitudes of electrodes, and of what they are measured against; of ECG a hundredth
MODALITIES = ("eeg", "eog", "emg", "ecg", "airflow", "nasal_pressure", "thor", "abdo")


@dataclass(frozen=True)
class Family:
    """Nights of one montage.

    Parameters
    ----------
    path : str
        Where such a night lies below the root.
    made : mapping of channel to str
        Every channel that it gives, and the label, or ``A - B``, that it is made of.
    """

    cohort: str
    visit: str
    path: str
    signals: Sequence[Sig]
    made: Mapping[str, str]


def _electrodes(rate_hz: int, *labels: str, amplitude: float = PLUS, limit: float = 500.0) -> list[Sig]:
    return [wave(label, rate_hz, "uV", amplitude, physical=(-limit, limit)) for label in labels]


def _ecg(rate_hz: int, label: str, amplitude: float = PLUS, limit: float = 5.0) -> Sig:
    return wave(label, rate_hz, "mV", amplitude / 100, physical=(-limit, limit))


def _breaths(rate_hz: int, *labels: str) -> list[Sig]:
    return [breath(label, rate_hz, "", 0.5, physical=(-1, 1)) for label in labels]


# --- SHHS --------------------------------------------------------------------------------------------------

_SHHS = {
    "eeg_c4_m1": "EEG",
    "eog_l": "EOG(L)",
    "eog_r": "EOG(R)",
    "emg_chin": "EMG",
    "ecg": "ECG",
    "thor": "THOR RES",
    "abdo": "ABDO RES",
    "spo2": "SaO2",
    "position": "POSITION",
}


def _shhs_electrodes(rate_hz: int, eog_hz: int, ecg_hz: int, second: str) -> list[Sig]:
    return [
        *_electrodes(rate_hz, "EEG", second, limit=125),
        *_electrodes(eog_hz, "EOG(L)", "EOG(R)", limit=125),
        *_electrodes(rate_hz, "EMG", limit=31.5),
        _ecg(ecg_hz, "ECG", limit=1.25),
    ]


def _shhs1(
    second: str, air: Sequence[str], taken: str, *, ecg_hz: int = 125, status: str = "OX stat", also: str = ""
) -> Family:
    signals = [
        held("SaO2", 1, "", 95, physical=(0, 100)),
        held("H.R.", 1, "BPM", 62, physical=(0, 250)),
        *_shhs_electrodes(125, 50, ecg_hz, second),
        *_breaths(10, "THOR RES", "ABDO RES", *air, *also.split()),
        *(held(label, 1, "", 1, physical=(0, 3)) for label in filter(None, ("POSITION", "LIGHT", status))),
    ]
    made = _SHHS | {"eeg_c3_m2": second, "airflow": taken, "pulse_rate": "H.R."}
    made |= {"status_oximeter": status} if status else {}
    return Family("shhs", "shhs1", "polysomnography/edfs/shhs1/shhs1-200001.edf", signals, made)


def _shhs2(rate_hz: int, ecg_hz: int, slow_hz: int, pulse: str, status: str) -> Family:
    signals = [
        held("SaO2", 1, "%", 93, physical=(0, 100)),
        held(pulse, 1, "BPM", 58, physical=(0, 250)),
        *_shhs_electrodes(rate_hz, 64 if rate_hz == 128 else 50, ecg_hz, "EEG(sec)"),
        *_breaths(slow_hz, "AIRFLOW", "THOR RES", "ABDO RES"),
        *(held(label, 1, "", 1, physical=(0, 3)) for label in ("POSITION", "LIGHT", status)),
    ]
    made = {"eeg_c3_m2": "EEG(sec)", "airflow": "AIRFLOW", "pulse_rate": pulse, "status_oximeter": status}
    return Family("shhs", "shhs2", "polysomnography/edfs/shhs2/shhs2-200001.edf", signals, _SHHS | made)


# --- MrOS --------------------------------------------------------------------------------------------------


def _mros(visit: int, signals: Sequence[Sig], made: Mapping[str, str], cannula: str = "", also: str = "") -> Family:
    common = {"spo2": "SpO2" if visit == 2 else "SaO2", "pulse_rate": "HR", "status_oximeter": "STAT"}
    common |= {"effort_sum": "SUM", "airflow": "Airflow"}
    common |= dict.fromkeys(("nasal_pressure", "nasal_pressure_wave"), cannula) if cannula else {}
    more = [
        *_breaths(64, *filter(None, (cannula, also))),
        *_breaths(16 * visit, "Airflow", "SUM"),
        *(held(label, 1, "", 60, physical=(0, 250)) for label in ("HR", "DHR")),
        held("STAT", 1, "", 0, physical=(0, 3)),
        held("Position", 4, "", 1, physical=(0, 5)),
    ]
    return Family("mros", f"visit{visit}", _mros_path(visit), [*signals, *more], {**common, **made})


def _mros_path(visit: int) -> str:
    return f"polysomnography/edfs/visit{visit}/mros-visit{visit}-aa0001.edf"


def _first_labels(visit: int) -> tuple[list[Sig], dict[str, str]]:
    """Return signals and channels with the labels of the first visit."""
    signals = [
        *_electrodes(256, "C3", "C4", "LOC", "ROC", "L Chin"),
        *_electrodes(256, "A1", "A2", "R Chin", amplitude=MINUS),
        *_electrodes(64, "Leg L", "Leg R"),
        *(_ecg(512, "ECG L"), _ecg(512, "ECG R", MINUS)),
        *_breaths(16 * visit, "Thoracic", "Abdominal"),
        held("SaO2", 1, "%", 94, physical=(0, 100)),
    ]
    made = {"eeg_c4_m1": "C4 - A1", "eeg_c3_m2": "C3 - A2", "eog_l": "LOC - A2", "eog_r": "ROC - A1"}
    made |= {"emg_chin": "L Chin - R Chin", "ecg": "ECG L - ECG R", "thor": "Thoracic", "abdo": "Abdominal"}
    return signals, made | {"spo2": "SaO2"}


def _ready_made() -> tuple[list[Sig], dict[str, str]]:
    """Return those of six nights of the first visit: derived already, the mastoids gone, and the eyes with them."""
    signals = [
        *_electrodes(256, "C3-A2", "C4-A1", "L Chin-R Chin", "LOC", "ROC"),
        *_electrodes(64, "Leg L", "Leg R"),
        _ecg(512, "ECG L-ECG R"),
        *_breaths(16, "Thoracic", "Abdominal"),
        held("SaO2", 1, "%", 94, physical=(0, 100)),
    ]
    made = {"eeg_c4_m1": "C4-A1", "eeg_c3_m2": "C3-A2", "emg_chin": "L Chin-R Chin", "ecg": "ECG L-ECG R"}
    return signals, made | {"thor": "Thoracic", "abdo": "Abdominal"}


def _second_labels(ecg_hz: int = 512) -> tuple[list[Sig], dict[str, str]]:
    """Return signals and channels with the labels of the second visit."""
    signals = [
        *_electrodes(256, "C3", "C4", "E1", "E2", "LChin"),
        *_electrodes(256, "M1", "M2", "RChin", amplitude=MINUS),
        *_electrodes(64, "LegL", "LegR"),
        *(_ecg(ecg_hz, "ECGL"), _ecg(ecg_hz, "ECGR", MINUS)),
        *_breaths(32, "Chest", "ABD"),
        held("SpO2", 1, "%", 94, physical=(0, 100)),
    ]
    made = {"eeg_c4_m1": "C4 - M1", "eeg_c3_m2": "C3 - M2", "eog_l": "E1 - M2", "eog_r": "E2 - M1"}
    return signals, made | {"emg_chin": "LChin - RChin", "ecg": "ECGL - ECGR", "thor": "Chest", "abdo": "ABD"}


# --- APPLES ------------------------------------------------------------------------------------------------

_APPLES = {
    "eeg_c4_m1": "C4_M1",
    "eeg_c3_m2": "C3_M2",
    "eeg_o2_m1": "O2_M1",
    "eeg_o1_m2": "O1_M2",
    "eog_l": "LOC",
    "eog_r": "ROC",
    "emg_chin": "EMG",
    "ecg": "ECG",
    "emg_leg": "LEG",
    **dict.fromkeys(("airflow", "airflow_wave"), "thermistor"),
    **dict.fromkeys(("nasal_pressure", "nasal_pressure_wave"), "nasal_pres"),
    "thor": "thorax",
    "abdo": "abdomen",
    "snore": "snore",
    "spo2": "SpO2",
    "pulse_rate": "pulse",
}


def _apples(rate_hz: int, *lacking: str) -> Family:
    signals = [
        *_electrodes(rate_hz, "C4_M1", "C3_M2", "O2_M1", "O1_M2", "LOC", "ROC", "EMG", "LEG"),
        _ecg(rate_hz, "ECG"),
        *_breaths(100, "thermistor", "nasal_pres", "thorax", "abdomen", "snore"),
        held("SpO2", 1, "%", 94, physical=(0, 100)),
        held("pulse", 1, "bpm", 61, physical=(0, 250)),
    ]
    kept = [signal for signal in signals if signal.label not in lacking]
    made = {channel: label for channel, label in _APPLES.items() if label not in lacking}
    return Family("apples", "", "polysomnography/apples-130001.edf", kept, made)


_MOST = ("C4_M1", "C3_M2", "O2_M1", "O1_M2", "ROC", "thermistor", "nasal_pres", "thorax", "abdomen", "LEG", "pulse")

FAMILIES = {
    "shhs1, both thermistors": _shhs1("EEG(sec)", ["AIRFLOW", "NEW AIR"], "NEW AIR"),
    "shhs1, New Air": _shhs1("EEG 2", ["New Air"], "New Air"),
    "shhs1, NEWAIR": _shhs1("EEG2", ["AIRFLOW", "NEWAIR"], "NEWAIR"),
    "shhs1, AUX": _shhs1("EEG sec", ["AUX"], "AUX"),
    "shhs1, New A/F": _shhs1("EEG(SEC)", ["New A/F", "AIRFLOW"], "New A/F"),
    "shhs1, New AIR": _shhs1("EEG(sec)", ["New AIR"], "New AIR", also="SOUND EPMS CPAP"),
    "shhs1, new air": _shhs1("EEG(sec)", ["new air"], "new air", also="SOUND epms"),
    "shhs1, one thermistor": _shhs1("EEG(sec)", ["AIRFLOW"], "AIRFLOW", also="LEG(L) LEG(R)"),
    "shhs1, two of one name": _shhs1("EEG(sec)", ["AIRFLOW", "AIRFLOW"], "AIRFLOW"),
    "shhs1, NASAL, ECG at 250 Hz": _shhs1("EEG(sec)", ["NEW AIR", "NASAL"], "NEW AIR", ecg_hz=250, status=""),
    "shhs2": _shhs2(125, 250, 10, "PR", "OX STAT"),
    "shhs2, version 4": _shhs2(128, 256, 8, "PR", "OX STAT"),
    "shhs2, names of the first visit": _shhs2(125, 125, 10, "H.R.", "OX stat"),
    "mros1": _mros(1, *_first_labels(1), "Cannula Flow"),
    "mros1, no cannula": _mros(1, *_first_labels(1)),
    "mros1, derived already": _mros(1, *_ready_made(), "Cannula Flow"),
    "mros2": _mros(2, *_second_labels(), "CannulaFlow"),
    "mros2, ECG at 1024 Hz": _mros(2, *_second_labels(1024), "CannulaFlow", also="CH36"),
    "mros2, Cannula Flow": _mros(2, *_second_labels(), "Cannula Flow"),
    "mros2, CH37": _mros(2, *_second_labels(), "CH37"),
    "mros2, no cannula": _mros(2, *_second_labels()),
    "mros2, labels of the first visit": _mros(2, *_first_labels(2), "Cannula Flow"),
    "apples": _apples(100),
    "apples, 200 Hz, no leg": _apples(200, "LEG"),
    "apples, no pulse": _apples(100, "pulse"),
    "apples, no O1_M2": _apples(100, "O1_M2"),
    "apples, seven nights": _apples(100, *_MOST),
    "apples, one night without ECG": _apples(100, *_MOST, "ECG"),
}

_manifest = cache(load_manifest)


@pytest.mark.parametrize("name", FAMILIES)
def test_headers_of_a_family_give_its_channels(name: str) -> None:
    """Exactly these channels, each of the label that is meant for it."""
    family = FAMILIES[name]
    infos = [
        SignalInfo(i, signal.label, signal.unit, Fraction(signal.rate_hz), *signal.header.physical)
        for i, signal in enumerate(family.signals)
    ]
    plans, _ = resolve(_manifest(family.cohort), family.visit, infos)
    assert {plan.channel: plan.source_label for plan in plans} == dict(family.made)


def _amplitude(channel: str, label: str) -> float:
    if channel.startswith(("airflow", "nasal", "thor", "abdo")):
        return 0.5
    size = PLUS - MINUS if " - " in label else PLUS
    return size / 100 if channel == "ecg" else size


@pytest.mark.system
@pytest.mark.parametrize("name", FAMILIES)
def test_a_night_of_a_family_converts(name: str, tmp_path: Path) -> None:
    """Written, converted with the shipped manifest and verified, it has its channels at their sizes."""
    family = FAMILIES[name]
    write_edf(tmp_path / "in" / family.path, family.signals, n_second=90)
    (ds,) = convert(family.cohort, tmp_path / "in", tmp_path / "out").values()
    waves = {c: _amplitude(c, label) for c, label in family.made.items() if c.startswith(MODALITIES)}
    unexplained = ["PSG-C002" for signal in family.signals if signal.label == "NASAL"]
    check(ds, Truth([-1, -1, -1], amplitude=waves, source=family.made, findings=unexplained))

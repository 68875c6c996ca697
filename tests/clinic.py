"""A clinic that does not exist: its own folders, labels, units, scorings and table of persons, and their truth.

The tutorial maps it without Python. Nothing in it is spelt as any shipped manifest has it, and three things are as
awkward as in real clinics: a night that begins before midnight, a recorder that was replaced, and labels that an
EDF cuts off after sixteen characters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cohorts.build import Sig, Truth, breath, held, wave, write_edf, write_table

__all__ = ["NIGHTS", "ClinicNight", "write_clinic"]

EPOCH_S = 30
# What the generator knows; a scorer writes it down in German.
WORDS = {0: "Wach", 1: "Schlaf N1", 2: "Schlaf N2", 3: "Schlaf N3", 4: "Schlaf REM", -1: "Bewegung"}
TERMS = {
    "obstructive_apnea": "Obstruktive Apnoe",
    "central_apnea": "Zentrale Apnoe",
    "hypopnea": "Hypopnoe",
    "desaturation": "Sättigungsabfall",
    "arousal": "Weckreaktion",
}


def _signals(*, is_new: bool) -> list[Sig]:
    """Return the signals of one of two recorders: the newer one has shorter labels for belts and flow."""
    flow, thor, abdo = ("Nasenfluss", "Brust", "Bauch") if is_new else ("Nasaler Fluss", "Brustgurt", "Bauchgurt")
    return [
        wave("C4 gegen A1", 200, "uV", 40.0),
        wave("C3 gegen A2", 200, "uV", 30.0),
        wave("Auge links", 200, "uV", 60.0),
        wave("Auge rechts", 200, "uV", 50.0),
        wave("Kinn", 200, "uV", 12.0),
        wave("Herz", 200, "mV", 0.9),
        breath(flow, 20, "hPa", 0.5),
        breath(thor, 20, "", 0.8),
        breath(abdo, 20, "", 0.6),
        held("Sauerstoffsaetti", 1, "Prozent", 94, physical=(0, 100)),  # sixteen characters are all that an EDF has
        held("Puls", 1, "Schl/min", 61, physical=(0, 250)),
        held("Lage", 1, "", 3, physical=(0, 8)),
        held("Akku", 1, "V", 3, physical=(0, 5)),
    ]


AMPLITUDE = {
    "eeg_c4_m1": 40.0,
    "eeg_c3_m2": 30.0,
    "eog_l": 60.0,
    "eog_r": 50.0,
    "emg_chin": 12.0,
    "ecg": 0.9,
    "nasal_pressure": 0.5,
    "thor": 0.8,
    "abdo": 0.6,
}
LEVEL = {"spo2": 94.0, "pulse_rate": 61.0, "position": 2.0}


@dataclass(frozen=True)
class ClinicNight:
    """One night: who, which, when it began (seconds of the day), with which recorder, and what was scored."""

    subject: str
    night: str
    clock_s: int
    is_new: bool
    stages: Sequence[int]
    events: Sequence[tuple[str, float, float]]
    person: Mapping[str, object]

    @property
    def folder(self) -> str:
        """Where its files lie."""
        return f"Naechte/{self.subject}/{self.night}"

    @property
    def truth(self) -> Truth:
        """What its store must hold."""
        findings = ["PSG-C003", "PSG-C011"]
        return Truth(self.stages, self.events, AMPLITUDE, LEVEL, subject=self.person, findings=findings)


NIGHTS = {
    night.subject + "-" + night.night: night
    for night in (
        ClinicNight(
            *("S014", "Nacht1", 23 * 3600 + 58 * 60),  # midnight is four epochs away
            is_new=False,
            stages=[0, 0, 1, 2, 2, 3, 3, 4, -1, 0],
            events=[
                ("obstructive_apnea", 100.5, 14.5),
                ("desaturation", 110.0, 25.0),
                ("arousal", 115.0, 6.0),
                ("hypopnea", 190.0, 12.0),
            ],
            person={"subject": "S014", "visit": "Nacht1", "age_years": 54.0, "sex": "female"},
        ),
        ClinicNight(
            *("S014", "Nacht2", 22 * 3600),
            is_new=True,
            stages=[0, 1, 2, 3, 3, 3, 4, 4, 2, 0],
            events=[("arousal", 200.0, 5.0)],
            person={"subject": "S014", "visit": "Nacht2", "age_years": 54.0, "sex": "female"},
        ),
        ClinicNight(
            *("S027", "Nacht1", 21 * 3600 + 30 * 60),
            is_new=True,
            stages=[0, 1, 1, 2, 3, 3, 2, 4, 4, 0],
            events=[("central_apnea", 130.0, 11.0), ("desaturation", 140.0, 20.0)],
            person={"subject": "S027", "visit": "Nacht1", "age_years": 61.0, "sex": "male"},
        ),
    )
}


def write_clinic(root: Path) -> Path:
    """Write what the clinic hands over: nights, their scorings, and one table of persons."""
    for night in NIGHTS.values():
        folder = root / night.folder
        signals = _signals(is_new=night.is_new)
        write_edf(folder / "Ableitung.edf", signals, n_second=300, clock_s=night.clock_s)
        _write_scoring(folder / "Auswertung.csv", night)
    persons = [
        {"Kennung": "S014", "Geschlecht": "w", "Alter": 54, "BMI": "27,4"},
        {"Kennung": "S027", "Geschlecht": "m", "Alter": 61, "BMI": "31,9"},
    ]
    write_table(root / "Stammdaten.csv", persons, delimiter=";")
    return root


def _write_scoring(path: Path, night: ClinicNight) -> None:
    """Write stages as runs and events in one list, by the clock, as Windows writes them in German."""
    runs = [(k * EPOCH_S, EPOCH_S, WORDS[stage], "") for k, stage in enumerate(night.stages)]
    flow = "Nasenfluss" if night.is_new else "Nasaler Fluss"
    rows = [*runs, *((onset, length, TERMS[kind], flow) for kind, onset, length in night.events)]
    lines = ["Schlaflabor Waldblick;Auswertung nach AASM", "Uhrzeit;Dauer;Ereignis;Kanal"]
    for onset_s, length_s, word, channel in sorted(rows, key=lambda row: row[0]):
        lines.append(f"{_clock(night.clock_s + onset_s)};{length_s:.1f};{word};{channel}".replace(".", ","))
    path.write_bytes("\r\n".join([*lines, ""]).encode("latin-1"))


def _clock(time_s: float) -> str:
    """Return 23:59:40.5; the decimal point is turned by the caller."""
    whole, tenths = divmod(round(time_s * 10), 10)
    return f"{whole // 3600 % 24:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}.{tenths}"

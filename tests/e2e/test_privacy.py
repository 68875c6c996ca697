"""Personal words, planted wherever a source has room for them, are nowhere in what the program writes or says.

Every word ends in letters that nothing else has, so that it is found in any encoding and any case.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edfio
import numpy as np
import pytest
import yaml

from pipeline.manifests.load import load_manifest
from pipeline.synth import synthesise
from pipeline.synth.edf_patch import EdfPatch
from pipeline.write.ledger import read_ledger
from tests.command_line import in_process

SALT = "a long secret of the clinic"
PLACES = (  # names of files; fields of EDF headers; parts of annotations; of tables
    *("person", "ward", "patient", "record", "sensor", "spare", "filter", "broken"),
    *("tal", "stage", "comment", "note", "type", "term", "where", "error"),
    *("column", "cell", "history", "family"),
)


def tail(place: str) -> str:
    """What tells a place's words from all other text."""
    return f"xq{place}"


def plain(place: str) -> str:
    return f"Jo{tail(place)}"


def latin(place: str) -> str:
    return f"Jö{tail(place)}"


def wide(place: str) -> str:
    """Not in Latin-1."""
    return f"Ĵő{tail(place)}"


def places_in(content: bytes) -> set[str]:
    """Places whose words are in some bytes, in any case, as any superset of ASCII or as UTF-16."""
    text = content.lower()
    return {p for p in PLACES if tail(p).encode() in text or tail(p).encode("utf-16-le") in text}


# --- sources ------------------------------------------------------------------------------------------------


def plant_in_header(edf: EdfPatch) -> None:
    """Fill every field that may hold free text; each signal with another encoding."""
    edf.set("patient", f"MRN7 F 07-MAR-1951 {plain('patient')} ".encode() + latin("patient").encode("latin-1"))
    edf.set("recording", f"Startdate 01-JAN-1985 {wide('record')}".encode())
    edf.set("reserved", plain("spare"))
    for signal in range(edf.n_signal):
        encoding, word = (("utf-8", wide), ("latin-1", latin))[signal % 2]
        edf.set("transducer", word("sensor").encode(encoding), signal)
        edf.set("prefilter", f"HP:0.3Hz {word('filter')} LP:35Hz".encode(encoding), signal)
        edf.set("signal_reserved", word("spare").encode(encoding), signal)


NOTES = f"""\
<!-- scored by {plain("comment")} -->
<ScoredEvent><EventType>Notes|{plain("type")}</EventType><EventConcept>Technician Notes</EventConcept>
<Start>30</Start><Duration>1</Duration><Notes>{latin("note")} called</Notes></ScoredEvent>
<ScoredEvent><EventType>{wide("type")}</EventType><EventConcept>{wide("term")} snores|{plain("term")}</EventConcept>
<Start>40</Start><Duration>1</Duration><SignalLocation>{plain("where")}</SignalLocation></ScoredEvent>
<ScoredEvent><EventType>Arousals|Arousals</EventType><EventConcept>Arousal|Arousal ()</EventConcept>
<Start>50</Start><Duration>3</Duration><SignalLocation>{latin("where")}</SignalLocation></ScoredEvent>
</ScoredEvents>"""


def plant_in_xml(text: str) -> str:
    head = f"<PSGAnnotation>\n<Technician>{wide('comment')}</Technician>"
    return text.replace("</ScoredEvents>", NOTES).replace("<PSGAnnotation>", head)


def no_change(edf: EdfPatch) -> None:
    """Leave the signals as they are."""


def header(field: str, text: str, signal: int | None = None) -> Callable[[EdfPatch], None]:
    return lambda edf: edf.set(field, text, signal)


def keep(share: float) -> Callable[[EdfPatch], None]:
    """Keep the beginning of the file."""

    def cut(edf: EdfPatch) -> None:
        del edf.data[int(len(edf.data) * share) :]

    return cut


def swap(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


def labels(*names: str) -> Callable[[EdfPatch], None]:
    def rename(edf: EdfPatch) -> None:
        for signal in range(edf.n_signal):
            edf.set("label", names[min(signal, len(names) - 1)], signal)

    return rename


def garbage(edf: EdfPatch) -> None:
    edf.data[:256] = f"{plain('broken')} {wide('broken')}".encode().ljust(256)


def same(text: str) -> str:
    return text


BAD = plain("broken")
ERROR = plain("error")
EVENT = "<EventConcept>Wake|0</EventConcept>\n<Start>"
# Name: what happens to the signals, what to the XML, how it ends (a reason, or a code of findings).
NIGHTS: dict[str, tuple[Callable[[EdfPatch], None], Callable[[str], str], str]] = {
    "whole": (no_change, same, "PSG-A004"),
    "bad date": (header("start_date", BAD), same, "PSG-H004"),
    "bad time": (header("start_time", BAD), same, "PSG-H005"),
    "bad range": (header("physical_min", BAD, 0), same, "PSG-H003"),
    "empty": (keep(0), same, "edf_corrupt"),
    "garbage": (garbage, same, "edf_corrupt"),
    "half a header": (keep(2e-4), same, "edf_truncated"),
    "truncated": (keep(0.7), same, "edf_truncated"),
    "bad count": (header("n_signal", BAD), same, "edf_corrupt"),
    "bad duration": (header("record_duration", BAD), same, "edf_corrupt"),
    "bad rate": (header("n_per_record", BAD, 2), same, "edf_corrupt"),
    "bad length": (header("header_bytes", BAD), same, "PSG-H013"),
    "one label": (labels("ECG"), same, "channel_ambiguous"),
    "other labels": (labels("one", "two", "three"), same, "no_usable_channel"),
    "no unit": (header("unit", "", 7), same, "unit_missing"),
    "cut": (no_change, lambda text: text[:900] + f"<Notes>{ERROR}", "annotation_corrupt"),
    "bad tag": (no_change, swap("<ScoredEvents>", f"<{ERROR} {ERROR}>"), "annotation_corrupt"),
    "bad byte": (no_change, swap("<ScoredEvents>", f"<ScoredEvents>{ERROR}\x01{ERROR}"), "annotation_corrupt"),
    "bad root": (no_change, swap("<PSGAnnotation>", f"<{ERROR}>"), "annotation_corrupt"),
    "entity": (no_change, swap("<PSG", f'<!DOCTYPE a [<!ENTITY b "{ERROR}">]>\n<PSG'), "annotation_corrupt"),
    "epoch length": (no_change, swap("<EpochLength>30", f"<EpochLength>{ERROR}"), "annotation_corrupt"),
    "bad start": (no_change, swap(EVENT, f"{EVENT}{ERROR}"), "annotation_corrupt"),
    "bad stage": (no_change, swap("<EventConcept>Wake|0", f"<EventConcept>{ERROR}"), "PSG-A007"),
    "bad clock": (no_change, swap("<ClockTime>", f"<ClockTime>{ERROR} "), "PSG-H005"),
}


def write_clinic(root: Path, tmp: Path) -> None:
    """Break one sound night in every way; folders and files are named after people."""
    made = tmp / "made"
    synthesise(made, recipe="synthetic", nights=0, hours=0.05, seed=3, faults=["missing_subject_row"])
    (edf,), (xml,) = made.rglob("*.edf"), made.rglob("*.xml")
    text = plant_in_xml(xml.read_text("utf-8"))
    for number, (break_signals, break_text, _) in enumerate(NIGHTS.values()):
        person = (plain, latin, wide)[number % 3]("person") + f"{number:02d}"
        folder = root / f"{plain('ward')}-{number}" / person
        folder.mkdir(parents=True)
        patch = EdfPatch(edf)
        patch.path = folder / f"{person}.edf"
        plant_in_header(patch)
        break_signals(patch)
        patch.save()
        encoding = ("utf-8", "latin-1")[number % 2]
        (folder / f"{person} scored.xml").write_bytes(break_text(text).encode(encoding, "replace"))
    rows = [f"{plain('person')}00,61,{latin('cell')},{wide('history')},{plain('family')}"]
    rows += [f"{latin('person')}01,{plain('cell')},M,{plain('history')},{plain('family')}"] * 2
    head = f"id,age,sex,{wide('column')},house"
    (root / "people.csv").write_text("\n".join([head, *rows]) + "\n", "utf-8")


def clinic_manifest() -> dict[str, object]:
    like = load_manifest("synthetic").model_dump(mode="json", exclude_defaults=True)
    layout = {"signals": "*/{subject}/*.edf", "annotations": "*/{subject}/{subject} scored.xml"}
    age = {"columns": ["age"], "unit": "years"}
    sex = {"columns": ["sex"], "codes": {"M": "male", "F": "female"}}
    tables = [
        {
            "path": "people.csv",
            "key": "id",
            "fields": {"age_years": age, "sex": sex, "family": {"columns": ["house"]}},
        }
    ]
    return {
        **like,
        "cohort": "clinic",
        "layout": layout,
        "subjects": {"tables": tables},
        "privacy": {"keys": "pseudonymous"},
    }


def write_sleep_lab(root: Path) -> None:
    """One EDF+ whose annotations hold stages, one of them misspelt, and people's words."""
    root.mkdir()
    noise = np.random.default_rng(2).normal(0, 30, 120 * 100)
    eeg = edfio.EdfSignal(noise, 100, label="EEG C4-M1", physical_dimension="uV", physical_range=(-500, 500))
    texts = ("Sleep stage W", "Sleep stage 2", f"Sleep stage {plain('stage')}", "Sleep stage R")
    notes = [f"{wide('tal')} coughs", f"Jo?{tail('tal')} turns@@{plain('where')}"]
    annotations = [edfio.EdfAnnotation(30 * i, 30, text) for i, text in enumerate(texts)]
    annotations += [edfio.EdfAnnotation(10, None, note) for note in notes]
    path = root / f"{plain('person')}.edf"
    edfio.Edf([eeg], annotations=annotations, patient=edfio.Patient(name=plain("patient"))).write(path)
    path.write_bytes(path.read_bytes().replace(b"Jo?xqtal", b"Jo\xf6xqtal"))  # Latin-1


def sleep_lab_manifest() -> dict[str, object]:
    return {
        **clinic_manifest(),
        "cohort": "sleep_lab",
        "layout": {"signals": "{subject}.edf", "annotations": "{subject}.edf"},
        "annotations": {"format": "edf_plus", "scheme": "rk"},
        "subjects": None,
    }


# --- everything that the program says -----------------------------------------------------------------------


CLINIC = ("clinic.yaml", "--root", "clinic")
COMMANDS = (
    ("scan", *CLINIC),
    ("scan", *CLINIC, "--json"),
    ("manifest", "check", *CLINIC),
    ("manifest", "check", *CLINIC, "--json"),
    ("convert", *CLINIC, "--out", "out", "--dry-run", "--json"),
    ("convert", *CLINIC, "--out", "out", "--workers", "2"),
    ("convert", "lab.yaml", "--root", "lab", "--out", "out", "--json"),
    ("scan", "lab.yaml", "--root", "lab", "--json"),
    ("status", "out", "--failed"),
    ("status", "out", "--failed", "--json"),
    ("verify", "out", "--against-source", "clinic", "--json"),
    ("inspect", "neutral.edf"),
    ("inspect", "neutral.edf", "--json"),
    ("scan", "same.yaml", "--root", "clinic"),
    ("scan", "keyless.yaml", "--root", "clinic"),
)


SHOW_TEXT = ("scan", *CLINIC, "--show-text")


@dataclass(frozen=True)
class Clinic:
    """The folder in which all was done, and what was said."""

    here: Path
    said: dict[str, subprocess.CompletedProcess[str]]

    @property
    def out(self) -> Path:
        return self.here / "out"

    @property
    def texts(self) -> dict[str, str]:
        """Both streams of every command."""
        return {name: done.stdout + done.stderr for name, done in self.said.items()}


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    here = tmp_path_factory.mktemp("clinic")
    write_clinic(here / "clinic", here)
    write_sleep_lab(here / "lab")
    manifest = clinic_manifest()
    same_keys = {**manifest, "layout": {**manifest["layout"], "key": "night"}}  # type: ignore[dict-item]
    keyless = json.loads(json.dumps(manifest).replace('"key": "id"', '"key": "number"'))
    for name, content in {
        "clinic": manifest,
        "lab": sleep_lab_manifest(),
        "same": same_keys,
        "keyless": keyless,
    }.items():
        (here / f"{name}.yaml").write_text(yaml.safe_dump(content), "utf-8")
    shutil.copyfile(next((here / "clinic").rglob("*00.edf")), here / "neutral.edf")
    said = {"without salt": in_process("scan", *CLINIC, cwd=here)}

    def say(*arguments: object) -> None:
        said[" ".join(map(str, arguments))] = in_process(*arguments, cwd=here, SLEEP2VEC_SALT=SALT)

    for command in (*COMMANDS, SHOW_TEXT):
        say(*command)
    for store in sorted((here / "out").glob("*/*.zarr")):
        say("inspect", store.relative_to(here))
        say("inspect", store.relative_to(here), "--json")
    for store in ("clinic", "sleep_lab"):
        say("report", next((here / "out" / store).glob("*.zarr")).relative_to(here))
    say("report", "out", "--small-cells", "--worst", "0")
    return Clinic(here, said)


# --- tests --------------------------------------------------------------------------------------------------


def test_everything_was_planted(clinic: Clinic) -> None:
    """The search finds the words where they were put: nothing below passes because nothing was there."""
    found = {
        str(path.relative_to(clinic.here)).encode() + path.read_bytes() for path in files(clinic.here / "clinic")
    }
    found |= {
        str(path.relative_to(clinic.here)).encode() + path.read_bytes() for path in files(clinic.here / "lab")
    }
    assert set(PLACES) == places_in(b"".join(found))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_every_night_ended_as_meant(clinic: Clinic) -> None:
    """Every kind of error and finding was really reached."""
    rows = read_ledger(clinic.out).rows
    ended = sorted(row.reason for (cohort, _), row in rows.items() if cohort == "clinic" and row.reason)
    assert sorted(end for *_, end in NIGHTS.values() if not end.startswith("PSG")) == ended
    found = {code for (cohort, _), row in rows.items() if cohort == "clinic" for code in row.findings}
    assert {end for *_, end in NIGHTS.values() if end.startswith("PSG")} | {"PSG-M002", "PSG-M003"} <= found
    (lab,) = [row for (cohort, _), row in rows.items() if cohort == "sleep_lab"]
    assert {"PSG-A004", "PSG-A007", "PSG-H011"} <= set(lab.findings)


def test_commands_ended_as_meant(clinic: Clinic) -> None:
    """The commands did their work, and the last two failed on the manifest and on the table."""
    codes = [clinic.said[" ".join(command)].returncode for command in COMMANDS]
    assert codes == [0, 0, 3, 3, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 2]
    assert clinic.said["without salt"].returncode == 4


def test_no_word_is_in_any_output(clinic: Clinic) -> None:
    """Names of files and folders, documents and chunks hold none of the words."""
    told = {
        path.relative_to(clinic.out).as_posix(): places_in(
            str(path.relative_to(clinic.out)).encode() + path.read_bytes()
        )
        for path in files(clinic.out)
    }
    assert len(told) > 100
    assert {name: places for name, places in told.items() if places} == {}


def test_no_word_is_said(clinic: Clinic) -> None:
    """Neither stream of any command holds any of the words."""
    said = {name: places_in(text.encode()) for name, text in clinic.texts.items() if "--show-text" not in name}
    assert {name: places for name, places in said.items() if places} == {}


def test_only_show_text_shows_event_texts(clinic: Clinic) -> None:
    """Asked for, and only then, scan shows the terms of events that no table maps, and nothing else."""
    assert places_in(clinic.texts[" ".join(SHOW_TEXT)].encode()) == {"term"}


def test_people_of_one_family_stay_together(clinic: Clinic) -> None:
    """Families have pseudonyms as well: two of one have the same, those of none have none."""
    roots = [json.loads((path / "zarr.json").read_text()) for path in clinic.out.glob("clinic/*.zarr")]
    families = sorted(str(root["attributes"]["family"]) for root in roots)
    assert len(set(families)) == 2
    assert families.count("None") == len(families) - 2


def test_no_absolute_path_is_written_or_said(clinic: Clinic) -> None:
    """Where the files lie stays on this machine."""
    here = str(clinic.here)
    assert here.startswith("/")
    assert [name for name, text in clinic.texts.items() if here in text] == []
    assert [path.name for path in files(clinic.out) if here.encode() in path.read_bytes()] == []


def test_errors_still_say_which_recording(clinic: Clinic) -> None:
    """The pseudonymous key stands where a file's name would."""
    failed = json.loads(clinic.said["status out --failed --json"].stdout)["failed"]
    assert len(failed) >= 15
    for row in failed:
        assert row["detail"].startswith(row["recording"])


def test_a_folder_that_cannot_be_listed_is_not_named(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk refuses a folder that bears a person's name: the run ends with code 1 and without the name."""
    listing = os.scandir

    def refuse(path: Path) -> Any:
        if tail("ward") in Path(path).name:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return listing(path)

    monkeypatch.setattr(os, "scandir", refuse)
    done = in_process("scan", *CLINIC, cwd=clinic.here, SLEEP2VEC_SALT=SALT)
    assert (done.returncode, places_in((done.stdout + done.stderr).encode())) == (1, set())
    assert "cannot be listed" in done.stderr

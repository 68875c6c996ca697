"""Known quirks of NSRR cohorts, one test a quirk; the shipped manifests are under test with the readers."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.xml_bytes import document, night, scored, stage
from pipeline.manifests.load import load_manifest
from pipeline.read.annotations import read_annotations
from pipeline.read.subjects import load_subjects
from schemas.hypnogram import Annotations
from schemas.vocabulary import StageScheme

NIGHT = [0, 0, 1, 2, 3, 5]

# Strings seen in annotation files, and what they mean: NSRR annotation aliases, EDF Editor and Translator.
TERMS = {
    "Obstructive apnea|Obstructive Apnea": "obstructive_apnea",
    "Central apnea|Central Apnea": "central_apnea",
    "Mixed apnea|Mixed Apnea": "mixed_apnea",
    "Apnea|APNEA": "apnea",
    "Hypopnea|Hypopnea": "hypopnea",
    "Obstructive hypopnea|Obstructive Hypopnea": "obstructive_hypopnea",
    "Central hypopnea|Central Hypopnea": "central_hypopnea",
    "Mixed hypopnea|Mixed Hypopnea": "mixed_hypopnea",
    "Respiratory effort related arousal|RERA": "rera",
    "Periodic breathing|Periodic Breathing": "periodic_breathing",
    "Respiratory Paradox": "respiratory_paradox",
    "SpO2 desaturation|SpO2 desaturation": "desaturation",
    "SpO2 artifact|SpO2 artifact": "artifact_spo2",
    "Respiratory artifact|Respiratory artifact": "artifact_respiratory",
    "EtCO2 artifact|EtCO2 artifact": "artifact_etco2",
    "TcCO2 artifact": "artifact_tcco2",
    "Proximal pH artifact": "artifact_ph",
    "Distal pH artifact": "artifact_ph",
    "Blood pressure artifact": "artifact_blood_pressure",
    "Arousal|Arousal ()": "arousal",
    "Arousal|Arousal (Arousal)": "arousal",
    "Arousal|Arousal (Standard)": "arousal",
    "Arousal|Arousal (STANDARD)": "arousal",
    "Arousal|Arousal (ASDA)": "arousal",
    "ASDA arousal|Arousal (ASDA)": "arousal",
    "ASDA arousal|Arousal (asda)": "arousal",
    "ASDA arousal|Arousal (ADSA)": "arousal",
    "Arousal ()": "arousal",
    "Arousal (ASDA)": "arousal",
    "Arousal (Asda)": "arousal",
    "Spontaneous arousal|Arousal (ARO SPONT)": "arousal_spontaneous",
    "Spontaneous arousal|Arousal (spon aro)": "arousal_spontaneous",
    "Spontaneous arousal|Arousal (SPON ARO)": "arousal_spontaneous",
    "Spontaneous arousal|Arousal (apon aro)": "arousal_spontaneous",
    "Arousal resulting from respiratory effort|Arousal (ARO RES)": "arousal_respiratory",
    "Arousal resulting from respiratory effort|Arousal (RESP ARO)": "arousal_respiratory",
    "Arousal resulting from periodic leg movement|Arousal (PLM)": "arousal_plm",
    "Arousal resulting from periodic leg movement|Arousal (PLM ARO)": "arousal_plm",
    "Arousal|Arousal (ARO Limb)": "arousal_plm",
    "Arousal (ARO Limb)": "arousal_plm",
    "Arousal resulting from Chin EMG|Arousal (Cheshire)": "arousal_chin",
    "Arousal resulting from Chin EMG|Arousal (CHESHIRE)": "arousal_chin",
    "External arousal|Arousal (External Arousal)": "arousal_external",
    "Periodic leg movement - left|PLM (Left)": "plm_l",
    "Periodic leg movement - right|PLM (Right)": "plm_r",
    "Limb movement - left|Limb Movement (Left)": "limb_movement_l",
    "Limb movement - right|Limb Movement (Right)": "limb_movement_r",
    "Bradycardia": "bradycardia",
    "Tachycardia": "tachycardia",
    "Narrow complex tachycardia|Narrow Complex Tachycardia": "narrow_complex_tachycardia",
}


def read(folder: Path, *events: str, cohort: str = "shhs") -> Annotations:
    path = folder / "night-nsrr.xml"
    path.write_text(document(*events))
    return read_annotations({"annotations": path}, load_manifest(cohort).annotations, clock_start_s=None)[0]


def stages(folder: Path, *events: str) -> list[int]:
    hypnogram = read(folder, *events).hypnogram
    assert hypnogram is not None
    return hypnogram.stage.tolist()


@pytest.mark.parametrize("term", TERMS)
def test_every_known_string_is_mapped(tmp_path: Path, term: str) -> None:
    """Each string means its type, as ``generic|vendor`` and as the bare vendor's name."""
    events = [scored(name, 10 * k, 5) for k, name in enumerate({term, term.rpartition("|")[2]})]
    table = read(tmp_path, *events).events
    assert set(table.type) == {TERMS[term]}
    assert table.n_event == len(events)


@pytest.mark.parametrize(
    ("term", "kind"),
    [
        ("SDO:ObstructiveApneaFinding", "obstructive_apnea"),
        ("SDO:HypopneaFinding", "hypopnea"),
        ("SRO:CentralApnea", "central_apnea"),
    ],
)
def test_old_ontology_events(tmp_path: Path, term: str, kind: str) -> None:
    """Files of the first releases name events by ontology."""
    assert read(tmp_path, scored(term, 10, 12)).events.type == (kind,)


@pytest.mark.parametrize(
    "names",
    [
        [
            "SDO:WakeState",
            *(f"SDO:NonRapidEyeMovementSleep-N{n}" for n in (1, 2, 3, 4)),
            "SDO:RapidEyeMovementSleep",
        ],
        ["SRO:Wake", *(f"SRO:Stage{n}Sleep" for n in (1, 2, 3, 4)), "SRO:RapidEyeMovement"],
    ],
)
def test_old_ontology_stages_without_a_type(tmp_path: Path, names: list[str]) -> None:
    """Files of the first releases name stages by ontology and have no EventType."""
    runs = [scored(name, 30 * k, 30) for k, name in enumerate(names)]
    assert stages(tmp_path, *runs) == [0, 1, 2, 3, 3, 4]


def test_stages_are_run_length_merged(tmp_path: Path) -> None:
    """An hour of stage 2 is one event; ignoring its Duration loses all but one epoch."""
    runs = [stage(1, 0, 30), stage(2, 30, 3600), stage(3, 3630, 30), stage(5, 3660, 30)]
    assert stages(tmp_path, *runs) == [1] + [2] * 120 + [3, 4]


def test_codes_6_9_and_10_are_unscored(tmp_path: Path) -> None:
    """Movement, Unscored and Artifact have no stage, and keep their codes."""
    hypnogram = read(tmp_path, *night([0, 6, 9, 10, 1, 2, 3, 5])).hypnogram
    assert hypnogram is not None
    assert hypnogram.stage.tolist() == [0, -1, -1, -1, 1, 2, 3, 4]
    assert hypnogram.stage_source.tolist() == [0, 6, 9, 10, 1, 2, 3, 5]


def test_a_blank_line_costs_nothing(tmp_path: Path) -> None:
    """One blank line more in the file, and not one stage less."""
    path = tmp_path / "night-nsrr.xml"
    path.write_text(document(*night(NIGHT)).replace("<ScoredEvents>", "\n\n<ScoredEvents>\n"))
    hypnogram = read_annotations({"annotations": path}, load_manifest("shhs").annotations, clock_start_s=None)[
        0
    ].hypnogram
    assert hypnogram is not None
    assert hypnogram.stage.tolist() == [0, 0, 1, 2, 3, 4]


def test_analysis_periods_are_not_stages(tmp_path: Path) -> None:
    """Marks of the analysis period, even typed as stages, are skipped."""
    marks = [
        scored("Beginning of analysis period", 0, 0, "Stages|Stages"),
        scored("End of analysis period", 170, 10, "Stages|Stages"),
    ]
    assert stages(tmp_path, *marks, *night(NIGHT)) == [0, 0, 1, 2, 3, 4]


def test_unsure_differs_between_cohorts(tmp_path: Path) -> None:
    """``Unsure|Unsure`` is a hypopnea where the cohort documents it, and reported where nobody does."""
    unsure = scored("Unsure|Unsure", 60, 14, "Respiratory|Respiratory")
    assert read(tmp_path, unsure, cohort="mesa").events.type == ("hypopnea",)
    undocumented = read(tmp_path, unsure, cohort="shhs").events
    assert (undocumented.type, dict(undocumented.unmapped)) == ((), {"Unsure|Unsure": 1})


def test_unsure_is_never_a_stage(tmp_path: Path) -> None:
    """Beside stages, it changes none of them."""
    unsure = scored("Unsure|Unsure", 30, 60, "Respiratory|Respiratory")
    assert stages(tmp_path, unsure, *night(NIGHT)) == [0, 0, 1, 2, 3, 4]


def test_sleep_wake_only_nights(tmp_path: Path) -> None:
    """Nights whose sleep is all *stage 2* were scored as sleep or wake: no epoch of them is N2."""
    hypnogram = read(tmp_path, *night([0] * 10 + [2] * 300 + [0] * 5 + [2] * 200)).hypnogram
    assert hypnogram is not None
    assert hypnogram.scheme is StageScheme.SLEEP_WAKE
    assert set(hypnogram.stage.tolist()) == {-1, 0}


def test_technicians_notes_are_not_read(tmp_path: Path) -> None:
    """Notes leave no trace, not even a count."""
    note = scored("Technician Notes|Technician Notes", 5, 1, Notes="Mr Doe to the bathroom")
    annotations = read(tmp_path, note, *night(NIGHT))
    assert (annotations.events.n_event, dict(annotations.events.unmapped)) == (0, {})


def test_not_scored_is_not_none(tmp_path: Path) -> None:
    """A class that the cohort did not look for says so, though no such event is in the file."""
    scored_classes = read(tmp_path, *night(NIGHT)).scored
    assert scored_classes["respiratory"] == "yes"
    assert scored_classes["limb"] == "no"


@pytest.mark.parametrize(
    ("cohort", "visit", "name", "header", "rows", "sexes"),
    [
        ("shhs", "shhs1", "shhs1-dataset-0.21.0.csv", "nsrrid,gender,age_s1", ["200001,1,60", "200002,2,60"], "mf"),
        ("mesa", "", "mesa-sleep-dataset-0.7.0.csv", "mesaid,gender1,sleepage5c", ["1,1,60", "2,0,60"], "mf"),
    ],
)
def test_sex_codes_differ_between_cohorts(
    tmp_path: Path, cohort: str, visit: str, name: str, header: str, rows: list[str], sexes: str
) -> None:
    """1 is a man and 2 a woman here, 1 a man and 0 a woman there: the manifest decides."""
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / name).write_text("\n".join((header, *rows)) + "\n")
    subjects = load_subjects(tmp_path, load_manifest(cohort).subjects)
    found = [subjects.fields(row.split(",")[0], visit)[0].sex for row in rows]
    assert "".join(sex[0] for sex in found) == sexes


def test_identifiers_lose_their_leading_zeros_in_tables(tmp_path: Path) -> None:
    """The file says ``0001`` and the table ``1``; they are one subject."""
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "mesa-sleep-dataset-0.7.0.csv").write_text(
        "mesaid,gender1,sleepage5c,site5c\n1,0,70,7\n"
    )
    fields, found = load_subjects(tmp_path, load_manifest("mesa").subjects).fields("0001")
    assert (fields.age_years, fields.sex, fields.site, found) == (70.0, "female", "nwu", ())


def test_both_visits_in_one_harmonised_table(tmp_path: Path) -> None:
    """The harmonised table has a row a visit, told apart by ``visitnumber``, and comes before the raw one."""
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "shhs-harmonized-dataset-0.21.0.csv").write_text(
        "nsrrid,visitnumber,nsrr_age,nsrr_sex\n200001,1,55,male\n200001,2,60.5,male\n"
    )
    (tmp_path / "datasets" / "shhs2-dataset-0.21.0.csv").write_text("nsrrid,age_s2,gender\n200001,99,1\n")
    subjects = load_subjects(tmp_path, load_manifest("shhs").subjects)
    assert [subjects.fields("200001", v)[0].age_years for v in ("shhs1", "shhs2")] == [55.0, 60.5]

"""HCHS/SOL: nights of a home monitor without EEG and without stages."""

from __future__ import annotations

from pathlib import Path

from pipeline.cohort import find_recordings
from pipeline.manifests.load import load_manifest
from tests.cohorts.build import Cohort, Download, Night, Sig, Truth, breath, held, wave, write_nights, write_table


def _signals(effort: str) -> list[Sig]:
    return [
        held("A-Pulse", 1, "", 63, physical=(0, 250)),
        held("A-SpO2", 1, "", 95, physical=(0, 100)),
        wave("A-Snore", 10, "", 0.1, physical=(-1, 1)),
        breath("A-Flow", 10, "", 0.8, physical=(-1, 1)),
        wave("HMov", 10, "", 0.1, physical=(-1, 1)),
        held("HPos", 1, "", 2, physical=(0, 8)),
        wave(effort, 5, "", 0.2, physical=(-1, 1)),
    ]


def _paths(subject: str) -> tuple[str, str]:
    return (
        f"polysomnography/edfs/hchs-sol-{subject}.edf",
        f"polysomnography/annotations-events-nsrr/hchs-sol-{subject}-nsrr.xml",
    )


NIGHTS = {
    "hchs-sol-00302529": Night(  # a key with leading zeros; deleted events, and layers that nobody has settled
        *_paths("00302529"),
        _signals("FVP"),
        [],
        [
            ("Start TIB N1|Start TIB N1", 30, 0),
            ("AE Tech Hy4%|AE Tech Hy4%", 40, 15),
            ("Deleted Hypopnea 4% A|Deleted Hypopnea 4% A", 60, 12),
            ("Hypopnea-55-2-0|Hypopnea-55-2-0", 40, 15),
            ("ae central|ae central", 90, 20),
            ("Stop TIB N1|Stop TIB N1", 120, 0),
        ],
        Truth(
            [-1] * 5,
            [
                ("lights_off", 30, 0),
                ("hypopnea", 40, 15),
                ("central_apnea", 90, 20),
                ("lights_on", 120, 0),
            ],
            {"nasal_pressure": 0.8},
            {"spo2": 95, "pulse_rate": 63},
            absent=["airflow", "thor", "snore", "position", "ecg", "ibi"],
            subject={"subject": "00302529", "age_years": 47.0, "sex": "female", "site": "bronx"},
            findings=["PSG-A004", "PSG-A014"],
        ),
    ),
    "hchs-sol-15445599": Night(  # the other name of the effort sensor
        *_paths("15445599"),
        _signals("A-Effort"),
        [],
        [],
        Truth([-1] * 5, subject={"subject": "15445599", "age_years": 61.0, "sex": "male"}),
    ),
}


def download(folder: Path) -> None:
    """A download of two nights."""
    write_nights(folder, NIGHTS.values())
    harmonised = [{"pid": "15445599", "nsrr_age": 61, "nsrr_sex": "male", "nsrr_race": "not reported"}]
    raw = [
        {"pid": "00302529", "age": 47, "gender": "F", "gendernum": 0, "race": 4, "center": "B", "slpa36": 8.5},
        {"pid": "15445599", "age": 61, "gender": "M", "gendernum": 1, "race": 9, "center": "S", "mhea1": 1},
    ]
    write_table(folder / "datasets/hchs-sol-baseline-harmonized-dataset-0.7.2.csv", harmonised)
    write_table(folder / "datasets/hchs-sol-baseline-dataset-0.7.2.csv", raw)


COHORT = Cohort("hchs", download, {name: night.truth for name, night in NIGHTS.items()})


def test_a_home_test_says_what_it_did_not_look_for(stores: Download) -> None:
    """Nobody scored arousals or limbs, and respiratory events only in part."""
    night = stores["hchs-sol-00302529"]
    assert night.attrs["study_type"] == "hsat"
    assert {name: night.attrs["event_scored"][name] for name in ("respiratory", "arousal", "limb")} == {
        "respiratory": "partly",
        "arousal": "no",
        "limb": "no",
    }


def test_people(root: Path) -> None:
    """What was refused is unknown; history whose numbers nobody documents is not read."""
    first, second = (s.subject for s in find_recordings(load_manifest("hchs"), root))
    assert [(p.race, p.site) for p in (first, second)] == [("black", "bronx"), ("unknown", "san_diego")]
    assert first.indices == {"rei_all": 8.5}
    assert "hypertension" not in second.history

"""A synthetic cohort is what a download would be: files that other readers open, in their places, reproducibly."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import edfio
import numpy as np
import pyedflib
import pytest

from pipeline.read.rpoints import read_rpoints
from pipeline.synth import SynthReport, load_recipe, synthesise
from schemas.errors import ManifestInvalid

RECIPES = ("mesa", "shhs", "synthetic")
Cohort = Callable[[str], SynthReport]


def edfs(root: Path) -> list[Path]:
    return sorted(root.rglob("*.edf"))


def bytes_of(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("recipe", RECIPES)
def test_two_independent_readers_open_every_edf(cohort: Cohort, recipe: str) -> None:
    """pyedflib and edfio agree on labels, units, rates and physical values."""
    for path in edfs(cohort(recipe).out):
        ours = edfio.read_edf(path)
        with pyedflib.EdfReader(str(path)) as other:
            assert [s.label for s in ours.signals] == other.getSignalLabels()
            assert other.getFileDuration() == 720
            assert (other.getStartdatetime().day, other.getStartdatetime().year) == (1, 1985)
            for i, signal in enumerate(ours.signals):
                assert signal.sampling_frequency == other.getSampleFrequency(i)
                assert signal.physical_dimension == other.getPhysicalDimension(i)
            np.testing.assert_allclose(ours.signals[0].data, other.readSignal(0), atol=1e-9)


@pytest.mark.parametrize("recipe", RECIPES)
def test_headers_say_what_the_recipe_says(cohort: Cohort, recipe: str) -> None:
    """Label, unit, ranges and rate of every signal come from the recipe, variants included."""
    visits = load_recipe(recipe).visits
    for path in edfs(cohort(recipe).out):
        (visit,) = (v for v in visits if re.fullmatch(Path(v.edf).name.replace("{subject}", r"\d+"), path.name))
        known = {label: s for s in visit.signals for label in (s.label, *s.spellings)}
        for signal in edfio.read_edf(path).signals:
            spec = known[signal.label]
            rates = {spec.rate_hz, *spec.other_rates, *(v.rates.get(spec.rate_hz) for v in visit.variants)}
            assert signal.sampling_frequency in rates
            assert signal.physical_dimension == spec.unit
            assert tuple(sorted((signal.physical_min, signal.physical_max))) == spec.physical
            assert (signal.digital_min, signal.digital_max) == spec.digital


def test_files_lie_where_the_download_has_them(cohort: Cohort) -> None:
    """Paths of EDFs, annotations and tables are the documented ones."""
    found = {str(p.relative_to(cohort("shhs").out)) for p in cohort("shhs").out.rglob("*") if p.is_file()}
    assert {
        "polysomnography/edfs/shhs1/shhs1-200001.edf",
        "polysomnography/annotations-events-nsrr/shhs1/shhs1-200001-nsrr.xml",
        "polysomnography/annotations-rpoints/shhs1/shhs1-200001-rpoint.csv",
        "polysomnography/edfs/shhs2/shhs2-200001.edf",
        "datasets/shhs1-dataset-0.21.0.csv",
        "datasets/shhs2-dataset-0.21.0.csv",
        "datasets/shhs-harmonized-dataset-0.21.0.csv",
        "truth/shhs1-200001.npz",
    } <= found
    found = {str(p.relative_to(cohort("mesa").out)) for p in cohort("mesa").out.rglob("*") if p.is_file()}
    assert {
        "polysomnography/edfs/mesa-sleep-0001.edf",
        "polysomnography/annotations-events-nsrr/mesa-sleep-0003-nsrr.xml",
        "datasets/mesa-sleep-dataset-0.7.0.csv",
        "datasets/mesa-sleep-harmonized-dataset-0.7.0.csv",
    } <= found
    assert not list(cohort("mesa").out.rglob("*.part"))


def test_published_beats_are_the_true_ones(cohort: Cohort) -> None:
    """To half a sample of 256 Hz by every clock that the file has, and of the truth's kinds."""
    root = cohort("shhs").out
    for path in sorted(root.rglob("*-rpoint.csv")):
        stem = path.name.removesuffix("-rpoint.csv")
        points, rows = read_rpoints(path), table(path)
        truth = np.load(root / "truth" / f"{stem}.npz")
        np.testing.assert_allclose(points.time_s, truth["beat_time_s"], atol=0.5 / 256)
        assert points.type.tolist() == [{0: 1, 1: 2, 2: 3, 3: 1}[kind] for kind in truth["beat_type"].tolist()]
        (ecg,) = (s for s in edfio.read_edf(next(root.rglob(f"{stem}.edf"))).signals if s.label == "ECG")
        assert {float(row["samplingrate"]) for row in rows} == {ecg.sampling_frequency}
        assert [int(row["RPoint"]) / 256 for row in rows] == points.time_s.tolist()
        assert [int(row["epoch"]) for row in rows] == (points.time_s // 30 + 1).tolist()


def test_nights_are_subjects_unless_there_are_two_visits(cohort: Cohort) -> None:
    """Three nights over two visits are two people, of whom the first came twice and grew older."""
    report = cohort("shhs")
    assert report.recordings == ("shhs1-200001", "shhs2-200001", "shhs1-200002")
    assert report.n_subject == 2
    assert cohort("mesa").n_subject == 3
    rows = json.loads((report.out / "truth" / "subjects.json").read_text())
    assert rows[1]["age_years"] - rows[0]["age_years"] == pytest.approx(5.2)
    assert rows[0]["sex"] == rows[1]["sex"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_tables_have_one_row_a_recording_and_agree_with_the_truth(cohort: Cohort, recipe: str) -> None:
    """Age, sex and subject of every table are the traits, in that table's own codes."""
    report = cohort(recipe)
    truth = {row["recording"]: row for row in json.loads((report.out / "truth" / "subjects.json").read_text())}
    for spec in load_recipe(recipe).tables:
        rows = table(report.out / spec.path)
        people = [t for t in truth.values() if t["visit"] in spec.visits]
        assert len(rows) == len(people)
        for row, person in zip(rows, people, strict=True):
            for column, c in spec.columns.items():
                if c.fact == "sex":
                    assert row[column] == str(c.codes.get(person["sex"], person["sex"]))
                if c.fact == "age":
                    assert float(row[column]) == min(np.floor(person["age_years"]), 90)
                if c.fact == "subject_number":
                    assert int(row[column]) == int(person["subject"])


def test_the_same_seed_gives_the_same_bytes_with_any_number_of_workers(tmp_path: Path) -> None:
    """One process and two write the same files, faults included."""
    plan = {"recipe": "shhs", "nights": 2, "hours": 0.05, "seed": 4, "faults": ("truncated", "gap")}
    synthesise(tmp_path / "one", workers=1, **plan)
    synthesise(tmp_path / "two", workers=2, **plan)
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


def test_more_nights_do_not_change_the_first_ones(tmp_path: Path) -> None:
    """A recording depends on its seed, person and visit alone."""
    few = synthesise(tmp_path / "few", recipe="shhs", nights=1, hours=0.05, seed=4)
    many = synthesise(tmp_path / "many", recipe="shhs", nights=2, hours=0.05, seed=4)
    other = synthesise(tmp_path / "other", recipe="shhs", nights=1, hours=0.05, seed=5)
    first = [next(r.out.rglob("shhs1-200001.edf")).read_bytes() for r in (few, many, other)]
    assert first[0] == first[1]
    assert first[0] != first[2]


def test_a_night_that_is_no_whole_number_of_epochs_has_a_rest(tmp_path: Path) -> None:
    """Signals go on to the last second; stages cover whole epochs."""
    report = synthesise(tmp_path, recipe="shhs", nights=1, hours=200 / 3600, seed=1)
    with np.load(report.out / "truth" / "shhs1-200001.npz") as truth:
        assert truth["n_second"] == 200
        assert truth["stage"].size == 6


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"visits": 2, "recipe": "mesa"}, "no such visit"),
        ({"faults": ("no_such",)}, "no such fault"),
        ({"confound": "site=shoe_size"}, "confound"),
        ({"hours": 0.01}, "too little"),
    ],
)
def test_impossible_wishes_are_refused(tmp_path: Path, change: dict[str, object], words: str) -> None:
    """The error says what is possible, and nothing is written."""
    wish = {"recipe": "shhs", "nights": 1, "hours": 0.1, "seed": 1, **change}
    with pytest.raises(ManifestInvalid, match=words):
        synthesise(tmp_path / "out", **wish)
    assert not (tmp_path / "out").exists()

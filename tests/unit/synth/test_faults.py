"""Each fault is what it says: the project's own readers see the damage that the table names."""

from __future__ import annotations

import re
from pathlib import Path

import edfio
import numpy as np
import pytest

from pipeline.manifests.load import load_manifest
from pipeline.read.annotations import read_annotations
from pipeline.read.edf import open_edf
from pipeline.scan.folder import scan
from pipeline.synth import PlantedFault, SynthReport, load_recipe, synthesise
from pipeline.synth.edf_patch import EdfPatch
from pipeline.synth.faults import FAULTS
from pipeline.synth.faults_edf import GAP_S
from pipeline.synth.night_files import PLANTED_NAMES
from schemas.errors import PsgError
from schemas.findings import FINDINGS
from schemas.manifest import AnnotationRule

RULE = AnnotationRule(format="nsrr_xml", scheme="rk")
SEEN_BY_READERS = [  # the others are judged by the montage, the grid, quality or the subjects' table
    name
    for name, fault in FAULTS.items()
    if (fault.finding or fault.reason or "").startswith(("PSG-H", "edf_", "annotation_", "epoch_"))
]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> SynthReport:
    """Every fault once."""
    return synthesise(tmp_path_factory.mktemp("faults"), recipe="shhs", nights=1, hours=0.1, seed=2, faults=True)


def paths(report: SynthReport, name: str) -> tuple[Path, Path]:
    (fault,) = (f for f in report.faults if f.fault == name)
    visit = load_recipe("shhs").visits[0]
    subject = fault.recording.removeprefix("shhs1-")
    return report.out / fault.edf, report.out / visit.nsrr_xml.format(subject=subject)


def seen(edf: Path, xml: Path) -> tuple[str | None, set[str]]:
    """Return the error's reason, or none, and the findings' codes of the two readers."""
    try:
        with open_edf(edf) as opened:
            found = {f.code for f in opened.findings}
        _, of_xml = read_annotations({"annotations": xml} if xml.exists() else {}, [RULE], clock_start_s=None)
    except PsgError as error:
        return error.reason, set()
    return None, found | {f.code for f in of_xml}


def test_every_fault_has_a_recording_of_its_own(broken: SynthReport) -> None:
    """Plain nights stay plain; the table in ``truth/faults.json`` is the report's."""
    assert [f.fault for f in broken.faults] == list(FAULTS)
    assert len({f.recording for f in broken.faults} | set(broken.recordings)) == len(FAULTS) + 1
    assert all(PlantedFault(**vars(f)) == f for f in broken.faults)
    edf, xml = broken.out / "polysomnography/edfs/shhs1/shhs1-200001.edf", paths(broken, "gap")[1]
    assert seen(edf, xml.with_name("shhs1-200001-nsrr.xml"))[0] is None


@pytest.mark.parametrize("name", SEEN_BY_READERS)
def test_the_readers_see_the_damage(broken: SynthReport, name: str) -> None:
    """The reason of the error, or the code of the finding, is the one in the table."""
    reason, codes = seen(*paths(broken, name))
    assert reason == FAULTS[name].reason
    if FAULTS[name].finding:
        assert FAULTS[name].finding in codes


@pytest.mark.parametrize("name", sorted(set(FAULTS) - set(SEEN_BY_READERS)))
def test_what_later_steps_must_see_does_not_stop_the_readers(broken: SynthReport, name: str) -> None:
    """Labels, units, constant signals and people are not the readers' business."""
    assert seen(*paths(broken, name))[0] is None


def test_a_census_foretells_every_failure(broken: SynthReport) -> None:
    """Headers and annotations alone tell which recordings a conversion would refuse, and for which reason."""
    census = scan(load_manifest("shhs"), broken.out)
    foretold = {recording.key.removeprefix("shhs/"): recording.reason for recording in census.recordings}
    planted = {fault.recording: FAULTS[fault.fault].reason for fault in broken.faults}
    assert foretold == dict.fromkeys(broken.recordings) | planted


@pytest.mark.parametrize("fault", FAULTS.values())
def test_expectations_name_known_findings_and_errors(fault: object) -> None:
    """The table cannot drift from the codes and the tree of errors."""
    reasons, todo = set(), [PsgError]
    while todo:
        kind = todo.pop()
        reasons.add(kind("x").reason)
        todo += kind.__subclasses__()
    assert fault.finding is None or fault.finding in FINDINGS
    assert fault.reason is None or fault.reason in reasons
    assert not (fault.finding and fault.reason)


def test_the_document_lists_every_fault_with_its_expectation() -> None:
    """Readers of the table and of the code see the same."""
    document = (Path(__file__).parents[3] / "docs" / "synthetic-cohort.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| .* \| (\w+ \| .*) \|$", document, re.MULTILINE))
    expected = {
        name: f"{fault.outcome} | {f'`{fault.reason}`' if fault.reason else fault.finding or '–'}"
        for name, fault in FAULTS.items()
    }
    assert {name: row for name, row in rows.items() if name in FAULTS} == expected


def test_a_negative_gain_turns_the_signal_over(broken: SynthReport) -> None:
    """Decoded as written, R-peaks point down."""
    edf = edfio.read_edf(paths(broken, "negative_gain")[0])
    ecg = edf.get_signal("ECG")
    assert ecg.physical_min > ecg.physical_max
    assert -ecg.data.min() > 1.5 * ecg.data.max()


def test_a_gap_is_in_the_clock_and_not_in_the_samples(broken: SynthReport) -> None:
    """Records before and after are the night's own, and their time stamps leave the gap."""
    path, _ = paths(broken, "gap")
    with open_edf(path) as opened:
        eeg = next(s for s in map(opened.signal, range(opened.n_signal)) if s.label == "EEG")
        first, second = eeg.segments
        assert first.start_s == 0
        assert second.start_s == 180 + GAP_S
        assert first.n_sample + second.n_sample == (360 - GAP_S) * 125
        assert eeg.end_s == 360


def test_the_constant_signal_is_constant_and_its_neighbours_are_not(broken: SynthReport) -> None:
    """One EEG channel has one value, the next signal varies."""
    edf = edfio.read_edf(paths(broken, "constant_signal")[0])
    assert np.ptp(edf.get_signal("EEG(sec)").digital) == 0
    assert np.ptp(edf.get_signal("ECG").digital) > 50


def test_names_are_planted_in_the_header_and_the_annotations(broken: SynthReport) -> None:
    """A search for them in the sources succeeds, so that one in the outputs means something."""
    edf, xml = paths(broken, "names_planted")
    for name in PLANTED_NAMES:
        assert name.encode() in edf.read_bytes()[:8192]
    assert PLANTED_NAMES[0] in xml.read_text("utf-8")


def test_another_layout_says_the_same(broken: SynthReport) -> None:
    """Stages and events equal the truth though every line is laid out differently."""
    _, xml = paths(broken, "other_xml_layout")
    text = xml.read_bytes().decode()
    assert "\r\n\r\n" in text
    annotations, _ = read_annotations({"annotations": xml}, [RULE], clock_start_s=None)
    with np.load(broken.out / "truth" / f"{xml.name.removesuffix('-nsrr.xml')}.npz") as truth:
        np.testing.assert_array_equal(annotations.hypnogram.stage, truth["stage"])


@pytest.mark.parametrize(("name", "more"), [("stages_slightly_longer", 4), ("stages_much_longer", 120)])
def test_stages_outlast_the_signals(broken: SynthReport, name: str, more: int) -> None:
    """By two minutes, or by an hour."""
    edf, xml = paths(broken, name)
    annotations, _ = read_annotations({"annotations": xml}, [RULE], clock_start_s=None)
    with open_edf(edf) as opened:
        assert annotations.hypnogram.n_epoch * 30 == opened.header.duration_s + 30 * more


def test_the_missing_person_is_missing_in_every_table(broken: SynthReport) -> None:
    """Everybody else has a row."""
    (fault,) = (f for f in broken.faults if f.fault == "missing_subject_row")
    subject = fault.recording.removeprefix("shhs1-")
    for name in ("shhs1-dataset-0.21.0.csv", "shhs-harmonized-dataset-0.21.0.csv"):
        rows = (broken.out / "datasets" / name).read_text().splitlines()[1:]
        assert len(rows) == len(FAULTS)
        assert not any(row.startswith(subject) for row in rows)


def test_patching_a_field_changes_that_field_alone(broken: SynthReport) -> None:
    """Fields of signals lie column by column, as the format has them."""
    path = broken.out / "polysomnography/edfs/shhs1/shhs1-200001.edf"
    patch = EdfPatch(path)
    before = bytes(patch.data)
    assert patch.get("label", 3) == edfio.read_edf(path).signals[3].label
    patch.set("unit", "V", 3)
    assert [i for i, (a, b) in enumerate(zip(before, patch.data, strict=True)) if a != b] == [
        256 + 16 * patch.n_signal + 80 * patch.n_signal + 8 * 3,
        256 + 16 * patch.n_signal + 80 * patch.n_signal + 8 * 3 + 1,
    ]

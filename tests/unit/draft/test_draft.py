"""Drafts of manifests: what is concluded from names and headers of files, and what is left to a person."""

from __future__ import annotations

import csv
from pathlib import Path, PurePosixPath
from typing import Any

import h5py
import numpy as np
import pytest
import yaml

from pipeline.draft import draft_manifest
from pipeline.draft.files import kinds_of, patterns_beside
from pipeline.manifests.load import load_manifest
from pipeline.read.signal_file import peek
from schemas.errors import SourceError, SourceMissing
from schemas.manifest import CohortManifest
from tests.cohorts.build import Sig, write_edf


def _write(path: Path, *labels: str | tuple[str, str]) -> None:
    """Write one second of signals; a label alone has the unit uV."""
    pairs = [(label, "uV") if isinstance(label, str) else label for label in labels]
    write_edf(path, [Sig(label, 1, unit) for label, unit in pairs], n_second=1)


def _draft(root: Path) -> tuple[str, CohortManifest]:
    text = draft_manifest("study", root)
    return text, CohortManifest.model_validate(yaml.safe_load(text))


def _rules(manifest: CohortManifest) -> dict[str, list[str]]:
    return {rule.channel: [choice.label for choice in rule.labels] for rule in manifest.montage}


# --- names of files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "pattern"),
    [
        (["edf/1.edf", "edf/22.edf"], "edf/{subject}.edf"),
        (["one.edf"], "{subject}.edf"),
        (["a/study-visit1-2001-psg.edf"], "a/study-{subject}-psg.edf"),
        (["t/r-05/r-05.hea"], "t/{subject}/{subject}.hea"),
        (["v1/v1-2001.edf", "v2/v2-2001.edf", "v2/v2-2002.edf", "v2/v2-2003.edf"], "{visit}/{visit}-{subject}.edf"),
        (["sub-1/eeg/sub-1_psg.edf", "sub-20/eeg/sub-20_psg.edf"], "{subject}/eeg/{subject}_psg.edf"),
        (["S1/N1/rec.edf", "S1/N2/rec.edf", "S2/N1/rec.edf", "S3/N1/rec.edf"], "{subject}/{visit}/rec.edf"),
        (["anna/rec.edf", "berta/rec.edf"], "{subject}/rec.edf"),
        (["a/1f3e.h5", "a/ab07.h5", "a/c9d1.h5"], "a/{subject}.h5"),
        (["study-aa01-night1.edf", "study-bb02-night1.edf"], "study-{subject}-night1.edf"),
        (["t/r-05/r-05.hea", "t/r-13/r-13.hea"], "t/{subject}/{subject}.hea"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_layout_from_names(files: list[str], pattern: str) -> None:
    """What differs from file to file is a field, and the field with most values is the person."""
    assert [kind.pattern for kind in kinds_of(map(PurePosixPath, files))] == [pattern]


def test_files_beside_a_recording_are_found_by_its_fields() -> None:
    """A pattern counts if half of the recordings have such a file; what belongs to nobody is none."""
    files = [PurePosixPath(f"{n}/psg.edf") for n in ("s01", "s02", "s03", "s04")]
    others = ["s01/stages.txt", "s02/stages.txt", "s03/stages.txt", "xml/s01.xml", "xml/s02.xml", "s04/odd.csv"]
    (kind,) = kinds_of(files)
    found = patterns_beside(kind, map(PurePosixPath, [*others, "people.csv"]))
    assert found == {"{subject}/stages.txt": 3, "xml/{subject}.xml": 2}


def test_a_pattern_that_finds_too_much_gets_a_width() -> None:
    """Hypnograms beside the nights would be nights, too, if the person's name could be of any length."""
    (kind,) = kinds_of(map(PurePosixPath, ["r/SN001.edf", "r/SN002.edf"]))
    assert kind.narrowed([PurePosixPath("r/SN001_score.edf")]) == "r/{subject:5}.edf"
    assert kind.narrowed([PurePosixPath("r/SN001_score.txt")]) == "r/{subject}.edf"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two nights, their hypnograms as EDF in a folder that comes first, and a table."""
    folder = tmp_path_factory.mktemp("download")
    for n in "12":
        write_edf(
            folder / "annotations" / f"{n}.edf", [Sig("EDF Annotations", 60, "")], n_second=1, reserved="EDF+C"
        )
        _write(folder / "nights" / f"{n}.edf", "EKG", "EOG li", "A2")
    (folder / "people.csv").write_text("nothing\n", "utf-8")
    return folder


def test_layout_is_that_of_the_richest_files(root: Path) -> None:
    """A hypnogram in an EDF is no night, but it lies beside one."""
    text, manifest = _draft(root)
    assert [layout.signals for layout in manifest.layout] == ["nights/{subject}.edf"]
    assert '# annotations: "annotations/{subject}.edf"  # 2 of 2 recordings have one\n' in text
    assert '#     - path: "people.csv"\n' in text


def test_two_folders_of_nights_are_two_layouts(tmp_path: Path) -> None:
    """Recordings with much the same labels are one cohort; each place has its own scorings."""
    for n in "12":
        _write(tmp_path / "first" / f"{n}.edf", "EKG", "C4-A1", "LOC")
        _write(tmp_path / "again" / f"n{n}" / "psg.edf", "EKG", "C4-A1")
        (tmp_path / "again" / f"n{n}" / "stages.annot").write_text("", "utf-8")
    text, manifest = _draft(tmp_path)
    assert [layout.signals for layout in manifest.layout] == ["first/{subject}.edf", "again/{subject}/psg.edf"]
    assert '    # annotations: "again/{subject}/stages.annot"  # 2 of 2 recordings have one\n' in text
    assert "#   format: luna_annot\n" in text
    assert "- channel: ecg  # REVIEW, 4 files\n" in text


def test_draft_is_valid_and_waits_for_a_person(root: Path) -> None:
    """It loads as it is, proposes equal spellings only, and says what it does not know."""
    text, manifest = _draft(root)
    assert _rules(manifest) == {"ecg": ["EKG"]}
    assert "# - channel: REVIEW  # 2 files; a similar label is eog_l elsewhere\n" in text
    assert [layout.annotations for layout in manifest.layout] == [{}]
    assert "stages and events stay unknown" in text


def test_commented_parts_are_valid_once_they_are_uncommented(root: Path, tmp_path: Path) -> None:
    """What a person is to fill in has the right keys in the right places, left-over labels as well."""
    lines = draft_manifest("study", root).splitlines()
    kept = [line for line in lines if not line.lstrip("# ").startswith(("Without", "Left over", "Those", "yaml-l"))]
    body = kept[[line.startswith("manifest_version") for line in kept].index(True) :]
    text = "\n".join(line.replace("# ", "", 1) if line.lstrip().startswith("# ") else line for line in body)
    text = text.replace("- channel: REVIEW", "- channel: eog_r", 1).replace("- channel: REVIEW", "- channel: eog_v")
    (tmp_path / "study.yaml").write_text(text, "utf-8")
    manifest = load_manifest(str(tmp_path / "study.yaml"))
    assert [layout.annotations for layout in manifest.layout] == [{"annotations": "annotations/{subject}.edf"}]
    assert manifest.subjects
    assert [table.path for table in manifest.subjects.tables] == ["people.csv"]
    assert _rules(manifest) == {"ecg": ["EKG"], "eog_r": ["EOG li"], "eog_v": ["A2"]}


def test_files_without_readable_headers(tmp_path: Path) -> None:
    """An example stands in for what could not be read, and says so; why, the scan will tell."""
    (tmp_path / "1.edf").write_text("no header", "utf-8")
    text, _ = _draft(tmp_path)
    assert "- channel: eeg_c4_m1  # REVIEW: an example, no label was read\n" in text


def test_nothing_to_draft_from(tmp_path: Path) -> None:
    """An empty folder is the wrong folder."""
    with pytest.raises(SourceMissing, match="Name the folder of the download"):
        draft_manifest("study", tmp_path)


# --- labels -----------------------------------------------------------------------------------------------------


def test_two_electrodes_are_subtracted_where_others_do(tmp_path: Path) -> None:
    """Families of labels are told apart: one was recorded against a common reference, the other was not."""
    _write(tmp_path / "1.edf", "C4", "A1", "EKG")
    _write(tmp_path / "2.edf", "C4", "A1", "EKG")
    _write(tmp_path / "3.edf", "C4-A1", "EKG")
    text, manifest = _draft(tmp_path)
    rule = next(rule for rule in manifest.montage if rule.channel == "eeg_c4_m1")
    assert rule.derivation is not None
    assert [[c.label for c in side] for side in (rule.labels, rule.derivation.plus, rule.derivation.minus)] == [
        ["C4-A1"],
        ["C4"],
        ["A1"],
    ]
    assert "# 2 families of labels. 2 files have the most frequent one;\n" in text
    assert '# 1 file differs: without "C4", "A1"; with "C4-A1"\n' in text


def test_units_are_proposed_where_no_amplitude_depends_on_them(tmp_path: Path) -> None:
    """A belt without a unit is relative in any case; of an EEG only a source can say."""
    _write(tmp_path / "1.edf", ("THOR RES", ""), ("Cannula Flow", "hPa"), ("C4-A1", ""), ("SpO2", "Prozent"))
    text, manifest = _draft(tmp_path)
    rules = {rule.channel: rule for rule in manifest.montage}
    blank = rules["thor"].unit_when_blank
    assert blank
    assert blank.unit == "1"
    override = rules["nasal_pressure"].unit_override
    assert override
    assert (override.when, override.unit) == ("hPa", "1")
    assert rules["eeg_c4_m1"].unit_when_blank is None
    assert "# REVIEW no unit in 1 file: unit_when_blank: {unit: ..., source: ...}\n" in text
    assert rules["spo2"].unit_override is None
    assert '# REVIEW unit_override: {when: "Prozent", unit: ..., source: ...}\n' in text


def test_rates_and_units_that_were_seen_are_expected(tmp_path: Path) -> None:
    """A draft says what the headers say, and how many files say so where they differ."""
    write_edf(tmp_path / "1.edf", [Sig("EKG", 250, "mV")], n_second=1)
    write_edf(tmp_path / "2.edf", [Sig("EKG", 200, "uV")], n_second=1)
    write_edf(tmp_path / "3.edf", [Sig("EKG", 200, "mV")], n_second=1)
    text, manifest = _draft(tmp_path)
    expect = manifest.montage[0].expect
    assert (expect.rate_hz, set(expect.unit)) == ((200.0, 250.0), {"mV", "uV"})
    assert "2 files at 200 Hz; 1 file at 250 Hz" in text
    assert "#   format: nsrr_xml  # or profusion_xml\n" in text  # nothing lies beside the recordings


def test_codes_need_a_person(tmp_path: Path) -> None:
    """A label of codes that others use, too, is named; what its numbers mean is asked."""
    _write(tmp_path / "1.edf", "EKG", ("POSITION", ""))
    text, manifest = _draft(tmp_path)
    assert _rules(manifest) == {"ecg": ["EKG"]}
    assert "# - channel: position" in text
    assert "#   value_meanings: {0: REVIEW}" in text


# --- other formats ----------------------------------------------------------------------------------------------


def test_wfdb_with_what_its_headers_need(tmp_path: Path) -> None:
    """Files of samples that headers name are companions, and the annotation file is found by its suffix."""
    for n in ("r01", "r02"):
        (tmp_path / f"{n}.hea").write_text(f"{n} 1 200 0\n{n}.dat 16 200(0)/uV 16 0 0 0 0 C4-M1\n", "utf-8")
        for suffix in ("dat", "st"):
            (tmp_path / f"{n}.{suffix}").write_bytes(b"")
    text, manifest = _draft(tmp_path)
    (layout,) = manifest.layout
    assert (layout.signals, layout.companions) == ("{subject}.hea", ("{subject}.dat",))
    assert _rules(manifest) == {"eeg_c4_m1": ["C4-M1"]}
    assert '# annotations: "{subject}.st"  # 2 of 2 recordings have one\n' in text
    assert "#   format: wfdb\n" in text


def test_hdf5_with_where_its_signals_are(tmp_path: Path) -> None:
    """Datasets that say a rate are signals; a hypnogram without one is not."""
    with h5py.File(tmp_path / "night.h5", "w") as file:
        for group, label in (("eeg", "C4-M1"), ("emg", "EKG")):
            dataset = file.create_dataset(f"signals/{group}/{label}", data=np.zeros(10, np.float32))
            dataset.parent.attrs.update({"fs": 100, "unit": "uV"})
        file["hypnogram"] = np.zeros(3, np.int8)
    _, manifest = _draft(tmp_path)
    assert manifest.hdf5
    assert manifest.hdf5.model_dump() == {
        "signals": ("signals/*/*",),
        "rate": "fs",
        "unit": "unit",
    }
    assert _rules(manifest) == {"eeg_c4_m1": ["C4-M1"], "ecg": ["EKG"]}
    assert [info.label for info in peek(tmp_path / "night.h5", manifest.hdf5).infos] == ["C4-M1", "EKG"]


# --- from a census ----------------------------------------------------------------------------------------------


def _census(path: Path, *rows: dict[str, Any]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_labels_from_a_census(tmp_path: Path) -> None:
    """Counts of labels alone give rules; what was counted often says so."""
    table = _census(tmp_path / "scan.csv", {"label": "EKG", "n": 900}, {"label": "Brustgurt", "n": 3})
    text = draft_manifest("study", None, table)
    assert _rules(CohortManifest.model_validate(yaml.safe_load(text))) == {"ecg": ["EKG"]}
    assert "- channel: ecg  # REVIEW, 900 files\n" in text
    assert "# - channel: REVIEW  # 3 files" in text


def test_montages_from_a_census(tmp_path: Path) -> None:
    """A census of montages gives families, rates and units, and where the files lie."""
    common = {"files": "edfs/*.edf", "rate_hz": 128, "unit": "uV"}
    rows = [{"montage": 1, "n": 40, "label": label} | common for label in ("C4", "A1")]
    rows.append({"montage": 2, "n": 2, "label": "C4-A1"} | common)
    text = draft_manifest("study", None, _census(tmp_path / "scan.csv", *rows))
    manifest = CohortManifest.model_validate(yaml.safe_load(text))
    assert [layout.signals for layout in manifest.layout] == ["edfs/{subject}.edf"]
    assert manifest.montage[0].expect.rate_hz == (128.0,)
    assert '# 2 files differ: without "C4", "A1"; with "C4-A1"\n' in text


def test_another_table_is_no_census(tmp_path: Path) -> None:
    """Whoever names a wrong file is told what a census looks like."""
    with pytest.raises(SourceError, match="scan --root DOWNLOAD --csv"):
        draft_manifest("study", None, _census(tmp_path / "people.csv", {"name": "nobody"}))

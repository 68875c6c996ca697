"""Drafts of manifests: what is taken from headers, and what is left to a person."""

from __future__ import annotations

from pathlib import Path

import edfio
import numpy as np
import pytest
import yaml

from pipeline.draft import draft_manifest
from schemas.errors import SourceMissing
from schemas.manifest import CohortManifest


def _write(path: Path, *labels: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    flat = np.array([0.0, 1.0, 0.0, 1.0])
    edfio.Edf([edfio.EdfSignal(flat, 1, label=label, physical_range=(0, 1)) for label in labels]).write(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two nights, and their hypnograms as EDF in a folder that comes first."""
    for n in "12":
        _write(tmp_path / "annotations" / f"{n}.edf", "nothing")
        _write(tmp_path / "nights" / f"{n}.edf", "EKG", "EOG li", "A2")
    return tmp_path


def test_layout_is_that_of_the_richest_files(root: Path) -> None:
    """A hypnogram in an EDF is no night; the other folder is mentioned."""
    text = draft_manifest("study", root)
    assert yaml.safe_load(text)["layout"] == {"signals": "nights/{subject}.edf"}
    assert 'also there: "annotations/{subject}.edf" (2 files)' in text


def test_draft_is_valid_and_waits_for_a_person(root: Path) -> None:
    """It loads as it is, proposes equal spellings only, mentions near ones, and says what it does not know."""
    text = draft_manifest("study", root)
    manifest = CohortManifest.model_validate(yaml.safe_load(text))
    assert [(rule.channel, [c.label for c in rule.labels]) for rule in manifest.montage] == [("ecg", ["EKG"])]
    assert '# "EOG li" (2 files), perhaps eog_l\n' in text
    assert '# "A2" (2 files)\n' in text
    assert [layout.annotations for layout in manifest.layout] == [{}]
    assert "stages, events, age and sex stay unknown" in text


def test_commented_part_is_valid_once_it_is_uncommented(root: Path) -> None:
    """What a person is to fill in has the right keys in the right places."""
    head, after = draft_manifest("study", root).split("stay unknown.\n")
    waiting, montage = after.split("montage:\n")
    text = head + "\n" + waiting.replace("\n# ", "\n").removeprefix("# ") + "montage:\n" + montage
    manifest = CohortManifest.model_validate(yaml.safe_load(text))
    assert [layout.annotations for layout in manifest.layout] == [{"annotations": "stages/{subject}.xml"}]
    assert [table.path for table in manifest.subjects.tables] == ["subjects.csv"]


def test_nothing_to_draft_from(tmp_path: Path) -> None:
    """An empty folder is the wrong folder."""
    with pytest.raises(SourceMissing, match="Name the folder of the download"):
        draft_manifest("study", tmp_path)

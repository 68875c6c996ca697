"""A recording on disk, opened for changes: what is not changed stays, to the byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.read.edf import open_edf
from pipeline.synth.cohort import complete_recording
from pipeline.synth.faults_sensors import plant
from pipeline.synth.night_files import NightFiles
from pipeline.synth.night_samples import NightSamples


@pytest.fixture
def files(tmp_path: Path) -> NightFiles:
    """Twelve minutes of one person, every sensor there."""
    return complete_recording(tmp_path, recipe="synthetic", hours=0.2, seed=3)


def test_saving_changes_nothing(files: NightFiles) -> None:
    """Both files are what they were, also with a signal read and set again."""
    before = files.edf.read_bytes(), files.xml.read_bytes()
    night = NightSamples(files)
    (ecg,) = files.signals("ecg")
    night.put(ecg, night.get(ecg))
    night.save()
    assert (files.edf.read_bytes(), files.xml.read_bytes()) == before


def test_values_are_physical(files: NightFiles) -> None:
    """They are those that a reader finds, before a change and after it."""
    (ecg,) = files.signals("ecg")
    night = NightSamples(files)
    with open_edf(files.edf) as edf:
        np.testing.assert_allclose(night.get(ecg), edf.signal(ecg).physical(), atol=1e-5)
    night.put(ecg, -night.get(ecg))
    night.save()
    with open_edf(files.edf) as edf:
        np.testing.assert_allclose(night.get(ecg), edf.signal(ecg).physical(), atol=1e-5)


def test_epochs_are_scored_in_other_words(files: NightFiles) -> None:
    """Words go out as they came in, events stay, and one more is there."""
    night = NightSamples(files)
    words = night.concepts
    night.score([*words[1:], "Wake|0"])
    night.add_event("Respiratory|Respiratory", "Hypopnea|Hypopnea", 61.0, 10.0)
    n_event = night.xml.count("<ScoredEvent>")
    night.save()
    again = NightSamples(files)
    assert len(words) == 24
    assert again.concepts == [*words[1:], "Wake|0"]
    assert again.first_scored_s == 0.0
    assert again.xml.count("<ScoredEvent>") == n_event
    assert "<Start>61.0</Start>" in again.xml


def test_several_faults_are_planted_at_once(files: NightFiles) -> None:
    """The ECG and one belt are upside down, the others as they were."""
    before = {i: NightSamples(files).get(i) for i in range(len(files.sensors))}
    plant(("ecg_inverted", "belt_inverted"), files)
    after = NightSamples(files)
    turned = [i for i, value in before.items() if np.allclose(after.get(i), -value, atol=1e-3) and value.any()]
    assert len(turned) == 2
    assert {files.sensors[i].spec.source for i in turned} < {"ecg", "thor", "abdo"}

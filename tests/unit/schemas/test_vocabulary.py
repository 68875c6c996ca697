"""Closed lists: codes that stores carry and that never change."""

from __future__ import annotations

from enum import StrEnum

import pytest

from flows import many_words
from schemas import vocabulary
from schemas.vocabulary import EPOCH_S, UNSCORED, Stage

WORDS = {
    "Modality": ["eeg", "eog", "emg", "ecg", "airflow", "belt", "spo2", "ibi", "resp"],
    "StageScheme": ["aasm", "rk", "sleep_wake", "none"],
    "Outcome": ["converted", "converted_with_findings", "excluded", "failed"],
    "Polarity": ["as_header", "flipped_by_manifest", "inspiration_up", "unknown"],
    "Scored": ["yes", "no", "partly"],
    "Sex": ["male", "female", "unknown"],
    "Split": ["train", "val", "test", "external"],
    "StudyType": ["diagnostic", "split", "titration", "mslt", "hsat", "unknown"],
}


def test_stage_codes() -> None:
    """Stages are coded as the AASM orders them, and unscored is no stage."""
    assert {s.name: s.value for s in Stage} == {"UNSCORED": -1, "W": 0, "N1": 1, "N2": 2, "N3": 3, "REM": 4}
    assert (EPOCH_S, UNSCORED) == (30, -1)


@pytest.mark.parametrize(("name", "words"), WORDS.items())
def test_closed_lists(name: str, words: list[str]) -> None:
    """Each list has exactly its words."""
    assert [member.value for member in getattr(vocabulary, name)] == words


def test_no_list_is_forgotten() -> None:
    """Every list of the module is pinned above."""
    lists = [k for k, v in vars(vocabulary).items() if isinstance(v, type) and issubclass(v, StrEnum)]
    assert sorted(set(lists) - {"StrEnum"}) == sorted(WORDS)


def test_options_of_commands_are_the_lists() -> None:
    """Words that the command line holds for its help are those of the vocabulary."""
    assert tuple(vocabulary.Modality) == many_words.MODALITIES
    assert tuple(vocabulary.Split) == many_words.SPLITS
    assert tuple(vocabulary.StudyType) == many_words.STUDY_TYPES

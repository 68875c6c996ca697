"""Checks between channels: copies, and an EOG that is an EEG."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.vocabulary import Stage
from tests.quality_views import N, channel, measured, remarks, view

RNG = np.random.default_rng(8)
BRAIN, EYES = 20 * RNG.standard_normal((2, N * 240))  # in blocks of an eighth of a second


def wave(brain: float, eyes: float, seed: int) -> np.ndarray:
    """Parts of the common brain and eyes, and noise of its own."""
    own = 8 * np.random.default_rng(seed).standard_normal(BRAIN.size)
    return np.repeat(brain * BRAIN + eyes * EYES + own, 16)


@pytest.mark.parametrize(("sign", "more", "n_remark"), [(1, 0.0, 1), (-1, 0.0, 1), (1, 1.0, 0)])
def test_copies_are_found(sign: int, more: float, n_remark: int) -> None:
    """The same samples under two names, upside down too; a hundredth of noise makes two signals."""
    one = wave(1.0, 0.0, 1)
    other = sign * one + more * np.random.default_rng(2).standard_normal(one.size)
    night = view(channel("eeg_c4_m1", one, index=0), channel("eeg_c3_m2", other, index=1))
    assert [remark.channel for remark in remarks(night, "duplicated")] == ["eeg_c3_m2"] * n_remark


def test_one_signal_may_stand_in_two_channels() -> None:
    """What the montage reads twice on purpose is no copy."""
    one = wave(1.0, 0.0, 1)
    assert remarks(view(channel("eeg_c4_m1", one), channel("eeg_c3_m2", one)), "duplicated") == []


@pytest.mark.parametrize("flip", [1, -1])
def test_eyes_and_brain_are_told_apart(flip: int) -> None:
    """Two true EOG go against each other, whatever the sign of an EEG; an EEG in their place does not."""
    stage = np.full(N, Stage.REM, np.int8)
    brain = [channel(f"eeg_{site}", flip * wave(1.0, 0.1, seed)) for site, seed in (("c4_m1", 1), ("c3_m2", 2))]
    left, right = channel("eog_l", wave(0.4, 1.0, 3)), channel("eog_r", wave(0.4, -1.0, 4))
    assert remarks(view(*brain, left, right, stage=stage), "mislabelled") == []
    wrong = view(*brain, left, channel("eog_r", wave(1.0, 0.1, 5)), stage=stage)
    assert [remark.channel for remark in remarks(wrong, "mislabelled")] == ["eog_r"]


def test_eyes_are_looked_at_while_they_move() -> None:
    """Without wake and REM nothing is said."""
    stage = np.full(N, Stage.N2, np.int8)
    night = view(
        *(channel(name, wave(1.0, 0.0, i)) for i, name in enumerate(("eog_l", "eog_r", "eeg_c4_m1"))), stage=stage
    )
    assert measured(night, "mislabelled") == {}

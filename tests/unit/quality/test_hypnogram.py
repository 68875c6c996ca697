"""Checks of the scoring: shifts against the signals, one stage only, events of sleep in wake."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.process import Channel
from schemas.vocabulary import Stage, StageScheme
from tests.quality_views import channel, measured, remarks, view

N = 160  # epochs
STAGE = np.repeat(
    np.array([0, 1, 2, 3, 2, 4, 0, 2, 3, 4, 1, 2], np.int8), [11, 4, 20, 25, 9, 17, 3, 15, 12, 20, 5, 19]
)


def eeg() -> Channel:
    """Noise as loud as the stage, smoother in deep sleep."""
    rng = np.random.default_rng(4)
    fast = rng.standard_normal((N, 3840))
    slow = np.repeat(rng.standard_normal((N, 120)), 32, axis=1)
    loud, smooth = np.array([12.0, 9, 10, 6, 8])[STAGE], np.array([3.0, 5, 12, 40, 6])[STAGE]
    return channel("eeg_c4_m1", loud[:, None] * fast + smooth[:, None] * slow)


@pytest.mark.parametrize("shift", [0, 7, -20])
def test_the_shift_is_found(shift: int) -> None:
    """Stages that were moved fit best where they were; the sign is that of the way back."""
    moved = np.roll(STAGE, shift)
    night = view(eeg(), stage=moved)
    assert measured(night, "hypnogram_shifted")["hypnogram_shift_epochs", None] == -shift
    assert len(remarks(night, "hypnogram_shifted")) == bool(shift)


def test_an_unscored_night_is_not_compared() -> None:
    """Without stages there is nothing to shift."""
    assert measured(view(eeg()), "hypnogram_shifted") == {}


@pytest.mark.parametrize(("n_other", "scheme", "n_remark"), [(3, "aasm", 1), (40, "aasm", 0), (3, "sleep_wake", 0)])
def test_one_stage_for_nearly_all(n_other: int, scheme: str, n_remark: int) -> None:
    """A night of wake is remarked on; sleep/wake scoring has no stages of sleep to count."""
    stage = np.zeros(N, np.int8)
    stage[:n_other] = Stage.N2
    night = view(eeg(), stage=stage, scheme=StageScheme(scheme))
    assert len(remarks(night, "one_stage")) == n_remark


def test_events_in_wake_are_counted_where_they_lie() -> None:
    """Those that begin and end awake, of the kinds that need sleep; an arousal may end awake."""
    awake = [("hypopnea", 30.0 * k, 10.0) for k in range(6)]
    asleep = [("obstructive_apnea", 30.0 * k, 10.0) for k in range(20, 27)]
    ends_awake, leg = ("arousal", 30.0 * 85 + 25, 10.0), ("limb_movement", 0.0, 1.0)
    night = view(eeg(), stage=STAGE, events=[leg, *awake, *asleep, ends_awake])
    assert measured(night, "events_in_wake")["events_in_wake_share", None] == 6 / 14
    (remark,) = remarks(night, "events_in_wake")
    assert np.flatnonzero(remark.epochs if remark.epochs is not None else []).tolist() == list(range(6))
    assert remarks(night, "events_in_wake", 0.5) == []

"""Which candidates make the most credible sequence of beats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.derive.beat_candidates import Candidates
from pipeline.derive.beat_path import best_path


def choose(*candidates: tuple[NDArray[np.float64] | list[float], float]) -> list[float]:
    """Return the chosen times among (times, weight) groups."""
    time_s = np.concatenate([np.asarray(times, float) for times, _ in candidates])
    weight = np.concatenate([np.full(len(times), w, np.float32) for times, w in candidates])
    order = np.argsort(time_s)
    ones = np.ones(time_s.size, np.float32)
    chosen = best_path(Candidates(time_s[order], weight[order], ones, ones))
    return time_s[order][chosen].round(6).tolist()


TRAIN_S = np.arange(1.0, 300.0)


def test_clear_beats_are_all_taken() -> None:
    """Also across the edges of the stretches that are solved side by side."""
    assert choose((TRAIN_S, 4.0)) == TRAIN_S.tolist()


def test_no_candidates() -> None:
    """No candidate, no beat."""
    assert choose(([], 0.0)) == []


def test_one_candidate() -> None:
    """A single beat needs no rhythm."""
    assert choose(([5.0], 4.0)) == [5.0]


def test_doubtful_maximum_is_taken_where_a_beat_is_due() -> None:
    """A weak maximum in the middle of a double interval is a beat."""
    sure = TRAIN_S[TRAIN_S != 150]
    assert choose((sure, 4.0), ([150.0], -0.5)) == TRAIN_S.tolist()


def test_doubtful_maximum_is_left_where_none_is_due() -> None:
    """The same maximum between two beats on time is none."""
    assert choose((TRAIN_S, 4.0), ([150.5], -0.5)) == TRAIN_S.tolist()


def test_premature_beat_is_taken() -> None:
    """Strong evidence wins over rhythm."""
    premature = np.where(TRAIN_S == 150, 149.6, TRAIN_S)
    assert choose((premature, 4.0)) == premature.tolist()


def test_of_two_within_the_refractory_period_the_better_is_taken() -> None:
    """No heart beats twice in 150 ms."""
    assert choose((TRAIN_S, 4.0), ([150.15], 3.0)) == TRAIN_S.tolist()


def test_t_wave_is_no_beat() -> None:
    """What follows each beat by 280 ms needs more evidence than a beat on time."""
    assert choose((TRAIN_S, 4.0), (TRAIN_S + 0.28, 1.0)) == TRAIN_S.tolist()


def test_long_pause_is_kept() -> None:
    """Half a minute without candidates costs no beat on either side."""
    with_pause = TRAIN_S[(TRAIN_S < 100) | (TRAIN_S > 130)]
    assert choose((with_pause, 4.0)) == with_pause.tolist()

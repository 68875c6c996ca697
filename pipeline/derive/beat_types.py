"""Which beats are ectopic.

A beat is ectopic where it comes early and a longer interval follows, or where its complex is unlike those around
and its timing is unlike too, or where the complex is like no other. In an irregular rhythm, as in atrial
fibrillation, no beat is early: there the complex alone tells. One lead cannot tell more; a fusion beat or an
aberrantly conducted one may be on either side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.derive.beat_rhythm import expected, usual
from pipeline.derive.rpeaks import Beats
from schemas.vocabulary import BeatType

__all__ = ["type_beats"]

Mask = NDArray[np.bool_]
_EARLY = 0.85  # of the expected interval, and of the one before
_RETURNS = 1.1  # times the early interval: what follows is longer, not a faster heart
_SLIGHTLY = (0.93, 1.07)  # of the expected interval: timing of a beat whose complex is unlike
_UNLIKE = 0.08  # 1 - correlation; noise of a clean ECG gives 0.03
_UNLIKE_FACTOR = 4.0  # times the usual
_VERY_UNLIKE = 0.35
_USUAL_AROUND = 301  # beats


def type_beats(beats: Beats, trusted: Mask, is_irregular: Mask) -> NDArray[np.int8]:
    """Return the type of every beat.

    Parameters
    ----------
    trusted : ndarray, shape (n_beat,), bool
        Beats that are there; the others are uncertain.
    is_irregular : ndarray, shape (n_beat - 1,), bool
        Intervals in an irregular rhythm.

    Returns
    -------
    ndarray, shape (n_beat,), int8
        Codes of `schemas.vocabulary.BeatType`.
    """
    kind = np.where(trusted, BeatType.NORMAL, BeatType.UNCERTAIN).astype(np.int8)
    if trusted.size < 3:
        return kind
    interval_s = np.diff(beats.time_s)
    expected_s = expected(interval_s)
    before, after = np.append(expected_s[0], interval_s), np.append(interval_s, expected_s[-1])
    due = np.append(expected_s[0], expected_s)
    early = (before < _EARLY * due) & (after > _RETURNS * before) & ~np.append(False, is_irregular)
    early &= before < _EARLY * np.append(expected_s[0], before[:-1])
    off_time = (before < _SLIGHTLY[0] * due) | (after > _SLIGHTLY[1] * due)
    unlike = 1 - beats.likeness
    usually = _UNLIKE_FACTOR * usual(unlike, _USUAL_AROUND)
    is_unlike, is_very_unlike = unlike > np.maximum(_UNLIKE, usually), unlike > np.maximum(_VERY_UNLIKE, usually)
    kind[trusted & (early | (is_unlike & off_time) | is_very_unlike)] = BeatType.ECTOPIC
    return kind

"""Checks of the scoring against the signals and against itself.

Stages show in spectra: slow waves, spindles, muscle tone, eye movements. How much of the features' variance the
stages explain has a peak where hypnogram and signals lie on the same clock. It need not be the highest of all: far
off, other epochs are compared, and few stages are explained better than many.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.process import Channel
from pipeline.quality.view import Measure, NightView, Remark, Said
from schemas.kinds import Kind
from schemas.vocabulary import EPOCH_S, Stage, StageScheme

__all__ = ["events_in_wake", "hypnogram_shifted", "one_stage"]

Features = NDArray[np.float64]
_OCTAVES = (1, 3, 5)  # at 128 Hz: 16 to 32 Hz, 4 to 8 Hz and 1 to 2 Hz, as differences of means of 2, 8, 32 samples
_MOST_SHIFT = 60  # epochs, half an hour; a quarter of a shorter night
_LEAST_SCORED = 80  # epochs
_CLEARER = 0.3  # of a peak's height over that at no shift; noise of an hour gives none, shifts give 0.5 or more
_AROUND = 10  # epochs on either side of a peak, for its height: stages last that long
_MOSTLY = 0.9  # of the night: a channel that is lost for longer would leave too little to move stages over
_LEAST_STAGE = 3  # epochs of a stage, to count
_ASLEEP_EVENTS = ("apnea", "hypopnea", "arousal")
_LEAST_EVENT = 10


def hypnogram_shifted(night: NightView, limit: float) -> Said:
    """Look for the shift of the stages at which they explain most of the signals."""
    features = _features(night)
    if features is None:
        return
    most = min(_MOST_SHIFT, night.n_epoch // 4)
    fits = {shift: _fit(features, night.stage, shift, most) for shift in range(-most, most + 1)}
    known = {shift: fit for shift, fit in fits.items() if fit is not None}
    if known.get(0) is None:
        return
    peak = {shift: _prominence(known, shift) for shift in known}
    best = max(peak, key=lambda shift: peak[shift])
    shift = best if peak[best] - peak[0] > _CLEARER else 0
    yield Measure("hypnogram_fit", known[0])
    yield Measure("hypnogram_shift_epochs", shift)
    if abs(shift) >= limit:
        way = "earlier" if shift < 0 else "later"
        yield Remark(f"stages fit the signals best {abs(shift)} epochs {way}")


def _prominence(fits: Mapping[int, float], shift: int) -> float:
    """Return how far the fit falls on both sides of a shift."""
    sides = (
        [fits[s] for s in range(shift + way, shift + way * _AROUND + way, way) if s in fits] for way in (-1, 1)
    )
    return fits[shift] - max(min(side, default=fits[shift]) for side in sides)


def _features(night: NightView) -> Features | None:
    """Return log powers of the first EEG, of the chin and of an eye; shape (n_epoch, n_feature), NaN if missing."""
    brain = _mostly_whole(night, Kind.EEG)
    if not brain or np.count_nonzero(night.stage >= 0) < _LEAST_SCORED:
        return None
    columns = list(_octave_powers(brain[0]))
    for kind in (Kind.EMG, Kind.EOG):
        columns += [night.rms[c.plan.channel] for c in _mostly_whole(night, kind)[:1]]
    with np.errstate(divide="ignore"):
        features = np.log(np.stack(columns, axis=1).astype(np.float64))
    features[~np.isfinite(features).all(axis=1)] = np.nan
    return features


def _mostly_whole(night: NightView, kind: Kind) -> list[Channel]:
    return [channel for channel in night.of_kind(kind) if night.whole(channel).mean() >= _MOSTLY]


def _octave_powers(channel: Channel) -> list[NDArray[np.float32]]:
    """Return the RMS of Haar wavelets at some octaves, epoch by epoch."""
    found, mean = [], channel.value
    for octave in range(max(_OCTAVES) + 1):
        even, odd = mean[:, 0::2], mean[:, 1::2]
        if octave in _OCTAVES:
            step = even - odd
            found.append(np.sqrt(np.einsum("ij,ij->i", step, step) / step.shape[1]))
        mean = even + odd
        mean *= np.float32(0.5)
    return found


def _fit(features: Features, stage: NDArray[np.int8], shift: int, most: int) -> float | None:
    """Return log(det total / det within stages) with stages moved later by ``shift`` epochs.

    The same epochs of the signals are used at every shift.
    """
    moved = stage[most - shift : stage.size - most - shift]
    inner = features[most : stage.size - most]
    known = (moved >= 0) & np.isfinite(inner[:, 0])
    groups = [inner[known & (moved == s)] for s in range(Stage.REM + 1)]
    groups = [group for group in groups if len(group) >= _LEAST_STAGE]
    if len(groups) < 2:
        return None
    within = sum((_scatter(group) for group in groups), np.zeros((features.shape[1],) * 2))
    total = _scatter(np.concatenate(groups))
    log_total, log_within = (np.linalg.slogdet(matrix)[1] for matrix in (total, within))
    return float(log_total - log_within) if np.isfinite(log_within) else None


def _scatter(rows: Features) -> Features:
    level = rows - rows.mean(axis=0)
    return np.asarray(level.T @ level)


def one_stage(night: NightView, limit: float) -> Said:
    """Count the scored epochs of the most frequent stage; sleep/wake-only scoring says so itself."""
    scored = night.stage[night.stage >= 0]
    if night.scheme is StageScheme.SLEEP_WAKE or scored.size < _LEAST_SCORED:
        return
    count = np.bincount(scored, minlength=Stage.REM + 1)
    share = float(count.max() / scored.size)
    yield Measure("largest_stage_share", share)
    if share > limit:
        yield Remark(f"{share:.1%} of the scored epochs are {Stage(int(count.argmax())).name}")


def events_in_wake(night: NightView, limit: float) -> Said:
    """Count the events of sleep that begin and end in wake."""
    asleep = np.array([kind.endswith(_ASLEEP_EVENTS) for kind in night.events.type], bool)
    onset_s = night.events.onset_s[asleep]
    end_s = onset_s + night.events.duration_s[asleep]
    begins, ends = (_stage_at(night, time_s) for time_s in (onset_s, end_s))
    scored = (begins >= 0) & (ends >= 0)
    if scored.sum() < _LEAST_EVENT:
        return
    awake = scored & (begins == Stage.W) & (ends == Stage.W)
    share = float(awake.sum() / scored.sum())
    yield Measure("events_in_wake_share", share)
    if share > limit:
        words = f"{int(awake.sum())} of {int(scored.sum())} apneas, hypopneas and arousals"
        yield Remark(words, epochs=_epochs(night, onset_s[awake]))


def _stage_at(night: NightView, time_s: NDArray[np.float64]) -> NDArray[np.int8]:
    epoch = np.floor(time_s / EPOCH_S).astype(np.intp)
    inside = (epoch >= 0) & (epoch < night.n_epoch)
    return np.where(inside, night.stage[np.clip(epoch, 0, night.n_epoch - 1)], Stage.UNSCORED).astype(np.int8)


def _epochs(night: NightView, time_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    mask = np.zeros(night.n_epoch, bool)
    mask[np.floor(time_s / EPOCH_S).astype(np.intp)] = True
    return mask

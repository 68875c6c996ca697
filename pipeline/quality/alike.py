"""Checks between channels: one signal under two names, an EOG that is an EEG."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from pipeline.process import Channel
from pipeline.quality.view import LEAST_EPOCH, Measure, NightView, Remark, Said, evenly
from schemas.kinds import Kind, RateClass
from schemas.vocabulary import Stage

__all__ = ["duplicated", "mislabelled"]

_N_EPOCH = 20  # of the night, evenly spread: whole copies show in any of them
_N_EYE_EPOCH = 80
_BLOCK = 16  # samples averaged into one: 125 ms at 128 Hz, eye movements and no alpha


def duplicated(night: NightView, limit: float) -> Said:
    """Correlate all waves of one rate with each other; a copy turned upside down is one, too."""
    for rate in RateClass:
        waves = [c for c in night.waves if c.plan.spec.rate_class is rate and c.plan.channel in night.amplitude]
        for one, other, correlation in _correlated(night, waves):
            if one.plan.leads != other.plan.leads and abs(correlation) > limit:
                yield Remark(
                    f"the same signal as {one.plan.channel}: correlation {correlation:.4f}", other.plan.channel
                )


def _correlated(night: NightView, waves: Sequence[Channel]) -> list[tuple[Channel, Channel, float]]:
    """Return every pair of channels that share whole epochs, and their correlation there."""
    if len(waves) < 2:
        return []
    whole = {c.plan.channel: night.whole(c) & (night.rms[c.plan.channel] > 0) for c in waves}
    common = evenly(np.all(list(whole.values()), axis=0), _N_EPOCH)
    if common.size == _N_EPOCH:
        matrix = np.asarray(np.corrcoef(np.stack([c.value[common].reshape(-1) for c in waves])))
        pairs = combinations(range(len(waves)), 2)
        return [(waves[i], waves[j], float(matrix[i, j])) for i, j in pairs]
    found = []
    for one, other in combinations(waves, 2):
        both = evenly(whole[one.plan.channel] & whole[other.plan.channel], _N_EPOCH)
        if both.size == _N_EPOCH:
            pair = [channel.value[both].reshape(-1) for channel in (one, other)]
            found.append((one, other, float(np.asarray(np.corrcoef(pair))[0, 1])))
    return found


def mislabelled(night: NightView, limit: float) -> Said:
    """Ask of each of two EOG whether it goes with an EEG rather than against the other EOG while the eyes move."""
    left, right = (night.channel(name) for name in ("eog_l", "eog_r"))
    brain = night.of_kind(Kind.EEG)
    if left is None or right is None or not brain:
        return
    awake = (night.stage == Stage.W) | (night.stage == Stage.REM)
    whole = {c.plan.channel: night.whole(c) for c in (left, right, *brain)}
    for one, other in ((left, right), (right, left)):
        against = _slow_correlation(one, other, awake & whole[one.plan.channel] & whole[other.plan.channel])
        with_brain = [
            _slow_correlation(one, eeg, awake & whole[one.plan.channel] & whole[eeg.plan.channel]) for eeg in brain
        ]
        known = [abs(value) for value in with_brain if value is not None]
        if against is None or not known:
            continue
        score = max(known) - abs(against)
        yield Measure("eeg_less_eog_correlation", score, one.plan.channel)
        if score > limit:
            words = f"correlation {max(known):.2f} with an EEG, {against:.2f} with {other.plan.channel}"
            yield Remark(words, one.plan.channel)


def _slow_correlation(one: Channel, other: Channel, epochs: NDArray[np.bool_]) -> float | None:
    """Return the median over epochs of the correlation of two slowed-down waves."""
    places = evenly(epochs, _N_EYE_EPOCH)
    if places.size < LEAST_EPOCH // 2:
        return None
    a, b = (_slow(channel, places) for channel in (one, other))
    size = np.sqrt(np.sum(a * a, axis=1) * np.sum(b * b, axis=1))
    moving = size > 0
    return float(np.median(np.sum(a * b, axis=1)[moving] / size[moving])) if moving.any() else None


def _slow(channel: Channel, places: NDArray[np.intp]) -> NDArray[np.float32]:
    blocks = channel.value[places].reshape(places.size, -1, _BLOCK).mean(axis=2)
    return np.asarray(blocks - blocks.mean(axis=1, keepdims=True), np.float32)

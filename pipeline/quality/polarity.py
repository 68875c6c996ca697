"""Evidence about the sign of EEG and EOG channels: numbers for a reader, never a verdict, never a flip.

Every number changes its sign, and nothing else, when its channel is turned upside down. How to read them, and
where they mislead: docs/adr/0006-polarity.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.process import Channel
from schemas.kinds import Kind
from schemas.vocabulary import Stage

__all__ = ["polarity_attributes"]

Floats = NDArray[np.float64]
_KINDS = frozenset({Kind.EEG, Kind.EOG})
_BLOCK = 16  # samples averaged into one: 125 ms at 128 Hz, -3 dB at 3.5 Hz, first zero at 8 Hz
_LEAST_EPOCH = 10  # epochs; a median of fewer tells more of the epochs than of the electrodes
_DIGITS = 4  # decimals kept; the standard error of a whole night is about 0.01


def polarity_attributes(channels: Sequence[Channel], stage: NDArray[np.int8]) -> dict[str, dict[str, Any]]:
    """Return what speaks for or against the sign of every EEG and EOG channel, as attributes of the store.

    Epochs count where nothing was remarked on the channel and no sample is missing. A number is the median over
    epochs, so that a minute of movement does not decide it; one from fewer than 10 epochs is left out.

    Parameters
    ----------
    channels : sequence of Channel
        All channels of the night; those that are neither EEG nor EOG are passed over.
    stage : ndarray, shape (n_epoch,), int8
        AASM stages, -1 unscored.

    Returns
    -------
    dict of str to dict
        By channel, each key only where there is enough to tell:

        ``polarity_stages``
            Epochs of the next three: ``N2 N3``, or ``unscored`` where the night has no stage of sleep.
        ``polarity_n_sleep_epoch``
            How many of them this channel has.
        ``polarity_slow_wave_asymmetry``
            Skewness of the wave from its high-pass to 3.5 Hz; no unit.
        ``polarity_sleep_correlation``
            Pearson correlation of that wave with the one of every other EEG or EOG channel, by its name.
        ``polarity_n_eye_epoch``, ``polarity_eye_correlation``
            The same between EOG channels in wake and REM.

    Notes
    -----
    About 20 ms of CPU a night of 8 h with six such channels.

    Source
    ------
    Riedner 2007 (doi:10.1093/sleep/30.12.1643), slow waves at the scalp; the luna documentation, vignette
    *nsrr-polarity*, correlations between channels and asymmetry of NREM sleep as signs of turned EEG.
    """
    stages, asleep = _sleep(stage)
    eyes_move = np.flatnonzero((stage == Stage.W) | (stage == Stage.REM))
    electrodes = [channel for channel in channels if channel.plan.rule.kind in _KINDS]
    eyes = [channel for channel in electrodes if channel.plan.rule.kind is Kind.EOG]
    slow = {channel.plan.channel: _standard_wave(channel, asleep) for channel in electrodes}
    fast = {channel.plan.channel: _standard_wave(channel, eyes_move) for channel in eyes}
    evidence: dict[str, dict[str, Any]] = {}
    for name, wave in slow.items():
        attrs: dict[str, Any] = {}
        asymmetry = _median(np.mean(wave * wave * wave, axis=1))
        if asymmetry is not None:
            attrs |= {"polarity_stages": stages, "polarity_n_sleep_epoch": _n_epoch(wave)}
            attrs["polarity_slow_wave_asymmetry"] = asymmetry
        if correlation := _correlations(name, slow):
            attrs["polarity_sleep_correlation"] = correlation
        if correlation := _correlations(name, fast):
            attrs |= {"polarity_n_eye_epoch": _n_epoch(fast[name]), "polarity_eye_correlation": correlation}
        evidence[name] = attrs
    return evidence


def _sleep(stage: NDArray[np.int8]) -> tuple[str, NDArray[np.intp]]:
    """Return the epochs to look for slow waves in; nights without stages of sleep have only unscored ones."""
    if (stage > Stage.W).any():
        return "N2 N3", np.flatnonzero((stage == Stage.N2) | (stage == Stage.N3))
    return "unscored", np.flatnonzero(stage == Stage.UNSCORED)


def _standard_wave(channel: Channel, epochs: NDArray[np.intp]) -> Floats:
    """Return block means with mean 0 and variance 1 in every epoch; shape (epochs.size, n_block).

    NaN where the epoch is not whole, has a remark, or nothing varies.
    """
    good = (channel.usable[epochs] == 1) & (channel.flag[epochs] == 0)
    wave = np.full((epochs.size, channel.value.shape[1] // _BLOCK), np.nan)
    mean = channel.value[epochs[good]].reshape(-1, _BLOCK) @ np.full(_BLOCK, 1 / _BLOCK, np.float32)
    block = mean.reshape(-1, wave.shape[1]).astype(np.float64)
    block -= block.mean(axis=1, keepdims=True)
    size = np.sqrt(np.mean(block * block, axis=1, keepdims=True))
    wave[good] = block / np.where(size > 0, size, np.nan)
    return wave


def _correlations(name: str, waves: Mapping[str, Floats]) -> dict[str, float]:
    if name not in waves:
        return {}
    found = {other: _median(np.mean(waves[name] * wave, axis=1)) for other, wave in waves.items() if other != name}
    return {other: value for other, value in found.items() if value is not None}


def _median(by_epoch: Floats) -> float | None:
    finite = by_epoch[np.isfinite(by_epoch)]
    return round(float(np.median(finite)), _DIGITS) if finite.size >= _LEAST_EPOCH else None


def _n_epoch(wave: Floats) -> int:
    return int(np.count_nonzero(np.isfinite(wave[:, 0])))

"""Checks of breathing: belts against each other, and how much of the night has breaths."""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from pipeline.derive.effort import BELTS, FREQUENCY_HZ
from pipeline.process import Channel
from pipeline.quality.view import LEAST_EPOCH, Measure, NightView, Remark, Said
from schemas.vocabulary import EPOCH_S

__all__ = ["belt_inverted", "breath_coverage"]

Spectra = NDArray[np.complex64]
_BAND = (FREQUENCY_HZ >= 0.1) & (FREQUENCY_HZ <= 0.7)  # Hz; 6 to 42 breaths a minute
_PRESENT = 0.5  # of an epoch


def belt_inverted(night: NightView, limit: float) -> Said:
    """Correlate the belts: in quiet breathing both grow at once."""
    thor, abdo = (night.channel(name) for name in BELTS)
    if thor is None or abdo is None:
        return
    both = night.whole(thor) & night.whole(abdo)
    a, b = _spectra(thor, both), _spectra(abdo, both)
    size = _size(a) * _size(b)
    moving = size > 0
    if moving.sum() < LEAST_EPOCH:
        return
    correlation = float(np.median((np.sum(a * b.conj(), axis=1).real[moving]) / size[moving]))
    yield Measure("belt_correlation", correlation)
    if correlation < limit:
        yield Remark(f"correlation with the other belt is {correlation:.2f}", abdo.plan.channel)


def _spectra(channel: Channel, epochs: NDArray[np.bool_]) -> Spectra:
    """Return spectra of some epochs in the band of breathing."""
    rows = channel.value[epochs].astype(np.float32, copy=False)
    window = np.hanning(rows.shape[1] + 1)[:-1].astype(np.float32)
    spectra = scipy.fft.rfft((rows - rows.mean(axis=1, keepdims=True)) * window, axis=1)
    return np.asarray(spectra[:, _BAND], np.complex64)


def _size(spectra: Spectra) -> NDArray[np.float32]:
    return np.asarray(np.sqrt(np.sum(np.square(np.abs(spectra)), axis=1)), np.float32)


def breath_coverage(night: NightView, limit: float) -> Said:
    """Count the epochs with a breath among those that have respiration."""
    resp = night.value("resp")
    time_s = night.derived.tables.get("breath_time_s")
    if resp is None or time_s is None:
        return
    there = np.isfinite(resp).mean(axis=1) >= _PRESENT
    if there.sum() < LEAST_EPOCH:
        return
    trusted = time_s[night.derived.tables["breath_valid"] == 1]
    has = np.bincount((trusted // EPOCH_S).astype(np.intp), minlength=night.n_epoch)[: night.n_epoch] > 0
    share = float((has & there).sum() / there.sum())
    yield Measure("breath_coverage", share)
    if share < limit:
        yield Remark(f"breaths in {share:.0%} of the epochs that have respiration", "resp", there & ~has)

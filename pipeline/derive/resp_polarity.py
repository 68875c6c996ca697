"""Which way is up in a night of respiration: what its shape, and the flow beside it, say of inspiration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.derive.effort import FREQUENCY_HZ, LEAST_QUIET, REGULAR, Effort, correlation

__all__ = ["weigh_polarity"]

Floats = NDArray[np.float32]
_LEAST_ASYMMETRY = 0.05  # unknown below
_STANDARD_ERRORS = 3.0  # and unknown where the night's epochs disagree
_STILL = 0.1  # of the root mean square of flow; below, it is neither in nor out


def weigh_polarity(
    value: Floats,
    spectrum: NDArray[np.complex64],
    quiet: NDArray[np.bool_],
    others: Sequence[Effort],
    *,
    is_flow: bool,
) -> tuple[dict[str, float], float]:
    """Return what speaks for inspiration being up, and the verdict.

    The asymmetry of volume is the time that it falls less the time that it rises, plus its skewness: rest is at the
    end of expiration. The asymmetry of flow is the time below zero less the time above. Inspiration is the shorter
    part of a breath, 0.42 of it in healthy adults.

    Parameters
    ----------
    value : ndarray, shape (n,), float32
        Respiration, its sign not yet decided.
    spectrum : ndarray, shape (n_epoch, n_bin), complex64
        Of its epochs.
    quiet : ndarray, shape (n_epoch,), bool
        Epochs of quiet breathing, in which alone shapes are looked at.
    others : sequence of Effort
        Flows that are not the source: each epoch's asymmetry counts by its correlation with the source's flow.

    Returns
    -------
    evidence : dict of str to float
        ``asymmetry``, and ``<channel>_asymmetry`` and ``<channel>_agreement``: medians over quiet epochs.
    score : float
        Above 0 where inspiration is up, below 0 where it is down, 0 where that is not known.

    Source
    ------
    Tobin et al. 1983 (doi:10.1378/chest.84.2.202), fraction of inspiration in healthy adults.
    """
    votes = [_asymmetry(value, quiet, is_flow=is_flow)]
    evidence = {"asymmetry": _median(votes[0])}
    flow = spectrum if is_flow else spectrum * (2j * np.pi * FREQUENCY_HZ).astype(np.complex64)
    for other in others:
        both = quiet & (other.regular >= REGULAR)
        if both.sum() < LEAST_QUIET:
            continue
        agreement = _median(correlation(flow[both], other.spectrum[both]))
        asymmetry = _asymmetry(other.value, both, is_flow=True)
        evidence |= {f"{other.channel}_agreement": agreement, f"{other.channel}_asymmetry": _median(asymmetry)}
        votes.append(agreement * asymmetry)
    return evidence, _verdict(np.concatenate(votes))


def _verdict(votes: Floats) -> float:
    if votes.size < LEAST_QUIET:
        return 0.0
    middle = _median(votes)
    spread = 1.4826 * _median(np.abs(votes - np.float32(middle)))
    error = 1.2533 * spread / np.sqrt(votes.size)
    return middle if abs(middle) >= max(_LEAST_ASYMMETRY, _STANDARD_ERRORS * error) else 0.0


def _asymmetry(value: Floats, epochs: NDArray[np.bool_], *, is_flow: bool) -> Floats:
    """Return the asymmetry of every one of some epochs; it changes its sign with the wave."""
    wave = value.reshape(epochs.size, -1)[epochs]
    wave = wave[np.isfinite(wave).all(axis=1)]
    wave = wave - wave.mean(axis=1, keepdims=True)
    smooth = (wave[:, :-2] + 2 * wave[:, 1:-1] + wave[:, 2:]) / 4
    flow = smooth if is_flow else np.diff(smooth, axis=1)
    still = _STILL * np.sqrt(np.mean(flow * flow, axis=1, keepdims=True))
    shorter = np.mean(flow < -still, axis=1) - np.mean(flow > still, axis=1)
    if is_flow:
        return np.asarray(shorter, np.float32)
    cubed = np.mean(smooth**3, axis=1) / np.mean(smooth * smooth, axis=1) ** 1.5
    return np.asarray(shorter + cubed, np.float32)


def _median(value: Floats) -> float:
    return float(np.median(value)) if value.size else 0.0

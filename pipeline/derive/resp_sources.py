"""From channels that breathe to candidates for respiration: the belts put together, and each flow by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.derive.effort import BELTS, FLOWS, LEAST_QUIET, REGULAR, Effort, correlation, rms
from schemas.findings import Finding, finding

__all__ = ["Mix", "make_sources"]

Floats = NDArray[np.float32]
_CLEAR = 0.3  # correlation of an epoch's belts: they go together, or below -0.3 against each other
_LEAST_CORRELATION = 0.5  # of the night: a lag of 60 degrees; with less, neither sign is the right one
_LEAST_MINORITY = 0.1  # of the regular epochs
_MORE = 1.1  # amplitudes that differ by less are the same


@dataclass(frozen=True)
class Mix:
    """Channels put together, before sign and scale of respiration are decided.

    Parameters
    ----------
    value : ndarray, shape (n,), float32
        Quiet breathing has a root mean square of about 1. NaN where no sensor works.
    spectrum : ndarray, shape (n_epoch, n_bin), complex64
        Of its epochs.
    quiet : ndarray, shape (n_epoch,), bool
        Epochs of quiet breathing.
    paradox : ndarray, shape (n,), float32, or None
        The belts' difference, weighted as their sum.
    """

    source: str
    value: Floats
    spectrum: NDArray[np.complex64]
    quiet: NDArray[np.bool_]
    weights: Mapping[str, float]
    weights_alone: Mapping[str, float]
    evidence: Mapping[str, float]
    paradox: Floats | None = None

    @property
    def coverage(self) -> float:
        """Share of the night that it covers."""
        return float(np.isfinite(self.value).mean())


def make_sources(breathing: Mapping[str, Effort]) -> tuple[list[Mix], list[Finding]]:
    """Return the candidates in order of preference, and what is to be said of them.

    Parameters
    ----------
    breathing : mapping of str to Effort
        The channels that breathe, by name.
    """
    findings: list[Finding] = []
    combined = _combine(breathing, findings)
    belts = [combined] if combined else []
    return belts + [_alone(breathing[name]) for name in FLOWS if name in breathing], findings


def _alone(effort: Effort) -> Mix:
    weight = 1 / effort.amplitude
    value = np.asarray(effort.value * np.float32(weight))
    quiet = effort.regular >= REGULAR
    return Mix(effort.channel, value, effort.spectrum * np.float32(weight), quiet, {effort.channel: weight}, {}, {})


def _combine(breathing: Mapping[str, Effort], findings: list[Finding]) -> Mix | None:
    """Add the belts up, or take the one that can be used."""
    belts = [breathing[name] for name in BELTS if name in breathing]
    if len(belts) < 2:
        return _alone(belts[0]) if belts else None
    thor, abdo = belts
    agreement = correlation(thor.spectrum, abdo.spectrum)
    regular = np.minimum(thor.regular, abdo.regular)
    rhythm = regular >= REGULAR
    flow = next((breathing[name] for name in FLOWS if name in breathing), None)
    sign = _common_sign(agreement, rhythm, thor, abdo, flow)
    natural = rhythm & (sign * agreement > -_CLEAR)
    typical = float(np.median(sign * agreement[natural])) if natural.sum() >= LEAST_QUIET else 0.0
    if typical < _LEAST_CORRELATION:
        message = f"correlation {sign * typical:.2f} in {int(natural.sum())} regular epochs"
        findings.append(finding("PSG-S021", message))
        return _alone(max(belts, key=lambda belt: float(belt.regular.sum())))
    quiet = natural & (sign * agreement >= _CLEAR)
    quiet &= regular >= np.median(regular[quiet])
    return _sum_of(thor, abdo, quiet, sign, sign * typical)


def _common_sign(
    agreement: Floats, rhythm: NDArray[np.bool_], thor: Effort, abdo: Effort, flow: Effort | None
) -> float:
    """Return the sign that the abdomen has against the rib cage when air moves.

    As a rule that is the sign in nearly all epochs. Where more than a tenth of the night is the other way round, as
    obstruction can be, it is the one of the epochs with more flow, or, without a sensor of flow, with more movement
    of the belts; and the more frequent one where that is the same.
    """
    together, against = (rhythm & (sign * agreement >= _CLEAR) for sign in (1, -1))
    n_together, n_against = int(together.sum()), int(against.sum())
    usual = 1.0 if n_together >= n_against else -1.0
    if min(n_together, n_against) < max(LEAST_QUIET, _LEAST_MINORITY * (n_together + n_against)):
        return usual
    moved = flow.rms if flow else np.sqrt(thor.rms * abdo.rms)
    moved_together, moved_against = (_median_known(moved[part]) for part in (together, against))
    if max(moved_together, moved_against) < _MORE * min(moved_together, moved_against):
        return usual
    return 1.0 if moved_together > moved_against else -1.0


def _median_known(value: Floats) -> float:
    known = value[np.isfinite(value)]
    return float(np.median(known)) if known.size else 0.0


def _sum_of(thor: Effort, abdo: Effort, quiet: NDArray[np.bool_], sign: float, agreement: float) -> Mix:
    half = 0.5 / float(np.median(thor.rms[quiet])), sign * 0.5 / float(np.median(abdo.rms[quiet]))
    spectrum = np.asarray(thor.spectrum * np.float32(half[0]) + abdo.spectrum * np.float32(half[1]))
    together = float(np.median(rms(spectrum[quiet])))  # less than 1 where one belt lags behind the other
    only = 2 * half[0] * together, 2 * half[1] * together
    both = thor.present & abdo.present
    value = np.where(both, np.float32(half[0]) * thor.value + np.float32(half[1]) * abdo.value, np.float32(np.nan))
    for belt, other, weight in ((thor, abdo, only[0]), (abdo, thor, only[1])):
        here = belt.present & ~other.present
        value[here] = belt.value[here] * np.float32(weight)
    return Mix(
        "belts",
        value,
        spectrum,
        quiet,
        {"thor": half[0], "abdo": half[1]},
        {"thor": only[0], "abdo": only[1]},
        {"belt_correlation": agreement, "n_quiet_epoch": float(quiet.sum())},
        np.asarray(np.float32(half[0]) * thor.value - np.float32(half[1]) * abdo.value),
    )

"""Respiration of a night: the belts together, else nasal pressure, else thermal airflow.

A belt has one weight and one sign for the whole night, from quiet breathing: equal shares of the two, so that rib
cage and abdomen add up to the volume breathed, and cancel where they work against each other. The result has one
scale for the night. Hypopneas, positions and slipped belts therefore keep their sizes; nothing is levelled out.
Definition, measurements and limits: docs/adr/0008-resp.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.derive.effort import (
    BELTS,
    FLOWS,
    LEAST_QUIET,
    REGULAR,
    Effort,
    EffortInput,
    correlation,
    judge,
    rms,
)
from pipeline.derive.resp_polarity import weigh_polarity
from pipeline.quality.counts import runs
from pipeline.write.pack import night_factor
from schemas.findings import Finding, finding
from schemas.vocabulary import EPOCH_S

__all__ = ["BELTS", "FLOWS", "EffortInput", "GainStep", "Resp", "derive_resp"]

Floats = NDArray[np.float32]
_LEAST_COVERAGE = 0.5  # of the night; a source that has less leaves the night to the next one that has more
_CLEAR = 0.3  # correlation of an epoch's belts: they go together, or below -0.3 against each other
_LEAST_CORRELATION = 0.5  # of the night: a lag of 60 degrees; with less, neither sign is the right one
_LEAST_MINORITY = 0.1  # of the regular epochs
_MORE = 1.1  # amplitudes that differ by less are the same
_LEAST_COHERENCE = 0.5  # of an epoch's belts, for its phase to mean anything
_STEP_WINDOW_S = 600.0  # longer than most runs of events; what returns within is breathing, not gain
_STEP_RATIO = 1.5


@dataclass(frozen=True)
class GainStep:
    """A lasting change of a channel's amplitude: the belt slipped, or the person turned. It is not corrected.

    Parameters
    ----------
    time_s : float
        From the grid's origin, to within half a minute.
    ratio : float
        Amplitude in the ten minutes after over that in the ten before.
    """

    channel: str
    time_s: float
    ratio: float


@dataclass(frozen=True)
class Resp:
    """Respiration at 4 Hz.

    Parameters
    ----------
    value : ndarray, shape (n,), float32
        In units of half the range from the 5th to the 95th percentile of the night. NaN where the sensors were
        lost, and nowhere else: in apnea the value is small.
    source : str
        ``belts``, ``thor``, ``abdo``: proportional to lung volume; ``nasal_pressure``, ``airflow``: to flow.
    weights : mapping of str to float
        What multiplies each channel; the value is the sum.
    weights_alone : mapping of str to float
        What multiplies the one belt that is there where the other is lost.
    paradox : ndarray, shape (n,), float32, or None
        The belts' difference with the same weights: large where they move against each other. NaN where one of
        them is lost.
    polarity : str
        ``inspiration_up``, or ``unknown``.
    evidence : mapping of str to float
        What the decisions rest on; see docs/adr/0008-resp.md.
    gain_steps : tuple of GainStep
        Of every channel in use.
    phase_deg : ndarray, shape (n_epoch,), float32, degrees
        Phase of the rib cage ahead of the abdomen, -180 to 180; NaN where undefined.
    """

    value: Floats
    source: str
    weights: Mapping[str, float]
    weights_alone: Mapping[str, float]
    paradox: Floats | None
    polarity: str
    evidence: Mapping[str, float]
    gain_steps: tuple[GainStep, ...]
    phase_deg: Floats
    findings: tuple[Finding, ...]

    @property
    def is_flow(self) -> bool:
        """Whether the value follows flow rather than volume."""
        return self.source in FLOWS


def derive_resp(inputs: Sequence[EffortInput]) -> Resp | None:
    """Derive respiration from the sensors of a night.

    Parameters
    ----------
    inputs : sequence of EffortInput
        Any of ``thor``, ``abdo``, ``nasal_pressure`` and ``airflow``, all of one length.

    Returns
    -------
    Resp or None
        None where no sensor breathes.

    Notes
    -----
    One chest, and belts whose wiring does not change within the night.

    Source
    ------
    Konno & Mead 1967 (doi:10.1152/jappl.1967.22.3.407), rib cage and abdomen as the two moving parts of the chest
    wall; AASM Manual v3, sensors of respiration and their order.
    """
    efforts = {given.channel: judge(given) for given in inputs}
    breathing = {name: effort for name, effort in efforts.items() if effort.breathes}
    findings = [
        finding("PSG-S020", "no rhythm of breathing in it", channel=name)
        for name in efforts
        if name not in breathing
    ]
    sources = [combined] if (combined := _combine(breathing, findings)) else []
    sources += [_alone(breathing[name]) for name in FLOWS if name in breathing]
    if not sources:
        return None
    return _finish(_choose(sources), breathing, findings)


@dataclass(frozen=True)
class _Mix:
    """Channels put together, before sign and scale are decided."""

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


def _choose(sources: Sequence[_Mix]) -> _Mix:
    """Take the first source that has half the night, else the one that has most."""
    enough = [mix for mix in sources if mix.coverage >= _LEAST_COVERAGE]
    return enough[0] if enough else max(sources, key=lambda mix: mix.coverage)


def _alone(effort: Effort) -> _Mix:
    weight = 1 / effort.amplitude
    value = np.asarray(effort.value * np.float32(weight))
    quiet = effort.regular >= REGULAR
    return _Mix(
        effort.channel, value, effort.spectrum * np.float32(weight), quiet, {effort.channel: weight}, {}, {}
    )


def _combine(breathing: Mapping[str, Effort], findings: list[Finding]) -> _Mix | None:
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


def _sum_of(thor: Effort, abdo: Effort, quiet: NDArray[np.bool_], sign: float, agreement: float) -> _Mix:
    half = 0.5 / float(np.median(thor.rms[quiet])), sign * 0.5 / float(np.median(abdo.rms[quiet]))
    spectrum = np.asarray(thor.spectrum * np.float32(half[0]) + abdo.spectrum * np.float32(half[1]))
    together = float(np.median(rms(spectrum[quiet])))  # less than 1 where one belt lags behind the other
    only = 2 * half[0] * together, 2 * half[1] * together
    both = thor.present & abdo.present
    value = np.where(both, np.float32(half[0]) * thor.value + np.float32(half[1]) * abdo.value, np.float32(np.nan))
    for belt, other, weight in ((thor, abdo, only[0]), (abdo, thor, only[1])):
        here = belt.present & ~other.present
        value[here] = belt.value[here] * np.float32(weight)
    return _Mix(
        "belts",
        value,
        spectrum,
        quiet,
        {"thor": half[0], "abdo": half[1]},
        {"thor": only[0], "abdo": only[1]},
        {"belt_correlation": agreement, "n_quiet_epoch": float(quiet.sum())},
        np.asarray(np.float32(half[0]) * thor.value - np.float32(half[1]) * abdo.value),
    )


def _finish(mix: _Mix, breathing: Mapping[str, Effort], findings: list[Finding]) -> Resp:
    used = [breathing[name] for name in mix.weights]
    others = [breathing[name] for name in FLOWS if name in breathing and name != mix.source]
    evidence, score = weigh_polarity(mix.value, mix.spectrum, mix.quiet, others, is_flow=mix.source in FLOWS)
    sign = -1.0 if score < 0 else 1.0
    factor = sign / night_factor(mix.value)
    steps = tuple(step for effort in used for step in _gain_steps(effort))
    findings += [_step_finding(step) for step in steps] + _lost_findings(used)
    if not score:
        findings.append(finding("PSG-S023", "inspiration may be up or down", channel=mix.source))
    return Resp(
        value=mix.value * np.float32(factor),
        source=mix.source,
        weights={name: weight * factor for name, weight in mix.weights.items()},
        weights_alone={name: weight * factor for name, weight in mix.weights_alone.items()},
        paradox=None if mix.paradox is None else mix.paradox * np.float32(factor),
        polarity="inspiration_up" if score else "unknown",
        evidence={**mix.evidence, **evidence},
        gain_steps=steps,
        phase_deg=_phase(breathing, mix),
        findings=tuple(findings),
    )


def _phase(breathing: Mapping[str, Effort], mix: _Mix) -> Floats:
    """Return by how much the rib cage leads the abdomen in every epoch, wiring corrected."""
    n_epoch = mix.spectrum.shape[0]
    if mix.source != "belts":
        return np.full(n_epoch, np.nan, np.float32)
    thor, abdo = (breathing[name] for name in BELTS)
    cross = np.sum(thor.spectrum * abdo.spectrum.conj(), axis=1) * np.float32(np.sign(mix.weights["abdo"]))
    size = rms(thor.spectrum) * rms(abdo.spectrum)
    clear = np.abs(cross) > _LEAST_COHERENCE * size
    return np.where(clear, np.degrees(np.angle(cross)), np.nan).astype(np.float32)


def _gain_steps(effort: Effort) -> tuple[GainStep, ...]:
    """Return where the median amplitude of ten minutes differs from that of the ten before, at its sharpest."""
    n = int(_STEP_WINDOW_S / EPOCH_S)
    known = np.flatnonzero(effort.rms > 0)
    if known.size < 2 * n:
        return ()
    level = np.median(sliding_window_view(np.log(effort.rms[known]), n), axis=1)
    change = level[n:] - level[:-n]  # change[i] is at known[i + n]
    steps = []
    for first, stop in runs(np.abs(change) > np.log(_STEP_RATIO)):
        at = first + int(np.argmax(np.abs(change[first:stop])))
        steps.append(GainStep(effort.channel, float(known[at + n] * EPOCH_S), float(np.exp(change[at]))))
    return tuple(steps)


def _step_finding(step: GainStep) -> Finding:
    epoch = int(step.time_s // EPOCH_S)
    return finding(
        "PSG-S022", f"amplitude times {step.ratio:.2f}", channel=step.channel, epochs=((epoch, epoch + 1),)
    )


def _lost_findings(used: Sequence[Effort]) -> list[Finding]:
    """Say where one of two belts goes on alone."""
    found = []
    for effort, other in ((used[0], used[-1]), (used[-1], used[0])):
        gone = np.any((~effort.present & other.present).reshape(effort.rms.size, -1), axis=1)
        if gone.any():
            share = float(gone.mean())
            message = f"lost in {share:.1%} of the epochs, the other belt goes on alone"
            found.append(finding("PSG-S024", message, channel=effort.channel, epochs=runs(gone)))
    return found

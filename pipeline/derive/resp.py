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

from pipeline.derive.effort import BELTS, FLOWS, Effort, EffortInput, judge, rms
from pipeline.derive.resp_polarity import weigh_polarity
from pipeline.derive.resp_sources import Mix, make_sources
from pipeline.epoch_runs import runs
from pipeline.write.pack import night_factor
from schemas.findings import Finding, finding
from schemas.vocabulary import EPOCH_S

__all__ = ["BELTS", "FLOWS", "EffortInput", "GainStep", "Resp", "derive_resp"]

Floats = NDArray[np.float32]
_LEAST_COVERAGE = 0.5  # of the night; a source that has less leaves the night to the next one that has more
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
    sources, remarks = make_sources(breathing)
    if not sources:
        return None
    return _finish(_choose(sources), breathing, findings + remarks)


def _choose(sources: Sequence[Mix]) -> Mix:
    """Take the first source that has half the night, else the one that has most."""
    enough = [mix for mix in sources if mix.coverage >= _LEAST_COVERAGE]
    return enough[0] if enough else max(sources, key=lambda mix: mix.coverage)


def _finish(mix: Mix, breathing: Mapping[str, Effort], findings: list[Finding]) -> Resp:
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


def _phase(breathing: Mapping[str, Effort], mix: Mix) -> Floats:
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

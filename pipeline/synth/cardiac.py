"""Hearts: beat times with stage, breathing and arousal in them, ectopic beats, atrial fibrillation; ECG and pulse.

Assumptions: beats are the crossings of an integrated rate (integral pulse frequency modulation), so that the
modulation is in their times exactly. In atrial fibrillation the intervals are independent (coefficient of
variation 0.22) and the P wave is replaced by fibrillatory waves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.synth.events import Events
from pipeline.synth.noise import Floats, add_waves, smooth_noise, upsample
from pipeline.synth.respiration import Breathing
from pipeline.synth.traits import Traits

__all__ = [
    "AF",
    "NORMAL",
    "SUPRAVENTRICULAR",
    "VENTRICULAR",
    "Beats",
    "draw_beats",
    "ecg_wave",
    "pleth_wave",
    "pulse_rate",
]

NORMAL, VENTRICULAR, SUPRAVENTRICULAR, AF = 0, 1, 2, 3
_CONTROL_HZ = 4
_STAGE_BPM = np.array([4.0, 1.0, -1.5, -2.5, 1.5], np.float32)  # around the person's mean
_STAGE_LF = np.array([2.0, 1.5, 1.2, 0.5, 2.2], np.float32)  # 0.1-Hz and slower swings, beats a minute
_STAGE_RSA = np.array([0.7, 0.9, 1.0, 1.25, 0.6], np.float32)  # factor on the person's swing
_AF_VARIATION = 0.22
_AROUSAL_BPM = 9.0
_PULSE_DELAY_S = 0.22  # from R-peak to the pulse's foot at the finger
# (centre s, width s, height relative to R) of the waves of a sinus beat; T is placed by the interval
_QRS = ((-0.026, 0.009, -0.12), (0.0, 0.0105, 1.0), (0.028, 0.010, -0.22))
_P_WAVE = ((-0.165, 0.022, 0.13),)
_T_WAVE = ((0.27, 0.042, 0.28),)
_WIDE = ((0.003, 0.034, 1.15), (0.088, 0.040, -0.55))  # a ventricular beat; its peak is at 0


@dataclass(frozen=True)
class Beats:
    """Beats of one night.

    Parameters
    ----------
    time_s : ndarray, shape (n_beat,), float64, seconds
        R-peak times from recording start, strictly increasing.
    type : ndarray, shape (n_beat,), int8
        `NORMAL`, `VENTRICULAR`, `SUPRAVENTRICULAR` or `AF` (a beat in atrial fibrillation).
    """

    time_s: NDArray[np.float64]
    type: NDArray[np.int8]

    @property
    def interval_s(self) -> Floats:
        """Interval before each beat, the first repeated; shape (n_beat,), float32, seconds."""
        gaps = np.diff(self.time_s).astype(np.float32)
        return np.concatenate([gaps[:1], gaps])


def draw_beats(
    rng: np.random.Generator,
    traits: Traits,
    stage_second: NDArray[np.int8],
    breathing: Breathing,
    arousals: Events,
    respiratory: Events,
) -> Beats:
    """Draw the beats of one night."""
    rate = _rate_curve(rng, traits, stage_second, breathing, arousals, respiratory)
    n_control = rate.size
    clock = np.arange(n_control) / _CONTROL_HZ
    phase = np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2.0 / 60.0 / _CONTROL_HZ)])
    n_beat = int(phase[-1])
    in_af = _af_episodes(rng, traits, clock[-1], np.interp(np.arange(n_beat), phase, clock))
    step = 1.0 + 0.004 * rng.standard_normal(n_beat)
    irregular = rng.gamma(1 / _AF_VARIATION**2, _AF_VARIATION**2, n_beat)
    step = np.where(in_af, np.clip(irregular, 0.55, 2.0), step)
    threshold = np.cumsum(step) - step[0] * rng.random()
    threshold = threshold[threshold < phase[-1]]
    time_s = np.interp(threshold, phase, clock)
    kind = np.where(in_af[: time_s.size], AF, NORMAL).astype(np.int8)
    _insert_ectopy(rng, traits, time_s, kind)
    return Beats(time_s, kind)


def _rate_curve(
    rng: np.random.Generator,
    traits: Traits,
    stage_second: NDArray[np.int8],
    breathing: Breathing,
    arousals: Events,
    respiratory: Events,
) -> NDArray[np.float64]:
    n_second = stage_second.size - 1
    kernel = np.ones(20) / 20.0
    padded = np.pad(stage_second, 10, mode="edge")
    stage = np.convolve(_STAGE_BPM[padded], kernel, mode="same")[10:-10]
    slow = _STAGE_LF[stage_second] * (
        0.7 * smooth_noise(rng, n_second + 1, 5.0) + smooth_noise(rng, n_second + 1, 60.0)
    )
    swing = traits.rsa_bpm * upsample(_STAGE_RSA[stage_second], _CONTROL_HZ)
    phase = np.interp(np.arange(n_second * _CONTROL_HZ) / _CONTROL_HZ, np.arange(n_second + 1), breathing.phase)
    rate = traits.heart_rate_bpm + upsample(stage + slow, _CONTROL_HZ) + swing * np.sin(2 * np.pi * phase)
    surge = np.zeros_like(rate, dtype=np.float32)
    add_waves(surge, _CONTROL_HZ, arousals.onset_s, 1.0, 20.0, lambda tau, _: _surge(tau, 4.0) * _AROUSAL_BPM)
    add_waves(surge, _CONTROL_HZ, respiratory.end_s, 12.0, 1.0, lambda tau, _: -3.0 * _bump(tau, -5.0, 3.5))
    return np.asarray(np.clip(rate + surge, 36.0, 140.0), np.float64)


def _surge(tau: Floats, length_s: float) -> Floats:
    rising = np.clip(tau, 0.0, None) / length_s
    return np.asarray(rising * np.exp(1.0 - rising))


def _bump(tau: Floats, centre_s: float | Floats, width_s: float) -> Floats:
    return np.asarray(np.exp(-0.5 * ((tau - centre_s) / width_s) ** 2))


def _af_episodes(
    rng: np.random.Generator, traits: Traits, length_s: float, time_s: NDArray[np.float64]
) -> NDArray[np.bool_]:
    if traits.af_burden == 0.0:
        return np.zeros(time_s.size, bool)
    start = rng.uniform(0.0, (1.0 - traits.af_burden) * length_s)
    return np.asarray((time_s >= start) & (time_s < start + traits.af_burden * length_s))


def _insert_ectopy(
    rng: np.random.Generator, traits: Traits, time_s: NDArray[np.float64], kind: NDArray[np.int8]
) -> None:
    """Make some sinus beats premature, in place; the next beat comes on time (compensatory pause)."""
    probability = min(0.08, traits.ectopy_per_h / (60.0 * traits.heart_rate_bpm))
    chosen = np.flatnonzero((rng.random(time_s.size) < probability) & (kind == NORMAL))
    chosen = chosen[(chosen > 1) & (chosen < time_s.size - 2)]
    chosen = chosen[np.diff(chosen, prepend=-10) > 2]
    ventricular = rng.random(chosen.size) < 0.6
    share = np.where(ventricular, rng.uniform(0.58, 0.75, chosen.size), rng.uniform(0.65, 0.82, chosen.size))
    time_s[chosen] = time_s[chosen - 1] + share * (time_s[chosen] - time_s[chosen - 1])
    kind[chosen] = np.where(ventricular, VENTRICULAR, SUPRAVENTRICULAR)


def ecg_wave(out: Floats, rate_hz: int, beats: Beats, amplitude: Floats) -> None:
    """Add the ECG's complexes to ``out``, in place.

    Parameters
    ----------
    out : ndarray, shape (n_sample,), float32, mV
    amplitude : ndarray, shape (n_beat,), float32, mV
        Height of every R-peak.
    """
    wide = beats.type == VENTRICULAR
    has_p = (beats.type == NORMAL) | (beats.type == SUPRAVENTRICULAR)
    for shape, which in ((_QRS, ~wide), (_WIDE, wide), (_P_WAVE, has_p)):
        for centre_s, width_s, height in shape:
            _add_bumps(out, rate_hz, beats.time_s[which] + centre_s, width_s, height * amplitude[which])
    ((centre_s, width_s, height),) = _T_WAVE
    delay_s = centre_s * np.sqrt(np.clip(beats.interval_s, 0.4, 1.6))
    _add_bumps(out, rate_hz, beats.time_s + delay_s, width_s, height * amplitude * np.where(wide, -1.1, 1.0))


def _add_bumps(
    out: Floats, rate_hz: int, time_s: NDArray[np.float64], width_s: float, height: NDArray[np.floating]
) -> None:
    """Add a Gaussian a beat; cut off at four widths, where it has fallen to 0.03 %."""
    heights = height.astype(np.float32)[:, None]
    reach_s = 4.0 * width_s
    add_waves(out, rate_hz, time_s, reach_s, reach_s, lambda tau, rows: heights[rows] * _bump(tau, 0.0, width_s))


def pleth_wave(out: Floats, rate_hz: int, beats: Beats, amplitude: Floats) -> None:
    """Add finger pulses to ``out``, in place: one a beat, smaller after a short interval, with a dicrotic wave."""
    height = amplitude * np.clip(beats.interval_s, 0.3, 1.2)

    def pulse(tau: Floats, rows: slice) -> Floats:
        return np.asarray(height[rows, None] * (_bump(tau, 0.13, 0.065) + 0.35 * _bump(tau, 0.36, 0.09)))

    add_waves(out, rate_hz, beats.time_s + _PULSE_DELAY_S, 0.1, 0.65, pulse)


def pulse_rate(beats: Beats, n_point: int) -> Floats:
    """Return the rate an oximeter shows once a second, the mean of eight beats; shape (n_point,), bpm."""
    span = min(8, beats.time_s.size - 1)
    rate = 60.0 * span / (beats.time_s[span:] - beats.time_s[:-span])
    return np.asarray(np.interp(np.arange(n_point), beats.time_s[span:], rate), np.float32)

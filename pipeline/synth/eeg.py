"""EEG: spectra by stage, spindles in N2, slow waves in N3 whose negative half-wave is the sharper one.

Every derivation sees the same spindles and slow waves with gains of its own, and a background that is partly
common. Sign: as recorded with the scalp electrode first; slow waves go down sharply and up gently.

Source
------
Shapes after Riedner 2007 (doi:10.1093/sleep/30.12.1643, slow waves) and Purcell 2017
(doi:10.1038/ncomms15930, spindles and age); amplitudes are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.synth.noise import BLOCK_S, Floats, add_waves, shaped_noise, smooth_noise
from pipeline.synth.traits import Traits
from schemas.vocabulary import EPOCH_S, Stage

__all__ = [
    "DERIVATIONS",
    "Derivation",
    "Graphoelements",
    "background",
    "draw_graphoelements",
    "eeg_density",
    "eeg_wave",
]

AROUSAL_STATE = 5  # spectrum of an arousal, after the five stages
_SLOW_WAVES_PER_EPOCH = np.array([0.0, 0.3, 2.0, 15.0, 0.0])  # by stage; K-complexes in N2
_SPINDLE_WEIGHT = np.array([0.0, 0.05, 1.0, 0.4, 0.0])
_HIGH_PASS_HZ = 0.15  # hardware


@dataclass(frozen=True)
class Derivation:
    """Gains of one pair of electrodes, and how much of its background it shares with the others (0..1)."""

    background: float
    slow_wave: float
    spindle: float
    alpha: float
    shared: float


DERIVATIONS = {
    "eeg_c4_m1": Derivation(1.0, 1.0, 1.0, 1.0, 0.65),
    "eeg_c3_m2": Derivation(1.0, 0.97, 1.0, 1.0, 0.65),
    "eeg_f4_m1": Derivation(1.05, 1.2, 0.8, 0.7, 0.6),
    "eeg_o2_m1": Derivation(0.9, 0.6, 0.4, 1.8, 0.4),
    "eeg_fz_cz": Derivation(0.75, 0.55, 0.55, 0.5, 0.35),
    "eeg_cz_oz": Derivation(0.9, 0.6, 0.7, 1.5, 0.4),
}


@dataclass(frozen=True)
class Graphoelements:
    """Spindles and slow waves of one night.

    Parameters
    ----------
    slow_wave_time_s : ndarray, shape (n_slow_wave,), float64, seconds
        Troughs.
    slow_wave_uv : ndarray, shape (n_slow_wave,), float32, µV
        Depth of the troughs, positive.
    spindle_time_s, spindle_s, spindle_hz, spindle_uv : ndarray, shape (n_spindle,)
        Centres, lengths, frequencies and peak amplitudes.
    """

    slow_wave_time_s: NDArray[np.float64]
    slow_wave_uv: Floats
    spindle_time_s: NDArray[np.float64]
    spindle_s: Floats
    spindle_hz: Floats
    spindle_uv: Floats


def draw_graphoelements(
    rng: np.random.Generator, traits: Traits, stage: NDArray[np.int8], offset_s: float
) -> Graphoelements:
    """Draw the times, sizes and frequencies of slow waves and spindles."""
    slow = _scatter(rng, _SLOW_WAVES_PER_EPOCH[stage], offset_s, shortest_s=1.1)
    spindle = _scatter(rng, traits.spindle_per_min / 2.0 * _SPINDLE_WEIGHT[stage], offset_s, shortest_s=2.5)
    n_slow, n_spindle = slow.size, spindle.size
    depth = 42.0 * traits.slow_wave_gain * np.exp(0.25 * rng.standard_normal(n_slow))
    return Graphoelements(
        slow,
        depth.astype(np.float32),
        spindle,
        rng.uniform(0.6, 1.5, n_spindle).astype(np.float32),
        rng.normal(13.3, 0.5, n_spindle).astype(np.float32),
        (13.0 * np.exp(0.25 * rng.standard_normal(n_spindle))).astype(np.float32),
    )


def _scatter(
    rng: np.random.Generator, per_epoch: NDArray[np.float64], offset_s: float, shortest_s: float
) -> NDArray[np.float64]:
    count = rng.poisson(per_epoch)
    epoch = np.repeat(np.arange(per_epoch.size), count)
    time_s = np.sort(offset_s + EPOCH_S * (epoch + rng.random(epoch.size)))
    return np.asarray(time_s[np.diff(time_s, prepend=-np.inf) >= shortest_s])


def eeg_density(traits: Traits, rate_hz: int, alpha_gain: float) -> NDArray[np.float64]:
    """Return one-sided power densities of the background.

    Returns
    -------
    ndarray, shape (6, rate_hz * BLOCK_S // 2 + 1), float64, µV² / Hz
        Rows W, N1, N2, N3, REM and arousal.
    """
    f = np.arange(rate_hz * BLOCK_S // 2 + 1) / BLOCK_S
    alpha = (traits.alpha_hz, 0.9)
    rows = (  # rms µV, slope of the broad part, (centre, width, µV rms) of each rhythm
        (9.0, 1.5, ((*alpha, 8.0 * alpha_gain), (21.0, 4.0, 3.5))),
        (9.0, 1.9, ((*alpha, 2.0 * alpha_gain), (5.5, 1.3, 5.0))),
        (11.0, 2.3, ((5.0, 1.5, 4.0),)),
        (17.0 * traits.slow_wave_gain, 2.9, ()),
        (8.5, 1.9, ((5.8, 1.2, 3.5), (2.5, 0.8, 3.0))),
        (13.0, 1.3, ((*alpha, 10.0 * alpha_gain), (19.0, 4.0, 6.0))),
    )
    return np.stack([_row(f, *row) for row in rows])


def _row(
    f: NDArray[np.float64], rms_uv: float, slope: float, rhythms: tuple[tuple[float, float, float], ...]
) -> NDArray[np.float64]:
    high_pass = f**2 / (f**2 + _HIGH_PASS_HZ**2)
    broad = high_pass / (f**2 + 1.0) ** (slope / 2)
    total = rms_uv**2 * broad / (broad.sum() / BLOCK_S)
    for centre, width, uv in rhythms:
        total = total + uv**2 * np.exp(-0.5 * ((f - centre) / width) ** 2) / (width * np.sqrt(2 * np.pi))
    return np.asarray(total)


def background(
    rng: np.random.Generator,
    traits: Traits,
    n_second: int,
    rate_hz: int,
    state: NDArray[np.intp],
    alpha_gain: float = 1.0,
) -> Floats:
    """Return background EEG; shape (n_second * rate_hz,), float32, µV.

    Parameters
    ----------
    state : ndarray, shape (n_block,), integer
        Stage code, or 5 in an arousal, of every block of `pipeline.synth.noise.shaped_noise`.
    """
    gain = np.exp(0.15 * smooth_noise(rng, state.size, 20.0)).astype(np.float32)
    return shaped_noise(rng, n_second, rate_hz, state, eeg_density(traits, rate_hz, alpha_gain), gain)


def eeg_wave(out: Floats, rate_hz: int, elements: Graphoelements, derivation: Derivation) -> None:
    """Add slow waves and spindles, as this derivation sees them, to ``out`` in place."""
    depth = elements.slow_wave_uv * np.float32(derivation.slow_wave)
    uv, length, hz = elements.spindle_uv * np.float32(derivation.spindle), elements.spindle_s, elements.spindle_hz

    def slow_wave(tau: Floats, rows: slice) -> Floats:
        down = np.exp(-0.5 * (tau / 0.10) ** 2)
        up = np.exp(-0.5 * ((tau - 0.42) / 0.20) ** 2)
        return np.asarray(depth[rows, None] * (0.5 * up - down))

    def spindle(tau: Floats, rows: slice) -> Floats:
        window = np.cos(np.pi * np.clip(tau / length[rows, None], -0.5, 0.5)) ** 2
        return np.asarray(uv[rows, None] * window * np.cos(2 * np.pi * hz[rows, None] * tau))

    add_waves(out, rate_hz, elements.slow_wave_time_s, 0.35, 1.05, slow_wave)
    add_waves(out, rate_hz, elements.spindle_time_s, 0.75, 0.75, spindle)


def spectral_state(
    stage_second: NDArray[np.int8], arousal_s: NDArray[np.float64], arousal_end_s: NDArray[np.float64], n_block: int
) -> NDArray[np.intp]:
    """Return the row of `eeg_density` for every noise block; shape (n_block,)."""
    hop_s = BLOCK_S // 2
    centre = np.arange(n_block) * hop_s
    state = stage_second[np.minimum(centre, stage_second.size - 1)].astype(np.intp)
    edges = np.zeros(n_block + 1)
    np.add.at(edges, np.minimum(np.ceil(arousal_s / hop_s).astype(int), n_block), 1.0)
    np.add.at(edges, np.minimum(np.floor(arousal_end_s / hop_s).astype(int) + 1, n_block), -1.0)
    state[(np.cumsum(edges)[:-1] > 0) & (state != Stage.W)] = AROUSAL_STATE
    return state

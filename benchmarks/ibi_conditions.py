"""Synthetic ECG with known beats, as it is and spoiled in the ways that nights know: what `benchmarks.ibi` scores.

Every condition starts from the truth of one seeded night of `pipeline.synth` and changes either the night before
its ECG is made (rhythm, pacing) or the ECG after (noise, motion, leads). Heights are in the median height of R.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import scipy.signal

from pipeline.synth.cardiac import VENTRICULAR, Beats
from pipeline.synth.night import Night, draw_night
from pipeline.synth.recipe import load_recipe
from pipeline.synth.sources import SOURCES, Scene
from pipeline.synth.traits import draw_traits

BAD_SHARE = 0.1  # of a night is spoiled, in pieces
PULSE_AHEAD_S = {"atrial": 0.16, "ventricular": 0.1}  # of R
OFF_KINDS = ("flat", "rail", "hum", "missing", "wire")


@dataclass(frozen=True)
class Case:
    """One night at one rate: ``ecg`` (n_sample,) in mV, its true beats, and where it was spoiled (n_sample,)."""

    ecg: np.ndarray
    rate_hz: int
    beats: Beats
    spoiled: np.ndarray


Spoil = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]


def draw(seed: int, hours: float, rhythm: Rhythm) -> Night:
    recipe = load_recipe("synthetic")
    traits = replace(draw_traits(recipe, seed, 0), af_burden=rhythm.af)
    if rhythm.ectopy_per_h is not None:
        traits = replace(traits, ectopy_per_h=rhythm.ectopy_per_h)
    return draw_night(traits, round(3600 * hours), seed=seed, path=("ibi",))


def render(night: Night, rate_hz: int) -> np.ndarray:
    return SOURCES["ecg"].render(Scene(night, rate_hz, night.random("ECG"), {}))


def pieces(rng: np.random.Generator, n_sample: int, rate_hz: int, length_s: tuple[float, float]) -> Iterator[slice]:
    """Draw pieces of the night, of log-uniform length, until `BAD_SHARE` of it is used."""
    left = BAD_SHARE * n_sample / rate_hz
    while left > 0:
        this_s = float(np.exp(rng.uniform(*np.log(length_s))))
        begin = rng.integers(0, max(1, n_sample - int(this_s * rate_hz)))
        left -= this_s
        yield slice(begin, begin + max(2, int(this_s * rate_hz)))


def height_of(ecg: np.ndarray, rate_hz: int) -> float:
    n = 2 * rate_hz
    return float(np.median(np.ptp(ecg[: ecg.size // n * n].reshape(-1, n), axis=1)))


def noise_bursts(ecg: np.ndarray, rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    """White or muscle noise (above 20 Hz), 0.3 to 20 s long, sd 0.05 to 1.5 of R, with sharp or soft edges."""
    height, spoiled = height_of(ecg, rate_hz), np.zeros(ecg.size, bool)
    for piece in pieces(rng, ecg.size, rate_hz, (0.3, 20.0)):
        n = piece.stop - piece.start
        noise = rng.standard_normal(n + 50)
        if rng.random() < 0.5:
            noise = scipy.signal.lfilter(*scipy.signal.butter(2, 20 / (rate_hz / 2), "high"), noise)
        noise = noise[50:] / noise[50:].std() * (np.hanning(n) if rng.random() < 0.5 else 1.0)
        ecg[piece] += height * np.exp(rng.uniform(np.log(0.05), np.log(1.5))) * noise
        spoiled[piece] = True
    return spoiled


def motion(ecg: np.ndarray, rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    """Electrode motion: brown noise from 0.5 Hz, sd 0.3 to 4 of R, 1 to 30 s, with jumps that die away."""
    height, spoiled = height_of(ecg, rate_hz), np.zeros(ecg.size, bool)
    for piece in pieces(rng, ecg.size, rate_hz, (1.0, 30.0)):
        n = piece.stop - piece.start
        keep = np.exp(-2 * np.pi * 0.5 / rate_hz)
        swing = scipy.signal.lfilter([1], [1, -keep], rng.standard_normal(n + rate_hz))[rate_hz:]
        wave = height * np.exp(rng.uniform(np.log(0.3), np.log(4))) * np.hanning(n) * swing / swing.std()
        for jump in rng.integers(0, n, rng.poisson(n / rate_hz / 3)):
            tail = np.arange(n - jump) / rate_hz
            wave[jump:] += height * rng.normal(0, 2) * np.exp(-tail / rng.uniform(0.05, 0.6))
        ecg[piece] += wave
        spoiled[piece] = True
    return spoiled


def leads_off(ecg: np.ndarray, rate_hz: int, rng: np.random.Generator, kind: str | None = None) -> np.ndarray:
    """Lead off for 0.3 to 120 s: flat, at a rail, 50-Hz hum, missing, or the noise of an open wire."""
    height, spoiled = height_of(ecg, rate_hz), np.zeros(ecg.size, bool)
    for piece in pieces(rng, ecg.size, rate_hz, (0.3, 120.0)):
        n = piece.stop - piece.start
        clock_s = np.arange(n) / rate_hz
        match kind or rng.choice(OFF_KINDS):
            case "flat":
                ecg[piece] = 0.0
            case "rail":
                ecg[piece] = 5.0 * rng.choice([-1.0, 1.0])
            case "hum":
                ecg[piece] = height * rng.uniform(0.1, 2) * np.sin(2 * np.pi * 50.02 * clock_s + rng.uniform(0, 6))
            case "missing":
                ecg[piece] = np.nan
            case "wire":
                ecg[piece] = height * np.exp(rng.uniform(np.log(0.01), np.log(1))) * rng.standard_normal(n)
        spoiled[piece] = True
    return spoiled


def coarse(ecg: np.ndarray, rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    """In steps of 20 uV, as of eight bits."""
    ecg[:] = np.rint(ecg / 0.02) * 0.02
    return np.zeros(ecg.size, bool)


def reversed_lead(ecg: np.ndarray, rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    ecg *= -1
    return np.zeros(ecg.size, bool)


def as_it_is(ecg: np.ndarray, rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    return np.zeros(ecg.size, bool)


def add_pulses(ecg: np.ndarray, rate_hz: int, height_mv: float, time_s: np.ndarray, *, spread: bool) -> None:
    """Add pacemaker pulses of 0.5 ms: whole in one sample, or spread as an anti-alias filter does."""
    at = time_s * rate_hz
    nearest = np.rint(at).astype(int)
    if spread:
        index = nearest[:, None] + np.arange(-8, 9)
        share = 0.8 * np.sinc(0.8 * (index - at[:, None])) * np.kaiser(17, 6)  # cut off at 0.8 of Nyquist
        value = height_mv * 0.5e-3 * rate_hz * share
    else:
        index, value = nearest, np.full(nearest.size, height_mv)
    inside = (index >= 0) & (index < ecg.size)
    np.add.at(ecg, index[inside], value[inside].astype(np.float32))


SPOILS: Mapping[str, Spoil] = {
    "clean": as_it_is,
    "coarse": coarse,
    "reversed": reversed_lead,
    "noise": noise_bursts,
    "motion": motion,
    "leads_off": leads_off,
    **{f"off_{kind}": partial(leads_off, kind=kind) for kind in OFF_KINDS},
}


@dataclass(frozen=True)
class Rhythm:
    """What the heart does: share of atrial fibrillation, ectopic beats an hour (None: the person's), pacing.

    ``spread`` pacemaker pulses are what an anti-alias filter leaves of them.
    """

    af: float = 0.0
    ectopy_per_h: float | None = None
    pace: Literal["no", "atrial", "ventricular"] = "no"
    spread: bool = False


RHYTHMS: Mapping[str, Rhythm] = {
    "ectopic": Rhythm(ectopy_per_h=150.0),
    "af": Rhythm(af=1.0),
    "half_af": Rhythm(af=0.5),
    "atrial_pacing": Rhythm(pace="atrial"),
    "ventricular_pacing": Rhythm(pace="ventricular"),
    "af_ventricular_pacing": Rhythm(af=1.0, pace="ventricular"),
}
SPREAD: Mapping[str, Rhythm] = {
    "atrial_pacing_spread": Rhythm(pace="atrial", spread=True),
    "ventricular_pacing_spread": Rhythm(pace="ventricular", spread=True),
    "af_ventricular_pacing_spread": Rhythm(af=1.0, pace="ventricular", spread=True),
}
EVERY_RHYTHM = ("clean", "noise", "motion", "leads_off")
CONDITIONS: Mapping[str, tuple[Rhythm, Spoil]] = {
    **{spoil: (Rhythm(), SPOILS[spoil]) for spoil in SPOILS},
    **{name: (rhythm, as_it_is) for name, rhythm in SPREAD.items()},
    "ventricular_pacing_spread_motion": (SPREAD["ventricular_pacing_spread"], motion),
    **{f"{name}_{spoil}": (rhythm, SPOILS[spoil]) for name, rhythm in RHYTHMS.items() for spoil in EVERY_RHYTHM},
}


def make_case(condition: str, rate_hz: int, *, seed: int, hours: float) -> Case:
    """Make one night of one condition."""
    rhythm, spoil = CONDITIONS[condition]
    night = draw(seed, hours, rhythm)
    rng = np.random.default_rng([seed, rate_hz])
    if rhythm.pace == "ventricular":
        wide = Beats(night.beats.time_s, np.full_like(night.beats.type, VENTRICULAR))
        ecg = render(replace(night, beats=wide), rate_hz)
    else:
        ecg = render(night, rate_hz)
    if rhythm.pace != "no":
        height_mv = float(rng.choice([-1, 1]) * rng.uniform(2, 10))
        add_pulses(ecg, rate_hz, height_mv, night.beats.time_s - PULSE_AHEAD_S[rhythm.pace], spread=rhythm.spread)
    return Case(ecg, rate_hz, night.beats, spoil(ecg, rate_hz, rng))

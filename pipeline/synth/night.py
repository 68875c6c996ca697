"""The truth of one synthetic night: everything that happens, before any sensor sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.synth.cardiac import Beats, draw_beats, pulse_rate
from pipeline.synth.eeg import Graphoelements, draw_graphoelements, spectral_state
from pipeline.synth.eog_emg import EyeMovements, draw_eye_movements, tone_curve
from pipeline.synth.events import RESPIRATORY, Events, draw_arousals, draw_leg_movements, draw_respiratory, merge
from pipeline.synth.hypnogram import draw_hypnogram
from pipeline.synth.noise import HOP_S, Floats, stream
from pipeline.synth.oximetry import draw_spo2, find_desaturations
from pipeline.synth.respiration import Breathing, draw_breathing
from pipeline.synth.traits import Traits
from schemas.vocabulary import EPOCH_S, Stage

__all__ = ["POSITIONS", "Night", "draw_night"]

POSITIONS = ("right", "left", "supine", "prone", "upright")
_POSITION_SHARES = (0.24, 0.24, 0.42, 0.10, 0.0)
_TURN_EVERY_S = 2400.0
_MOVEMENT_S = (3.0, 12.0)  # how long turning over takes


@dataclass(frozen=True)
class Night:
    """One night.

    Parameters
    ----------
    n_second : int
        Length; every signal has ``n_second * rate_hz`` samples.
    offset_s : float
        First scored boundary; before it the person is awake and nobody scored.
    stage : ndarray, shape (n_epoch,), int8
        Stages of the whole epochs after ``offset_s``.
    stage_second : ndarray, shape (n_second + 1,), int8
        Stage at every second.
    spectral_state : ndarray, shape (n_block,), integer
        Row of `pipeline.synth.eeg.eeg_density` for every noise block.
    movement_s : ndarray, shape (n_movement, 2), float64, seconds
        Onset and length of the times of turning over, which shake every wire.
    tone_uv, spo2, pulse_bpm : ndarray, shape (n_second + 1,), float32
        Muscle tone, saturation in per cent, pulse rate in beats a minute, once a second.
    position : ndarray, shape (n_second + 1,), int8
        Index into `POSITIONS`.
    random : callable
        ``random(purpose)`` gives this night's stream for a purpose.
    """

    traits: Traits
    n_second: int
    clock_start_s: int
    offset_s: float
    stage: NDArray[np.int8]
    stage_second: NDArray[np.int8]
    spectral_state: NDArray[np.intp]
    events: Events
    breathing: Breathing
    beats: Beats
    elements: Graphoelements
    eyes: EyeMovements
    tone_uv: Floats
    spo2: Floats
    pulse_bpm: Floats
    position: NDArray[np.int8]
    movement_s: NDArray[np.float64]
    random: Callable[[str], np.random.Generator]

    @property
    def respiratory(self) -> Events:
        """Apneas and hypopneas."""
        return self.events.of(*RESPIRATORY)


def draw_night(
    traits: Traits, n_second: int, *, seed: int, path: tuple[object, ...], offset_s: float = 0.0
) -> Night:
    """Draw one night of one person.

    Parameters
    ----------
    n_second : int
        Length; whole epochs after ``offset_s`` are scored.
    path : tuple
        Names this night among all of the seed's.
    """

    def random(purpose: str) -> np.random.Generator:
        return stream(seed, *path, purpose)

    rng = random("night")
    clock_start_s = int(rng.integers(21 * 3600, 24 * 3600 - 60))
    stage = draw_hypnogram(rng, traits, int((n_second - offset_s) // EPOCH_S))
    stage_second = _at_seconds(stage, n_second, offset_s)
    position = _draw_position(rng, n_second)
    respiratory = draw_respiratory(rng, traits, stage, stage_second, position == POSITIONS.index("supine"))
    arousals = draw_arousals(rng, traits, stage_second, respiratory)
    legs = draw_leg_movements(rng, traits, stage_second)
    breathing = draw_breathing(rng, traits, stage_second, respiratory)
    spo2 = draw_spo2(rng, traits, n_second + 1, respiratory)
    beats = draw_beats(rng, traits, stage_second, breathing, arousals, respiratory)
    n_block = -(-n_second // HOP_S) + 1
    return Night(
        traits=traits,
        n_second=n_second,
        clock_start_s=clock_start_s,
        offset_s=offset_s,
        stage=stage,
        stage_second=stage_second,
        spectral_state=spectral_state(stage_second, arousals.onset_s, arousals.end_s, n_block),
        events=merge(respiratory, arousals, legs, find_desaturations(traits, spo2, respiratory)),
        breathing=breathing,
        beats=beats,
        elements=draw_graphoelements(rng, traits, stage, offset_s),
        eyes=draw_eye_movements(rng, stage, offset_s),
        tone_uv=tone_curve(rng, stage_second, arousals),
        spo2=spo2,
        pulse_bpm=pulse_rate(beats, n_second + 1),
        position=position,
        movement_s=_movements(rng, position),
        random=random,
    )


def _at_seconds(stage: NDArray[np.int8], n_second: int, offset_s: float) -> NDArray[np.int8]:
    epoch = np.floor((np.arange(n_second + 1) - offset_s) / EPOCH_S).astype(int)
    inside = stage[np.clip(epoch, 0, stage.size - 1)]
    return np.where(epoch < 0, np.int8(Stage.W), inside)


def _movements(rng: np.random.Generator, position: NDArray[np.int8]) -> NDArray[np.float64]:
    turn_s = np.flatnonzero(np.diff(position)).astype(float)
    return np.column_stack([turn_s, rng.uniform(*_MOVEMENT_S, turn_s.size)])


def _draw_position(rng: np.random.Generator, n_second: int) -> NDArray[np.int8]:
    n_turn = 1 + int(rng.poisson(n_second / _TURN_EVERY_S))
    turn_s = np.sort(rng.uniform(0, n_second, n_turn))
    bout = np.searchsorted(turn_s, np.arange(n_second + 1))
    return rng.choice(len(POSITIONS), size=n_turn + 1, p=_POSITION_SHARES).astype(np.int8)[bout]

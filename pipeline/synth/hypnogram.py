"""Stages of a synthetic night: cycles of about 96 minutes, deep sleep early, REM late, awakenings between.

Cycles differ from person to person and from one to the next, so that the time does not tell the stage. They shrink
with the night: one up to an hour, where every stage still occurs from about six minutes on, then three.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.synth.traits import Traits
from schemas.vocabulary import Stage

__all__ = ["draw_hypnogram"]

_CYCLE_EPOCHS = 192  # 96 minutes, the median of 6,064 cycles: Cajochen 2024 (doi:10.1016/j.sleh.2023.09.002)
_CYCLE_SPREAD = 0.26  # half width, of a person and of a cycle each; together 21 % SD: 90 +- 20 minutes, Stern 1969
_HOUR = 120  # epochs; shorter nights have one cycle and no awakenings, which would crowd out their stages
_W, _N1, _N2, _N3, _REM = (int(s) for s in (Stage.W, Stage.N1, Stage.N2, Stage.N3, Stage.REM))


def draw_hypnogram(rng: np.random.Generator, traits: Traits, n_epoch: int) -> NDArray[np.int8]:
    """Draw one night's stages.

    Returns
    -------
    ndarray, shape (n_epoch,), int8
        `schemas.vocabulary.Stage` codes.

    Source
    ------
    Shares and their course over the night after Ohayon 2004 (doi:10.1093/sleep/27.7.1255): deep sleep falls
    and wake after sleep onset grows with age.
    """
    latency = max(1, round(min(rng.gamma(4.0, 6.0), 0.1 * n_epoch)))
    lengths = _one_cycle(rng, n_epoch - latency) if n_epoch <= _HOUR else _cycles(rng, n_epoch - latency)
    runs = [np.full(latency, _W)]
    while sum(run.size for run in runs) < n_epoch:
        runs.append(_cycle(rng, traits, round(next(lengths)), len(runs) - 1))
    stage = np.concatenate(runs)[:n_epoch].astype(np.int8)
    if n_epoch >= _HOUR:
        _interrupt(rng, traits, stage)
    return stage


def _one_cycle(rng: np.random.Generator, n_epoch: int) -> Iterator[float]:
    length = max(8, round(0.9 * n_epoch))
    while True:
        yield length * rng.uniform(0.92, 1.08)


def _cycles(rng: np.random.Generator, n_epoch: int) -> Iterator[float]:
    low, high = 1 - _CYCLE_SPREAD, 1 + _CYCLE_SPREAD
    of_person = min(_CYCLE_EPOCHS, n_epoch / 3) * rng.uniform(low, high)
    while True:
        yield of_person * rng.uniform(low, high)


def _cycle(rng: np.random.Generator, traits: Traits, n_epoch: int, number: int) -> NDArray[np.int64]:
    age_effect = float(np.clip(1.0 - 0.009 * (traits.age_years - 40.0), 0.35, 1.2))
    n3 = 0.40 * age_effect * 0.6**number * rng.uniform(0.8, 1.2)
    rem = min(0.38, 0.14 + 0.07 * number) * rng.uniform(0.8, 1.2)
    n1 = rng.uniform(0.04, 0.10)
    shares = np.array([n1, 0.55 * (1 - n1 - n3 - rem), n3, 0.45 * (1 - n1 - n3 - rem), rem])
    edges = np.round(np.cumsum(shares) * n_epoch).astype(int)
    lengths = np.maximum(np.diff(edges, prepend=0), [1, 1, 1 if number < 3 else 0, 1, 1])
    return np.repeat([_N1, _N2, _N3, _N2, _REM], lengths)


def _interrupt(rng: np.random.Generator, traits: Traits, stage: NDArray[np.int8]) -> None:
    per_hour = 2.2 + 0.05 * max(0.0, traits.age_years - 30.0) + 0.02 * traits.ahi_target
    starts = np.flatnonzero(rng.random(stage.size) < per_hour / 120.0)
    for start in starts:
        awake = start + int(rng.geometric(0.35))
        drowsy = awake + int(rng.integers(1, 3))
        stage[start:awake] = _W
        stage[awake:drowsy] = np.where(stage[awake:drowsy] == _W, _W, _N1)

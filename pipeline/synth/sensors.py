"""From a night to the signals of one file: which sensors were on, how they were wired, when they were lost.

What a file hides (signs, gains, losses) is returned as truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.synth.edf_writer import EdfSignal, digitise
from pipeline.synth.night import POSITIONS, Night
from pipeline.synth.noise import Floats
from pipeline.synth.recipe import Recipe, SignalSpec, VisitSpec
from pipeline.synth.sources import CODED, HELD, SOURCES, Scene
from schemas.units import convert_factor, parse_unit

__all__ = ["Loss", "Sensor", "plug_in", "record"]

_LOSS_SHARE = (0.02, 0.08)  # of the night
_T = TypeVar("_T")
_NOT_LOST = CODED | {"pulse_rate"}


@dataclass(frozen=True)
class Loss:
    """A time without a sensor: whole seconds, half-open, the file holds zeros."""

    start_s: int
    end_s: int


@dataclass(frozen=True)
class Sensor:
    """One signal of one file, and the truth about it.

    Parameters
    ----------
    header : EdfSignal
        As written.
    sign : int
        -1 where the waveform is upside down and the header does not tell.
    gain : float
        What the site's amplifier did to the amplitude.
    loss : Loss or None
        When the sensor was lost.
    """

    spec: SignalSpec
    header: EdfSignal
    sign: int = 1
    gain: float = 1.0
    loss: Loss | None = None

    @property
    def negative_gain(self) -> bool:
        """Whether the header bears a negative gain (decoded as written, the waveform is upright)."""
        return self.header.physical[0] > self.header.physical[1]


def plug_in(recipe: Recipe, visit: VisitSpec, night: Night, *, complete: bool = False) -> tuple[Sensor, ...]:
    """Decide the sensors of one file by the recipe's shares, in file order.

    Parameters
    ----------
    complete : bool
        Leave no signal out and let nothing go wrong, so that a planted fault is the only one.
    """
    rng = night.random("sensors")
    rates = _variant(rng, visit)
    sensors = []
    for spec in visit.signals:
        present, spelling, rate, flip = rng.random(4)
        if present >= spec.presence and not complete:
            continue
        label = _pick(spelling, spec.spellings, spec.label)
        native = _pick(rate, spec.other_rates, spec.rate_hz)
        header = EdfSignal(
            label,
            rates.get(native, native),
            spec.unit,
            spec.physical,
            spec.digital,
            spec.transducer,
            spec.prefilter,
        )
        waveform = spec.source not in CODED | HELD
        gain = night.traits.site.gain if waveform else 1.0
        sensors.append(Sensor(spec, header, -1 if flip < spec.flipped else 1, gain))
    return tuple(sensors if complete else _mishaps(rng, recipe, night, sensors))


def _variant(rng: np.random.Generator, visit: VisitSpec) -> Mapping[int, int]:
    drawn = rng.random()
    for variant in visit.variants:
        if drawn < variant.share:
            return variant.rates
        drawn -= variant.share
    return {}


def _pick(drawn: float, shares: Mapping[_T, float], default: _T) -> _T:
    for value, share in shares.items():
        if drawn < share:
            return value
        drawn -= share
    return default


def _mishaps(rng: np.random.Generator, recipe: Recipe, night: Night, sensors: Sequence[Sensor]) -> Iterator[Sensor]:
    """Give some nights one negative-gain header, and some one lost sensor."""
    wave = [i for i, s in enumerate(sensors) if s.spec.source not in CODED | HELD]
    can_fail = [i for i, s in enumerate(sensors) if s.spec.source not in _NOT_LOST]
    negative = rng.choice(wave) if rng.random() < recipe.negative_gain else -1
    lost = rng.choice(can_fail) if rng.random() < recipe.sensor_loss else -1
    share, where = rng.uniform(*_LOSS_SHARE), rng.uniform(0.15, 0.85)
    length = max(10, round(share * night.n_second))
    start = round(where * (night.n_second - length))
    for i, sensor in enumerate(sensors):
        if i == negative:
            low, high = sensor.header.physical
            sensor = replace(sensor, header=replace(sensor.header, physical=(high, low)))
        yield replace(sensor, loss=Loss(start, start + length)) if i == lost else sensor


def record(night: Night, sensors: Sequence[Sensor]) -> Iterator[NDArray[np.int16]]:
    """Yield the counts of every sensor, in order; shape (n_second * rate_hz,), int16."""
    common: dict[tuple[str, int], Floats] = {}
    losses = {sensor.spec.label: sensor.loss for sensor in sensors if sensor.loss}
    for sensor in sensors:
        rate_hz, source = sensor.header.rate_hz, sensor.spec.source
        scene = Scene(night, rate_hz, night.random(sensor.spec.label), common)
        value = SOURCES[source].render(scene)
        if source in CODED:
            value = _encode(value, sensor, losses, rate_hz)
        else:
            value *= np.float32(sensor.sign * sensor.gain * _unit_factor(sensor))
        if sensor.loss:
            value[sensor.loss.start_s * rate_hz : sensor.loss.end_s * rate_hz] = 0.0
        yield digitise(value, sensor.header)


def _unit_factor(sensor: Sensor) -> float:
    unit = parse_unit(sensor.spec.unit)
    return 1.0 if unit is None else convert_factor(SOURCES[sensor.spec.source].unit, unit)


def _encode(value: Floats, sensor: Sensor, losses: Mapping[str, Loss], rate_hz: int) -> Floats:
    """Write meanings as this cohort's codes, and losses into the status signal that watches for them."""
    codes = sensor.spec.codes
    if sensor.spec.source == "position":
        table = np.array([codes.get(name, 0) for name in POSITIONS], np.float32)
        return table[value.astype(np.intp)]
    loss = losses.get(sensor.spec.watches or "")
    if loss:
        value[loss.start_s * rate_hz : loss.end_s * rate_hz] = codes.get("off", 1)
    return value

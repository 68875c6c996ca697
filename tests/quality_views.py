"""Nights as checks see them, from arrays that a test makes up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.channels import ChannelPlan, Lead
from pipeline.derived.channel import Derived, DerivedChannel
from pipeline.process import Channel
from pipeline.quality.registry import CHECK_FUNCTIONS
from pipeline.quality.view import Mark, Measure, NightView, Remark
from pipeline.read.night import Night
from schemas.checks import CHECKS
from schemas.findings import Finding
from schemas.hypnogram import EventTable
from schemas.montage import ChannelRule
from schemas.recording import Segment, Signal, SignalInfo
from schemas.vocabulary import EPOCH_S, Polarity, StageScheme

N = 60  # epochs
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Raw:
    """A signal as recorded: counts of which one is one unit, in records of one second."""

    value: NDArray[np.float64]
    rate_hz: int

    @property
    def infos(self) -> tuple[SignalInfo, ...]:
        return ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        return ()

    @property
    def clock_start_s(self) -> float | None:
        return None

    @property
    def duration_s(self) -> float:
        return self.value.size / self.rate_hz

    def signal(self, index: int) -> Signal:
        segment = Segment(0.0, self.value.reshape(-1, self.rate_hz))
        return Signal("A", "uV", Fraction(self.rate_hz), 1.0, 0.0, -1, 1, -32768, 32767, (segment,))


def channel(
    name: str, value: NDArray[Any], *, index: int = 0, flag: Sequence[int] = (), rate_hz: int = 128
) -> Channel:
    """Return a channel from its flat samples; missing where NaN."""
    rule = ChannelRule.model_validate({"channel": name, "labels": ["A"]})
    plan = ChannelPlan(
        rule, (Lead(index, 1.0),), "A", rule.spec.unit, Fraction(rate_hz), None, Polarity.AS_HEADER, ()
    )
    rows = np.asarray(value, np.float32).reshape(-1, rule.spec.rate_class.n_per_epoch)
    flags = np.zeros(len(rows), np.uint16) if not len(flag) else np.asarray(flag, np.uint16)
    return Channel(plan, rows, flags, np.isfinite(rows).mean(axis=1, dtype=np.float32))


def derived(name: str, value: NDArray[Any], *sources: str) -> DerivedChannel:
    """Return a derived channel from its flat samples at 4 Hz."""
    rows = np.asarray(value, np.float32).reshape(-1, 120)
    return DerivedChannel(name, rows, np.zeros(len(rows), np.uint16), sources, 4.0, "made up", primary=True)


def view(
    *channels: Channel,
    of: Sequence[DerivedChannel] = (),
    tables: Mapping[str, NDArray[Any]] | None = None,
    raw: Sequence[Raw] = (),
    stage: NDArray[np.int8] | None = None,
    events: Sequence[tuple[str, float, float]] = (),
    scheme: StageScheme = StageScheme.AASM,
) -> NightView:
    """Return a night; events are (type, onset, duration)."""
    if stage is None:
        stage = np.full(len(channels[0].value) if channels else len(of[0].value), -1, np.int8)
    files = tuple(((file, 0, 0.0),) for file in raw)
    words = tuple("" for _ in events)
    return NightView(
        channels=channels,
        derived=Derived(tuple(of), dict(tables or {}), ()),
        night=Night((), (), None, float(stage.size * EPOCH_S), files),
        offset_s=0.0,
        stage=np.asarray(stage, np.int8),
        scheme=scheme,
        events=EventTable(
            np.array([e[1] for e in events], float),
            np.array([e[2] for e in events], float),
            tuple(e[0] for e in events),
            words,
            words,
        ),
    )


def remarks(night: NightView, check: str, limit: float | None = None) -> list[Remark]:
    """Return what a check remarks on, at its own limit or another."""
    said = CHECK_FUNCTIONS[check](night, CHECKS[check].limit if limit is None else limit)
    return [one for one in said if isinstance(one, Remark)]


def marks(night: NightView, check: str) -> list[Mark]:
    """Return the bits that a check sets."""
    return [one for one in CHECK_FUNCTIONS[check](night, CHECKS[check].limit) if isinstance(one, Mark)]


def measured(night: NightView, check: str) -> dict[tuple[str, str | None], float]:
    """Return the numbers that a check keeps, by name and channel."""
    said = CHECK_FUNCTIONS[check](night, CHECKS[check].limit)
    return {(one.name, one.channel): one.value for one in said if isinstance(one, Measure)}

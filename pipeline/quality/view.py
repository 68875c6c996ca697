"""A finished night as checks see it, what they may say of it, and the measures that several of them share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.derived.channel import Derived
from pipeline.process import Channel
from pipeline.read.night import Night
from schemas.hypnogram import EventTable
from schemas.kinds import Kind, Shape
from schemas.quality import UNUSABLE, QualityFlag
from schemas.vocabulary import StageScheme

__all__ = ["LEAST_EPOCH", "Mark", "Measure", "NightView", "Remark", "Said", "evenly"]

LEAST_EPOCH = 20  # epochs; less than ten minutes of a channel decide nothing about a night
_SILENT_KINDS = frozenset({Kind.IBI, Kind.BBI, Kind.RESP})  # read from a file: no sensor of their own


@dataclass(frozen=True)
class Remark:
    """A finding to be made, under the code of the check that says it.

    Parameters
    ----------
    epochs : ndarray, shape (n_epoch,), bool, or None
        Which epochs it concerns; None for the whole night.
    """

    message: str
    channel: str | None = None
    epochs: NDArray[np.bool_] | None = None
    code: str | None = None


@dataclass(frozen=True)
class Mark:
    """A bit to be set in some epochs of a channel, shape (n_epoch,)."""

    channel: str
    epochs: NDArray[np.bool_]
    flag: QualityFlag


@dataclass(frozen=True)
class Measure:
    """A number to be kept with a channel, or with the night where ``channel`` is None."""

    name: str
    value: float
    channel: str | None = None


Said = Iterator[Remark | Mark | Measure]


@dataclass(frozen=True)
class NightView:
    """What a check may look at.

    Parameters
    ----------
    channels : sequence of Channel
        As `pipeline.process.make_channel` made them, before anything was checked.
    night : Night
        The signals as recorded.
    offset_s : float
        Seconds from recording start to the origin of the epoch grid.
    stage : ndarray, shape (n_epoch,), int8
        AASM stages, -1 unscored.
    events : EventTable
        Onsets from the grid's origin.
    """

    channels: Sequence[Channel]
    derived: Derived
    night: Night
    offset_s: float
    stage: NDArray[np.int8]
    scheme: StageScheme
    events: EventTable

    @property
    def n_epoch(self) -> int:
        """Number of epochs."""
        return int(self.stage.size)

    @cached_property
    def waves(self) -> tuple[Channel, ...]:
        """Channels of sensors that swing around zero."""
        return tuple(
            c for c in self.channels if c.plan.spec.shape is Shape.WAVE and c.plan.rule.kind not in _SILENT_KINDS
        )

    def of_kind(self, *kinds: Kind) -> tuple[Channel, ...]:
        """Return the channels of some kinds, in montage order."""
        return tuple(channel for channel in self.channels if channel.plan.rule.kind in kinds)

    def channel(self, name: str) -> Channel | None:
        """Return a channel by its name, if the night has it."""
        return next((channel for channel in self.channels if channel.plan.channel == name), None)

    def value(self, name: str) -> NDArray[np.float32] | None:
        """Return the values of a channel, read or derived, shape (n_epoch, n_per_epoch), if the night has it."""
        for channel in self.channels:
            if channel.plan.channel == name:
                return channel.value.astype(np.float32, copy=False)
        return next((channel.value for channel in self.derived.channels if channel.channel == name), None)

    def whole(self, channel: Channel) -> NDArray[np.bool_]:
        """Return the epochs in which no sample is missing and the sensor does not rest; shape (n_epoch,)."""
        return np.asarray((channel.usable == 1) & ((channel.flag & np.uint16(UNUSABLE)) == 0), bool)

    @cached_property
    def rms(self) -> dict[str, NDArray[np.float32]]:
        """Root mean square of every wave, epoch by epoch; NaN where a sample is missing. Shape (n_epoch,)."""
        return {channel.plan.channel: _rms(channel.value) for channel in self.waves}

    @cached_property
    def amplitude(self) -> dict[str, float]:
        """Median of `rms` over whole epochs, by channel, where there are enough of them."""
        found = {}
        for channel in self.waves:
            rms = self.rms[channel.plan.channel][self.whole(channel)]
            if rms.size >= LEAST_EPOCH:
                found[channel.plan.channel] = float(np.median(rms))
        return found


def _rms(value: NDArray[np.float32] | NDArray[np.int8]) -> NDArray[np.float32]:
    square = np.einsum("ij,ij->i", value, value)  # one pass, no copy
    return np.asarray(np.sqrt(square / np.float32(value.shape[1])), np.float32)


def evenly(mask: NDArray[np.bool_], most: int) -> NDArray[np.intp]:
    """Return where a mask is True, thinned evenly to at most ``most`` places."""
    places = np.flatnonzero(mask)
    if places.size <= most:
        return places
    return np.asarray(places[np.linspace(0, places.size - 1, most).round().astype(np.intp)])

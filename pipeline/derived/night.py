"""The derived channels of a night: beats and intervals, respiration and breaths, desaturations.

A channel that the montage reads from the file is not derived as well: the file's stands.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.derived.breathing import derive_breathing, derive_desaturations
from pipeline.derived.channel import Derived, empty_tables
from pipeline.derived.heart import derive_heart
from pipeline.process import Channel
from pipeline.read.night import Night

__all__ = ["derive_night"]


def derive_night(channels: Sequence[Channel], night: Night, *, offset_s: float, n_epoch: int) -> Derived:
    """Derive all that a night's channels allow.

    Parameters
    ----------
    channels : sequence of Channel
        All channels of the montage, as made by `pipeline.process.make_channel`.
    night : Night
        Where their signals are: beats are found in the ECG as it was recorded.
    offset_s : float
        Seconds from recording start to the origin of the epoch grid.
    n_epoch : int
        Whole epochs of the grid.

    Returns
    -------
    Derived
        ``ibi``, ``resp`` and ``bbi`` where they can be had, every table, and a finding for what cannot be had.
    """
    given = {channel.plan.channel for channel in channels}
    nothing = Derived((), empty_tables(n_epoch, "beat_", "nn_", "breath_", "resp_"), ())
    heart = nothing if "ibi" in given else derive_heart(channels, night, offset_s=offset_s, n_epoch=n_epoch)
    breathing = nothing if given & {"resp", "bbi"} else derive_breathing(channels, n_epoch=n_epoch)
    return Derived(
        channels=heart.channels + breathing.channels,
        tables={
            **nothing.tables,
            **heart.tables,
            **breathing.tables,
            **derive_desaturations(channels, n_epoch=n_epoch),
        },
        findings=heart.findings + breathing.findings,
    )

"""Why a sample is missing or doubtful, as bits; later checks add bits and never change a meaning."""

from __future__ import annotations

from enum import IntFlag

__all__ = ["UNUSABLE", "QualityFlag"]


class QualityFlag(IntFlag):
    """Bits of the store's ``quality(epoch, channel)``; a bit is set where it holds for any sample of the epoch."""

    NO_SIGNAL = 1  # gap, end of the file, or margin around a gap: the sample is missing
    MISSING_CODE = 2  # the device wrote its code for "no value": missing
    OUT_OF_RANGE = 4  # impossible for its unit: missing
    TOO_FAST = 8  # a step faster than physiology: missing
    BAD_STATUS = 16  # a status channel says that the sensor was off or failing: missing
    CLIPPED = 32  # a value just above the range was set to its end: present
    SATURATED = 64  # beyond the packing range, set to its end: present
    UNKNOWN_CODE = 128  # a code without a meaning in the manifest: missing
    FLAT = 256  # the same number for the whole epoch: present, and no physiology
    NO_INTERVAL = 512  # the sensor is there, but no two beats or breaths in a row can be trusted: missing
    RANGE_END = 1024  # rests at an end of the recorder's range: present, cut off
    DROPPED_OUT = 2048  # next to nothing of the night's amplitude for minutes: present, and no physiology
    CONTRADICTED = 4096  # another sensor of the same quantity says otherwise: present, one of the two is wrong
    STUCK = 8192  # one reading for longer than it can be steady: present, and no measurement


# Whole epochs that are not usable, although their samples are present.
UNUSABLE = QualityFlag.FLAT | QualityFlag.DROPPED_OUT | QualityFlag.STUCK

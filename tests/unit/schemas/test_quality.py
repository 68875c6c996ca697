"""Quality bits: stores carry them, so that a bit keeps its meaning for ever."""

from __future__ import annotations

from schemas.quality import QualityFlag

BITS = {
    "NO_SIGNAL": 1,
    "MISSING_CODE": 2,
    "OUT_OF_RANGE": 4,
    "TOO_FAST": 8,
    "BAD_STATUS": 16,
    "CLIPPED": 32,
    "SATURATED": 64,
    "UNKNOWN_CODE": 128,
    "FLAT": 256,
    "NO_INTERVAL": 512,
    "RANGE_END": 1024,
    "DROPPED_OUT": 2048,
    "CONTRADICTED": 4096,
    "STUCK": 8192,
}


def test_bits_keep_their_meaning() -> None:
    """Bits may be added; these stay as they are."""
    assert {name: QualityFlag[name].value for name in BITS} == BITS


def test_each_flag_is_one_bit() -> None:
    """Flags can be combined without loss."""
    assert all(flag.value.bit_count() == 1 for flag in QualityFlag)


def test_flags_leave_the_fill_value_free() -> None:
    """All sixteen bits set means a lost chunk; real flags never add up to it."""
    assert sum(QualityFlag) < 0xFFFF

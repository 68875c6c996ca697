"""A campaign notices whatever can go wrong in it, and goes on behind it."""

from __future__ import annotations

import random

from benchmarks.campaign import run, wrong
from tests.misbehaving_trials import KINDS, kind_of

SEED, COUNT = 4, 10
SEEN_AS = {
    "well": "well",
    "raises": "ESCAPED KeyError",
    "eats memory": "ESCAPED MemoryError",
    "hangs": "DIED -14",
    "crashes": "DIED -11",
}


def test_every_misbehaviour_is_seen() -> None:
    """An exception, too much memory, a hang and a death count; the cases after them are still tried."""
    kinds = {number: kind_of(random.Random(f"{SEED}/{number}")) for number in range(COUNT)}
    assert set(kinds.values()) == set(KINDS)
    ended = run("tests.misbehaving_trials", SEED, COUNT)
    assert {number: how.split(":")[0] for number, how in ended.items()} == {
        number: SEEN_AS[kind] for number, kind in kinds.items()
    }
    assert set(wrong(ended)) == {number for number, kind in kinds.items() if kind != "well"}

"""Trials that misbehave in every way that a campaign must notice; which way, the random numbers decide."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

KINDS = ("well", "raises", "eats memory", "hangs", "crashes")


def kind_of(rng: random.Random) -> str:
    return rng.choice(KINDS)


def trial(rng: random.Random, folder: Path) -> str:
    kind = kind_of(rng)
    if kind == "raises":
        raise KeyError(kind)
    if kind == "eats memory":
        return f"{len(bytearray(2**31))} bytes"
    if kind == "hangs":
        signal.alarm(1)  # instead of waiting for the campaign's own
        while True:
            pass
    if kind == "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)
    (folder / "mutant").touch()
    return kind

"""Sets of made-up nights whose samples say which night, epoch and place they are from."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.shard_set import Night, write_nights
from model.batch import Batch
from model.data import Loader
from schemas.shard import Codec, modality_kind
from schemas.store import MISSING
from schemas.vocabulary import Modality

MODALITIES = (Modality.EEG, Modality.BELT, Modality.SPO2, Modality.RESP)
GAP = slice(7, 20)  # samples of every fifth epoch that are missing
MONTAGES = (MODALITIES, MODALITIES[:2], MODALITIES[1:], (Modality.SPO2,))
LENGTHS = (130, 61, 40, 33, 9, 77, 58, 25)  # epochs


def counts_of(number: int, modality: Modality, n_epoch: int) -> NDArray[np.int16]:
    """Return counts that are those of no other night, epoch or sample near."""
    n = modality_kind(modality).rate_class.n_per_epoch
    counts = (1000 * number + 7 * np.arange(n_epoch)[:, None] + np.arange(n) % 5).astype(np.int16)
    counts[::5, GAP] = MISSING
    return counts


def made_night(number: int, n_epoch: int, modalities: tuple[Modality, ...], **changes: Any) -> Night:
    """Return a night; the first two epochs and the last are out of bed, and every fourth epoch of EEG is bad."""
    usable = np.zeros((n_epoch, len(MODALITIES)), np.float32)
    usable[:, [m in modalities for m in MODALITIES]] = 1
    usable[::4, 0] *= np.float32(0.4)
    in_bed = np.ones(n_epoch, np.int8)
    in_bed[[0, 1, -1]] = 0
    arrays = {"usable_fraction": usable, "in_bed": in_bed, "stage": np.arange(n_epoch) % 5}
    arrays["event_arousal"] = np.repeat((np.arange(n_epoch) % 2)[:, None], 30, axis=1)
    facts = {"age_years": 40.0 + number, "sex": ("male", "female", None)[number % 3]}
    counts = {m: counts_of(number, m, n_epoch) for m in modalities}
    return Night(
        **{"subject": f"{number}", "n_epoch": n_epoch, "counts": counts, "arrays": arrays, "facts": facts} | changes
    )


def made_nights() -> list[Night]:
    """Return eight nights of four montages."""
    return [made_night(k, n, MONTAGES[k % len(MONTAGES)]) for k, n in enumerate(LENGTHS)]


def made_set(root: Path, codec: Codec = Codec.NONE, **splits: list[Night]) -> Path:
    """Write a set of eight nights for training, or of others."""
    return write_nights(root, {"train": made_nights(), **splits}, MODALITIES, codec=codec, shard_epoch=120)


def take(loader: Iterable[Batch], n: int) -> list[Batch]:
    """Return the next batches."""
    return list(itertools.islice(loader, n))


def one_pass(loader: Loader) -> list[Batch]:
    """Return the batches of the pass that begins."""
    number = loader.state_dict()["pass"]
    batches = []
    for batch in loader:
        if loader.state_dict()["pass"] != number:
            break
        batches.append(batch)
    return batches

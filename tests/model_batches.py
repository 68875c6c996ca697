"""Batches with something to learn: both modalities of a window are made from the same hidden numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from model.batch import Batch, Metadata
from model.config import PRESETS, RunConfig

N_TOKEN = 6
MODALITIES = ("ibi", "resp", "spo2")


def tiny_run(n_step: int = 60) -> RunConfig:
    """A network of sixteen numbers a token without dropout, that learns fast."""
    tiny = PRESETS["tiny"]
    model = replace(tiny.model, modalities=MODALITIES, width=16, token_width=16, ffn_width=32, dropout=0.0)
    optim = replace(tiny.optim, n_step=n_step, checkpoint_every=1000, learning_rate=3e-3)
    return replace(tiny, model=model, optim=optim)


def batch_of(modalities: tuple[str, ...], n: int = 6, seed: int = 0) -> Batch:
    """Windows of 4-Hz modalities whose tokens say which window and time they are from."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(n, N_TOKEN, 120, generator=generator)
    samples = {name: hidden.roll(k, dims=-1) * (1 + k) for k, name in enumerate(modalities)}
    valid = {name: torch.ones(n, N_TOKEN, dtype=torch.bool) for name in modalities}
    stage = hidden[..., 0].gt(0).long()
    metadata = Metadata(
        torch.arange(n), torch.linspace(20, 80, n), torch.arange(n) % 2, torch.zeros(n, dtype=torch.int64)
    )
    return Batch(samples, valid, {"stage": stage}, metadata, torch.arange(n), torch.zeros(n, dtype=torch.int64))


class Endless:
    """A source of pairs that can be left and taken up again."""

    def __init__(self, modalities: tuple[str, ...] = ("ibi", "resp", "spo2"), n_other: int | None = None) -> None:
        self.pairs = [(a, b) for i, a in enumerate(modalities) for b in modalities[i + 1 :]]
        self.n_other, self.place = n_other, 0

    def __iter__(self) -> Iterator[Batch]:
        while True:
            self.place += 1
            seed = self.place if self.n_other is None else self.place % self.n_other
            yield batch_of(self.pairs[seed % len(self.pairs)], seed=seed)

    def state_dict(self) -> dict[str, Any]:
        return {"place": self.place}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.place = state["place"]

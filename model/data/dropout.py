"""Sensors that fail, on purpose: whole modalities of a window, and spans of time of one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from model.batch import Batch

__all__ = ["SensorDropout"]


@dataclass(frozen=True)
class SensorDropout:
    """How often sensors fail.

    Parameters
    ----------
    modality : float
        Probability that a modality of a window is lost; one that is there is always left.
    span : float
        Probability that a modality of a window is lost for a while.
    longest : float
        Longest span, as a share of the window; lengths are uniform up to it.
    """

    modality: float = 0.0
    span: float = 0.0
    longest: float = 0.5

    def apply(self, batch: Batch, generator: np.random.Generator) -> None:
        """Set lost tokens to 0, not measured and not valid, in place."""
        lost = self._draw(torch.stack(list(batch.valid.values()), dim=1).cpu().numpy(), generator)
        for column, name in enumerate(batch.valid):
            own = torch.from_numpy(lost[:, column]).to(batch.valid[name].device)
            batch.valid[name].masked_fill_(own, value=False)
            batch.samples[name].masked_fill_(own[..., None], 0.0)
            if name in batch.measured:
                batch.measured[name].masked_fill_(own[..., None], value=False)

    def _draw(self, valid: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Return what is lost, (B, M, T), bool."""
        n_window, n_modality, n_epoch = valid.shape
        whole = generator.random((n_window, n_modality)) < self.modality
        there = valid.any(axis=2)
        kept = np.argmax(np.where(there, generator.random(there.shape), -1.0), axis=1)
        none_left = ~(there & ~whole).any(axis=1)
        whole[none_left, kept[none_left]] = False
        fails = generator.random((n_window, n_modality)) < self.span
        length = np.ceil(generator.random(fails.shape) * self.longest * n_epoch) * fails
        start = np.floor(generator.random(fails.shape) * (n_epoch - length + 1))
        epoch = np.arange(n_epoch)
        span = (epoch >= start[..., None]) & (epoch < (start + length)[..., None])
        return np.asarray(whole[..., None] | span)

"""Low-rank adapters: a frozen network learns the difference of its matrices as products of two thin ones.

Source: Hu et al. 2021 (arXiv 2106.09685).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.encoder import Sleep2Vec

__all__ = ["Adapted", "adapt", "merge"]

_MATRICES = ("query_key_value", "out", "up", "down")  # of a block


class Adapted(nn.Module):
    """A linear layer that stays as it is, and what is added to it; nothing at first.

    Parameters
    ----------
    rank : int
        R, of the difference.
    alpha : float
        The difference is scaled by alpha / R, so that the learning rate need not follow the rank.
    """

    def __init__(self, base: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.base, self.scale = base, alpha / rank
        self.thin = nn.Parameter(torch.empty(rank, base.in_features, device=base.weight.device))
        self.back = nn.Parameter(torch.zeros(base.out_features, rank, device=base.weight.device))
        nn.init.kaiming_uniform_(self.thin, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) → (…, R) → (…, out)."""
        base: Tensor = self.base(x)
        return base + self.scale * F.linear(F.linear(x, self.thin), self.back)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """Return the layer with its difference added."""
        self.base.weight += self.scale * self.back @ self.thin  # (out, R) @ (R, in)
        return self.base


def adapt(network: Sleep2Vec, rank: int, alpha: float = 16.0) -> None:
    """Freeze a network and give every matrix of its blocks an adapter, in place."""
    network.requires_grad_(requires_grad=False)
    for block in network.blocks:
        for name in _MATRICES:
            setattr(block, name, Adapted(getattr(block, name), rank, alpha))


def merge(network: Sleep2Vec) -> None:
    """Add the adapters to their matrices, in place; what is left is a network as before."""
    for block in network.blocks:
        for name in _MATRICES:
            layer = getattr(block, name)
            if isinstance(layer, Adapted):
                setattr(block, name, layer.merged())

"""Which tokens of a window are hidden while pre-training."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["draw_mask"]


def draw_mask(valid: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Hide the same share of every window's valid tokens, drawn without return.

    Parameters
    ----------
    valid : Tensor, shape (B, T), bool
    share : float
        Rounded to whole tokens of each window: 18 of 120 valid ones at 0.15.

    Returns
    -------
    Tensor, shape (B, T), bool
        True only where a token is valid.
    """
    order = torch.rand(valid.shape, generator=generator).to(valid.device)
    order = order.masked_fill(~valid, 2.0)  # after all valid ones
    rank = order.argsort(dim=1).argsort(dim=1)  # (B, T)
    n_hidden = torch.round(valid.sum(dim=1) * share)  # (B,)
    return (rank < n_hidden[:, None]) & valid

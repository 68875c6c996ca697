"""The head that pre-training compares tokens by, and that is dropped afterwards."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from model.config import ModelConfig

__all__ = ["Projection"]


class Projection(nn.Module):
    """Linear, BatchNorm, ReLU, Linear, BatchNorm, unit length; statistics are those of valid tokens alone."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.width = config.projection_width
        self.layers = nn.Sequential(
            nn.Linear(config.width, config.width),
            nn.BatchNorm1d(config.width),
            nn.ReLU(),
            nn.Linear(config.width, config.projection_width),
            nn.BatchNorm1d(config.projection_width),
        )

    def forward(self, tokens: Tensor, valid: Tensor) -> Tensor:
        """(B, T, W) and (B, T) → (B, T, projection width); 0 where not valid."""
        known = tokens[valid]  # (n_valid, W)
        projected = known.new_zeros(*valid.shape, self.width)
        if len(known) == 0 or (self.training and len(known) == 1):  # BatchNorm needs two
            return projected
        unit = F.normalize(self.layers(known), dim=-1)
        return projected.to(unit.dtype).masked_scatter(valid[..., None], unit)

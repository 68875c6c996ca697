"""What a loader hands to the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

__all__ = ["Batch", "Metadata"]


@dataclass(frozen=True)
class Metadata:
    """Whom the windows of a batch are from.

    Parameters
    ----------
    subject : Tensor, shape (B,), int64
    age_years : Tensor, shape (B,), float; NaN where unknown
    sex, site : Tensor, shape (B,), int64; -1 where unknown
    """

    subject: Tensor
    age_years: Tensor
    sex: Tensor
    site: Tensor

    def to(self, device: str) -> Metadata:
        """Return the same on another device."""
        return Metadata(**{name: column.to(device, non_blocking=True) for name, column in vars(self).items()})

    def rows(self, rows: slice) -> Metadata:
        """Return that of some windows."""
        return Metadata(**{name: column[rows] for name, column in vars(self).items()})


@dataclass(frozen=True)
class Batch:
    """Windows of nights, aligned in time over the modalities.

    Parameters
    ----------
    samples : mapping of modality to Tensor, shape (B, T, N), float
        Normalised; missing samples are 0.
    valid : mapping of modality to Tensor, shape (B, T), bool
        Whether enough of the token is there; False in padding and where the night does not have the modality.
    labels : mapping of name to Tensor, shape (B, T) or (B, T, 30), int64
        ``stage`` and rasters (docs/shard-spec.md); -1 where nobody scored, and in padding.
    metadata : Metadata
    recording : Tensor, shape (B,), int64
        Positions in the split.
    start : Tensor, shape (B,), int64
        First epoch of the window within its night.
    measured : mapping of modality to Tensor, shape (B, T, N), bool
        Which samples were measured, where that was asked for.
    """

    samples: Mapping[str, Tensor]
    valid: Mapping[str, Tensor]
    labels: Mapping[str, Tensor]
    metadata: Metadata
    recording: Tensor
    start: Tensor
    measured: Mapping[str, Tensor] = field(default_factory=dict)

    def to(self, device: str) -> Batch:
        """Return the same on another device."""

        def moved(own: Any) -> Any:
            if isinstance(own, Mapping):
                return {name: moved(tensor) for name, tensor in own.items()}
            return own.to(device) if isinstance(own, Metadata) else own.to(device, non_blocking=True)

        return Batch(**{name: moved(own) for name, own in vars(self).items()})

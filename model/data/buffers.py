"""Float buffers that are used again as soon as nobody holds a tensor in them.

A fresh buffer of megabytes costs more than what is written into it: the system hands out its pages one by one.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

__all__ = ["Buffers"]


class Buffers:
    """Make tensors in memory that was used before, where there is some of the size."""

    def __init__(self) -> None:
        self._idle: dict[int, list[np.ndarray]] = {}

    def tensors(self, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
        """Return tensors, float32, whose contents are anything; their memory is used again when all are gone."""
        sizes = [math.prod(shape) for shape in shapes]
        idle = self._idle.setdefault(sum(sizes), [])
        memory = idle.pop() if idle else np.empty(sum(sizes), np.float32)
        view = memory[:]  # lives as long as a tensor lies in it
        weakref.finalize(view, idle.append, memory).atexit = False
        parts = torch.split(torch.from_numpy(view), sizes)
        return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]

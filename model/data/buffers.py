"""Float buffers that are used again as soon as nobody holds a tensor in them.

A fresh buffer of megabytes costs more than what is written into it: the system hands out its pages one by one.
"""

from __future__ import annotations

import weakref

import numpy as np
import torch
from torch import Tensor

__all__ = ["Buffers"]


class Buffers:
    """Make tensors in memory that was used before, where there is some of the size."""

    def __init__(self) -> None:
        self._idle: dict[int, list[np.ndarray]] = {}

    def tensor(self, shape: tuple[int, ...]) -> Tensor:
        """Return a tensor, float32, whose contents are anything."""
        size = int(np.prod(shape))
        idle = self._idle.setdefault(size, [])
        memory = idle.pop() if idle else np.empty(size, np.float32)
        view = memory[:]  # lives as long as a tensor lies in it
        weakref.finalize(view, idle.append, memory).atexit = False
        return torch.from_numpy(view).view(shape)

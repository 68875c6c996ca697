"""Where the work is done."""

from __future__ import annotations

import torch

__all__ = ["device_of"]


def device_of(name: str) -> str:
    """Return the device to use: ``auto`` is a GPU where there is one."""
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"

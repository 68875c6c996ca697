"""Where the work is done, and what to say when there is no room for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from schemas.errors import ModelError

__all__ = ["device_of", "enough_memory"]


def device_of(name: str) -> str:
    """Return the device to use: ``auto`` is a GPU where there is one."""
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"


@contextmanager
def enough_memory(saw: str, do: str) -> Iterator[None]:
    """Say what to do where a device's memory runs out.

    Raises
    ------
    ModelError
        With what was asked for.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        is_told = isinstance(error, (torch.OutOfMemoryError, MemoryError))
        if not is_told and "allocate memory" not in str(error):  # a CPU's words
            raise
        raise ModelError("the device has too little memory for this batch", saw=saw, do=do) from error

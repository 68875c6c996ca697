"""Make the next batch beside the training step: samples travel to the device while it works on the batch before."""

from __future__ import annotations

import weakref
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.batch import Batch
from schemas.errors import ModelError

__all__ = ["let_gpu_read", "one_ahead"]

Turn = TypeVar("Turn")


def one_ahead(made: Iterator[tuple[Turn, Batch]], device: torch.device) -> Generator[tuple[Turn, Batch]]:
    """Yield the same in the same order, made one ahead in a thread, and on a GPU on a stream of its own.

    Parameters
    ----------
    made : iterator
        Used by that thread alone from now on; its errors are raised where the batch would have come.
    device : torch.device
        Where the batches are.
    """
    stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

    def make() -> tuple[Turn, Batch] | None:
        with torch.cuda.stream(stream) if stream else nullcontext():
            return next(made, None)

    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        coming = thread.submit(make)
        while (item := coming.result()) is not None:
            if stream:
                _take_over(item[1], stream, torch.cuda.current_stream(device))
            coming = thread.submit(make)
            yield item
            del item


def _take_over(batch: Batch, made_on: torch.cuda.Stream, used_on: torch.cuda.Stream) -> None:
    """Let a stream wait for what another made, and keep the memory until it has used it."""
    used_on.wait_stream(made_on)
    for tensor in _tensors(vars(batch)):
        tensor.record_stream(used_on)


def _tensors(parts: Mapping[str, Any]) -> Iterator[Tensor]:
    for part in parts.values():
        if isinstance(part, Tensor):
            yield part
        else:
            yield from _tensors(part if isinstance(part, Mapping) else vars(part))


def let_gpu_read(memory: NDArray[np.uint8]) -> None:
    """Let the GPU fetch from memory by itself while it lives; otherwise a copy keeps the step from giving work.

    Raises
    ------
    ModelError
        When the system does not lend these pages.
    """
    cuda = torch.cuda.cudart()  # type: ignore[no-untyped-call]
    told = cuda.cudaHostRegister(memory.ctypes.data, memory.nbytes, 0)
    if told != cuda.cudaError.success:
        raise ModelError(
            "the GPU may not read the workers' memory",
            saw=f"{told} for {memory.nbytes} bytes",
            do="Ask for fewer workers, or for none.",
        )
    weakref.finalize(memory, cuda.cudaHostUnregister, memory.ctypes.data).atexit = False

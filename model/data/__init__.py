"""The loader: windows and nights of training shards as batches (`model.batch`).

Names are looked up when they are used, so that a worker process, which copies samples and nothing else, does
without torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model.data.loader import Loader, open_nights, open_pairs, open_windows

__all__ = ["Loader", "open_nights", "open_pairs", "open_windows"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from model.data import loader

    return getattr(loader, name)

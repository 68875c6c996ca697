"""The embedding of a recording, version 1: what a network makes of a night, beside its recording store.

A Zarr v3 group, ``<recording>.embedding.zarr``. Epochs are those of the recording store, so that both align; an
epoch is NaN where the network had nothing to see. The group's attributes name the store and the checkpoint by their
digests, and the terms, which are the strictest of the recording's and of the data that the network was trained on.
"""

from __future__ import annotations

__all__ = ["EMBEDDING", "SPEC", "SPEC_VERSION"]

EMBEDDING = ".embedding.zarr"  # end of the folder's name
SPEC = "sleep2vec embedding"
SPEC_VERSION = 1

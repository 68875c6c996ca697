"""How well modalities found each other: the share of tokens whose nearest neighbour in another is their own."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model import checkpoint
from model.config import RunConfig
from model.data.loader import Options, open_windows
from model.encoder import Sleep2Vec
from model.projection import Projection
from schemas.errors import ModelError

__all__ = ["alignment", "share_aligned"]

FILE = "alignment.json"


def share_aligned(a: Tensor, b: Tensor, valid: Tensor) -> tuple[int, int]:
    """Count tokens of ``a`` that are most similar to their own window's in ``b``, at the same time.

    Parameters
    ----------
    a, b : Tensor, shape (B, T, D)
        Of unit length.
    valid : Tensor, shape (B, T), bool
        Where both are valid; others are no candidates either.

    Returns
    -------
    tuple of (n_right, n)
    """
    similarity = torch.einsum("itd,jtd->tij", a, b)  # (T, B, B)
    similarity = similarity.masked_fill(~valid.T[:, None, :], -torch.inf)
    best = similarity.argmax(dim=2)  # (T, B)
    right = (best == torch.arange(len(a), device=a.device)) & valid.T
    return int(right.sum()), int(valid.sum())


@torch.no_grad()
def alignment(
    path: Path, shards: Path, *, split: str = "val", n_window: int = 32, n_batch: int = 8, device: str = "cpu"
) -> dict[str, Any]:
    """Measure a run on windows that it has not seen, and write the result beside its checkpoints.

    Parameters
    ----------
    split : str
        ``train`` is taken where the set has no such split.
    n_window : int
        Windows that compete, or as many as there are.

    Returns
    -------
    dict
        ``accuracy`` by pair, ``chance``, and what they are of.
    """
    tensors, facts = checkpoint.load(path)
    run = RunConfig.from_json(facts["config"])
    network, head = Sleep2Vec(run.model), Projection(run.model)
    for module, part in ((network, "average"), (head, "head")):
        checkpoint.fill(module, tensors, part)
        module.to(device).eval()
    if not facts["data"].get("splits", {split: 1}).get(split):
        split = "train"
    options = Options(split=split, modalities=run.model.modalities, device=device)
    loader = open_windows(shards, window=run.optim.window, batch=n_window, seed=run.seed, options=options)
    counts = {pair: np.zeros(2, np.int64) for pair in combinations(run.model.modalities, 2)}
    n_seen = 0
    for _, batch in zip(range(n_batch), loader, strict=False):
        n_seen = max(n_seen, len(batch.recording))
        tokens = {
            m: head(network(m, batch.samples[m], batch.valid[m])[:, 1:], batch.valid[m]) for m in batch.samples
        }
        for (a, b), own in counts.items():
            own += share_aligned(tokens[a].float(), tokens[b].float(), batch.valid[a] & batch.valid[b])
    accuracy = {f"{a}-{b}": float(n_right / n) for (a, b), (n_right, n) in counts.items() if n}
    if not accuracy:
        raise ModelError("no two modalities are valid together", saw=f"split {split}", do="Look at the set's card.")
    found = {"split": split, "n_window": n_seen, "chance": 1 / n_seen, "accuracy": accuracy}
    (path.parent / FILE).write_text(json.dumps(found, indent=1), "utf-8")
    return found

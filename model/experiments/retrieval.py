"""Cross-modal retrieval: a window of one modality looks for itself among windows of another."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model import checkpoint
from model.config import RunConfig
from model.data.loader import Options, open_windows
from model.experiments.embeddings import open_network
from model.experiments.lab import Lab
from model.experiments.result import Chart, Result
from model.projection import Projection

__all__ = ["Settings", "ranks", "run"]


@dataclass(frozen=True)
class Settings:
    """How many windows compete."""

    n_window: int = 64


def run(lab: Lab, settings: Settings) -> Result:
    """Return how often a window finds itself first and among five, and the median place, for every ordered pair."""
    tokens, valid = _projected(lab, lab.pretrained(lab.plan.seeds[0]), settings.n_window)
    rows: list[dict[str, Any]] = []
    for a, b in permutations(tokens, 2):
        place = ranks(tokens[a], tokens[b], valid[a] & valid[b])
        if len(place):
            found = {"first": (place == 0).double().mean(), "among_five": (place < 5).double().mean()}
            median = place.double().median() + 1
            facts = {name: float(value) for name, value in (found | {"median_place": median}).items()}
            rows.append({"pair": f"{a} to {b}"} | facts | {"n": len(place), "chance": 1 / len(place)})
    return Result(rows, Chart("bar", "pair", "first"))


def ranks(a: Tensor, b: Tensor, valid: Tensor) -> Tensor:
    """Return the place, from 0, at which every window's own partner comes.

    Parameters
    ----------
    a, b : Tensor, shape (B, T, D)
        Of unit length; two windows are as similar as their tokens at the same times, where both are valid.
    valid : Tensor, shape (B, T), bool

    Returns
    -------
    Tensor, shape (n,), int64
        Of the windows with a token valid in both.
    """
    both = (valid[:, None] & valid[None]).to(a.dtype)  # (B, B, T)
    similarity = torch.einsum("itd,jtd,ijt->ij", a, b, both) / both.sum(dim=2).clamp(min=1)
    own = valid.any(dim=1)
    similarity = similarity[own][:, own]
    return (similarity > similarity.diagonal()[:, None]).sum(dim=1)


@torch.no_grad()
def _projected(lab: Lab, path: Path, n_window: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    tensors, facts = checkpoint.load(path)
    run = RunConfig.from_json(facts["config"])
    network, head = open_network(path).to(lab.device), Projection(run.model)
    checkpoint.fill(head, tensors, "head")
    head.to(lab.device).eval()
    options = Options(split=lab.plan.split, modalities=lab.modalities, device=lab.device)
    batch = next(iter(open_windows(lab.shards, window=run.optim.window, batch=n_window, options=options)))
    tokens = {m: head(network(m, x, batch.valid[m])[:, 1:], batch.valid[m]) for m, x in batch.samples.items()}
    return tokens, dict(batch.valid)

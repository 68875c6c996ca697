"""Maps of embeddings: nights by their [CLS], and the way of some nights through their epochs (t-SNE)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model.experiments.embeddings import embed_nights, open_network
from model.experiments.lab import Lab
from model.experiments.result import Chart, Result
from schemas.errors import ModelError
from schemas.vocabulary import Stage

__all__ = ["Settings", "flat", "run"]


@dataclass(frozen=True)
class Settings:
    """What is drawn.

    Parameters
    ----------
    of : {"nights", "epochs"}
    color : {"site", "sex", "age_decade", "stage", "night"}
        ``stage`` and ``night``, which draws each night's way, are of epochs; the others of nights.
    n_night : int
        Nights whose epochs are drawn.
    """

    of: str = "nights"
    color: str = "site"
    n_night: int = 4
    perplexity: float = 20.0
    draw_seed: int = 0


def run(lab: Lab, settings: Settings) -> Result:
    """Return a place in the plane for every night, or for every epoch of some nights in their order."""
    rows, vectors = (_nights if settings.of == "nights" else _epochs)(lab, settings)
    if settings.color not in rows[0]:
        raise ModelError("nothing to color by", saw=settings.color, expected=", ".join(rows[0]))
    places = flat(vectors, settings.perplexity, settings.draw_seed)
    placed = [row | {"x": float(x), "y": float(y)} for row, (x, y) in zip(rows, places, strict=True)]
    kind: Any = "path" if settings.color == "night" and settings.of == "epochs" else "point"
    return Result(placed, Chart(kind, "x", "y", by=settings.color), {"of": settings.of})


def flat(vectors: NDArray[np.float64], perplexity: float, seed: int) -> NDArray[np.float64]:
    """Return t-SNE in two dimensions, begun at principal components (van der Maaten & Hinton 2008)."""
    from sklearn.manifold import TSNE

    fitting = min(perplexity, (len(vectors) - 1) / 3)
    return np.asarray(TSNE(perplexity=fitting, init="pca", random_state=seed).fit_transform(vectors), np.float64)


def _nights(lab: Lab, settings: Settings) -> tuple[list[dict[str, Any]], NDArray[np.float64]]:
    network = open_network(lab.pretrained(lab.plan.seeds[0]))
    own = embed_nights(network, lab.shards, lab.plan.split, modalities=lab.modalities, device=lab.device)
    rows = [
        {
            "night": night,
            "site": int(own.site[night]),
            "sex": int(own.sex[night]),
            "age_decade": int(own.age_years[night] // 10 * 10) if np.isfinite(own.age_years[night]) else -1,
        }
        for night in range(len(own.vector))
    ]
    return rows, own.vector[:, : network.config.width]  # [CLS]; the rest are mean tokens


def _epochs(lab: Lab, settings: Settings) -> tuple[list[dict[str, Any]], NDArray[np.float64]]:
    network = open_network(lab.pretrained(lab.plan.seeds[0])).to(lab.device)
    rows: list[dict[str, Any]] = []
    vectors = []
    for night, batch in zip(range(settings.n_night), lab.nights(batch=1), strict=False):
        valid = torch.stack(list(batch.valid.values()))[:, 0]  # (M, T)
        with torch.no_grad():
            tokens = torch.stack(
                [network(m, x, batch.valid[m])[0, 1:] for m, x in batch.samples.items()]
            )  # (M, T, W)
        known = valid.any(dim=0)  # (T,), of tokens (M, T, W)
        mean = tokens.sum(dim=0) / valid.sum(dim=0).clamp(min=1)[:, None]  # (T, W); what is not valid is 0
        vectors.append(mean[known].double().cpu().numpy())
        for epoch in known.nonzero().flatten().tolist():
            stage = int(batch.labels["stage"][0, epoch])
            rows.append({"night": night, "epoch": epoch, "stage": Stage(stage).name})
    return rows, np.concatenate(vectors)

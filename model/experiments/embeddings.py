"""One vector a night, and what can be read from it by a straight line: age, sex, site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from model.data.loader import Options, open_nights
from model.embed import open_encoder
from model.encoder import Sleep2Vec

__all__ = ["Embedded", "classify", "embed_nights", "open_network", "regress"]

Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class Embedded:
    """Nights of a split.

    Parameters
    ----------
    vector : ndarray, shape (n_recording, 2 W), float64
        Mean [CLS] and mean token, over the modalities that the night has.
    subject, sex, site : ndarray, shape (n_recording,), int64
        -1 where unknown.
    age_years : ndarray, shape (n_recording,), float64
    """

    vector: Vectors
    subject: NDArray[np.int64]
    age_years: NDArray[np.float64]
    sex: NDArray[np.int64]
    site: NDArray[np.int64]


def open_network(path: Path) -> Sleep2Vec:
    """Return the averaged network of a pre-training run."""
    return open_encoder(path).network


@torch.no_grad()
def embed_nights(
    network: Sleep2Vec, shards: Path, split: str, *, modalities: Sequence[str] | None = None, device: str = "cpu"
) -> Embedded:
    """Return one vector a night of a split."""
    network.to(device)
    options = Options(split=split, modalities=modalities or network.config.modalities, device=device)
    rows, people = [], []
    for batch in open_nights(shards, labels=(), options=options):
        own = []
        for name, samples in batch.samples.items():
            valid = batch.valid[name]  # (1, T)
            if valid.any():
                encoded = network(name, samples, valid)[0]  # (1 + T, W)
                own.append(torch.cat([encoded[0], encoded[1:][valid[0]].mean(dim=0)]))
        rows.append(torch.stack(own).mean(dim=0).double().cpu().numpy())
        who = batch.metadata
        people.append([float(x[0]) for x in (who.subject, who.age_years, who.sex, who.site)])
    subject, age, sex, site = np.array(people).T
    return Embedded(np.stack(rows), *(subject.astype(np.int64), age, sex.astype(np.int64), site.astype(np.int64)))


def regress(train: Vectors, target: NDArray[np.float64], test: Vectors) -> NDArray[np.float64]:
    """Return a number read by ridge regression, its strength chosen by leave-one-out on ``train``.

    Rows whose target is not finite do not count.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    known = np.isfinite(target)
    line = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 5, 15)))
    return np.asarray(line.fit(train[known], target[known]).predict(test), np.float64)


def classify(train: Vectors, target: NDArray[np.int64], test: Vectors) -> NDArray[np.int64]:
    """Return a class read by logistic regression; rows whose target is below 0 do not count."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    line = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    return np.asarray(line.fit(train[target >= 0], target[target >= 0]).predict(test), np.int64)

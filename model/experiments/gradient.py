"""How much of the loss's pull comes from negatives of the anchor's own site: measured, and by the formula.

The pull of candidate j on anchor i is the derivative of the loss by their similarity. By the formula it is
p_ij / τ with p_ij = ω_ij exp((s_ij − γ ψ_ij) / τ) over the sum of these, so the site's share among an anchor's
negatives is Σ_same p / Σ p; where all similarities are equal that is Σ_same α / Σ α.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from model.batch import Metadata
from model.config import LossConfig
from model.loss import dash_info_nce

__all__ = ["formula_share", "measured_share"]


def measured_share(a: Tensor, b: Tensor, metadata: Metadata, config: LossConfig) -> float:
    """Return the share of same-site negatives in the pull on anchors, as autograd has it.

    A gradient by candidate j is a sum of anchors, each times its pull; linearly independent anchors give the pulls
    back.

    Parameters
    ----------
    a, b : Tensor, shape (B, D)
        Unit vectors of two modalities at one time; B at most D, and linearly independent.

    Returns
    -------
    float
        Over both directions and all anchors.
    """
    leaf = b.double().requires_grad_()
    valid = torch.ones(len(a), 1, dtype=torch.bool)
    loss = dash_info_nce(a.double()[:, None], leaf[:, None], valid, valid, metadata, config)
    (gradient,) = torch.autograd.grad(loss, leaf)  # (B, D): row j is the sum over i of pull_ij times a_i
    pull = torch.linalg.lstsq(a.detach().double().T, gradient.T).solution  # (B, B), both directions
    return _share(pull.detach(), metadata)


def formula_share(a: Tensor, b: Tensor, metadata: Metadata, config: LossConfig) -> float:
    """Return the same by the formula, written as loops over anchors and negatives in double precision."""
    n = len(a)
    pull = torch.zeros(n, n, dtype=torch.float64)
    for x, y, is_back in ((a, b, False), (b, a, True)):
        similarity = (x.double() @ y.double().T).tolist()
        for i in range(n):
            weight = [_alpha(metadata, i, j, config) if j != i else 0.0 for j in range(n)]
            scale = (n - 1) / sum(weight)
            logit = [_logit(similarity[i][j], metadata, i, j, config) for j in range(n)]
            terms = [scale * w * math.exp(z) for w, z in zip(weight, logit, strict=True)]
            terms[i] = math.exp(similarity[i][i] / config.temperature)
            for j in range(n):
                if j != i:
                    pull[(j, i) if is_back else (i, j)] += terms[j] / sum(terms)
    return _share(pull, metadata)


def _alpha(metadata: Metadata, i: int, j: int, config: LossConfig) -> float:
    """Return the weight of a pair whose age, sex and site are known."""
    alpha = 1.0
    if config.age_years is not None:
        alpha *= math.exp(-abs(float(metadata.age_years[i] - metadata.age_years[j])) / config.age_years)
    if config.sex is not None:
        alpha *= config.sex[int(metadata.sex[i] != metadata.sex[j])]
    if config.site is not None:
        alpha *= config.site[int(metadata.site[i] != metadata.site[j])]
    return alpha + config.epsilon * bool(metadata.subject[i] == metadata.subject[j])


def _logit(similarity: float, metadata: Metadata, i: int, j: int, config: LossConfig) -> float:
    margin = config.margin if metadata.subject[i] == metadata.subject[j] else 0.0
    return (similarity - margin) / config.temperature


def _share(pull: Tensor, metadata: Metadata) -> float:
    other = ~torch.eye(len(pull), dtype=torch.bool)
    same = (metadata.site[:, None] == metadata.site[None, :]) & other
    return float(pull[same].sum() / pull[other].sum())

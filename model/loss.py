"""DASH-InfoNCE: tokens of two modalities at the same time of the same night belong together.

For anchor i and token t, with s the cosine similarity, τ the temperature and j over the batch:

    ℓ(i, t) = −log  exp(s_iit / τ) / Σ_j ω_ij · exp((s_ijt − γ ψ_ij) / τ)

Negatives that resemble the anchor in age, sex and site weigh more (ω), so that none of these is a shortcut;
negatives of the same subject at another position lose the margin γ (ψ = 1). The positive has ω = 1 and ψ = 0.
A factor that cannot be known, because age, sex or site is missing on either side, is the mean of the anchor's known
ones: it neither favours nor drops the negative. Weights have mean 1 over an anchor's valid negatives, so that
homogeneous metadata give InfoNCE.

Source: arXiv 2602.13857.
"""

from __future__ import annotations

import torch
from torch import Tensor

from model.batch import Metadata
from model.config import LossConfig

__all__ = ["dash_info_nce", "negative_weights"]

UNKNOWN = -1  # code of a sex or site that nobody knows


def negative_weights(metadata: Metadata, config: LossConfig) -> tuple[Tensor, Tensor]:
    """Return the weights of all pairs before normalisation, and which pairs are of one subject.

    Returns
    -------
    alpha : Tensor, shape (B, B), float32
    same_subject : Tensor, shape (B, B), bool
    """
    same_subject = metadata.subject[:, None] == metadata.subject[None, :]
    alpha = torch.ones(same_subject.shape, device=same_subject.device)
    if config.age_years is not None:
        distance = (metadata.age_years[:, None] - metadata.age_years[None, :]).abs().float()
        alpha = alpha * _neutral_where_unknown(torch.exp(-distance / config.age_years), distance.isfinite())
    for factors, codes in ((config.sex, metadata.sex), (config.site, metadata.site)):
        if factors is not None:
            a, b = codes[:, None], codes[None, :]
            factor = torch.where(a == b, factors[0], factors[1])
            alpha = alpha * _neutral_where_unknown(factor, (a != UNKNOWN) & (b != UNKNOWN))
    return alpha + config.epsilon * same_subject, same_subject


def _neutral_where_unknown(factor: Tensor, known: Tensor) -> Tensor:
    """Replace unknown factors by the mean of the anchor's known ones, itself left out; 1 where it has none."""
    others = known & ~_self(known)
    n_known = others.sum(dim=1, keepdim=True)
    mean = torch.where(others, factor, 0).sum(dim=1, keepdim=True) / n_known.clamp(min=1)
    return torch.where(known, factor, torch.where(n_known > 0, mean, 1.0))


def _self(pairs: Tensor) -> Tensor:
    """Return which pairs are an anchor with its own window: the diagonal."""
    return torch.eye(*pairs.shape, dtype=torch.bool, device=pairs.device)


def dash_info_nce(
    a: Tensor,
    b: Tensor,
    valid_a: Tensor,
    valid_b: Tensor,
    metadata: Metadata,
    config: LossConfig,
) -> Tensor:
    """Return the loss of one pair of modalities, the mean of both directions and of all valid tokens.

    Parameters
    ----------
    a, b : Tensor, shape (B, T, D)
        Projected tokens of unit length.
    valid_a, valid_b : Tensor, shape (B, T), bool
        A token counts where both are valid; a negative where it is valid in its own modality.

    Returns
    -------
    Tensor, scalar, float32
        0 where no token has a partner.
    """
    alpha, same_subject = negative_weights(metadata, config)
    valid = valid_a & valid_b  # (B, T)
    there = _direction(a, b, valid, valid_b, alpha, same_subject, config)
    back = _direction(b, a, valid, valid_a, alpha, same_subject, config)
    return (there + back) / 2


def _direction(
    anchor: Tensor,
    candidate: Tensor,
    valid: Tensor,
    valid_candidate: Tensor,
    alpha: Tensor,
    same_subject: Tensor,
    config: LossConfig,
) -> Tensor:
    """(B, T, D) against (B, T, D), the anchors' partners on the diagonal."""
    similarity = torch.einsum("itd,jtd->tij", anchor.float(), candidate.float())  # (T, B, B)
    is_positive = _self(alpha)  # (B, B)
    is_negative = valid_candidate.T[:, None, :] & ~is_positive  # (T, B, B)
    total = (alpha * is_negative).sum(dim=2, keepdim=True)  # (T, B, 1)
    n_negative = is_negative.sum(dim=2, keepdim=True)
    weight = torch.where(is_negative, alpha * n_negative / total.clamp(min=1e-30), 0.0)  # mean 1 over negatives
    weight = torch.where(is_positive, 1.0, weight)
    logit = (similarity - config.margin * (same_subject & ~is_positive)) / config.temperature
    logit = torch.where(weight > 0, logit + weight.clamp(min=1e-30).log(), -torch.inf)
    positive = similarity.diagonal(dim1=1, dim2=2) / config.temperature  # (T, B)
    loss = torch.logsumexp(logit, dim=2) - positive  # (T, B)
    counted = valid.T
    return torch.where(counted, loss, 0.0).sum() / counted.sum().clamp(min=1)

"""DASH-InfoNCE against a slow reference written from the formula, in loops and float64."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from model.batch import Metadata
from model.config import LossConfig
from model.loss import dash_info_nce, negative_weights

DASH = LossConfig()
NAN = float("nan")


def _units(*shape: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(*shape), dim=-1)


def _metadata(n: int = 6) -> Metadata:
    """Six windows: two of one person, one of unknown age and sex, one of unknown site."""
    return Metadata(
        subject=torch.tensor([0, 0, 1, 2, 3, 4])[:n],
        age_years=torch.tensor([50.0, 50.0, 61.0, NAN, 20.0, 55.0])[:n],
        sex=torch.tensor([0, 0, 1, -1, 1, 0])[:n],
        site=torch.tensor([0, 0, 1, 1, -1, 0])[:n],
    )


def _alone(n: int) -> Metadata:
    """Everybody alike, all of different subjects."""
    same = torch.zeros(n, dtype=torch.int64)
    return Metadata(torch.arange(n), torch.full((n,), 40.0), same, same)


def _weight(m: Metadata, i: int, j: int, c: LossConfig) -> float:
    """α_ij by hand."""

    def mean(values: list[float | None]) -> float:
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known else 1.0

    def age(a: int, b: int) -> float | None:
        d = abs(float(m.age_years[a]) - float(m.age_years[b]))
        return None if math.isnan(d) else math.exp(-d / c.age_years)

    def code(values: torch.Tensor, factors: tuple[float, float], a: int, b: int) -> float | None:
        if values[a] < 0 or values[b] < 0:
            return None
        return factors[0] if values[a] == values[b] else factors[1]

    product = 1.0
    others = [k for k in range(len(m.subject)) if k != i]
    for factor in (
        None if c.age_years is None else age,
        None if c.sex is None else lambda a, b: code(m.sex, c.sex, a, b),
        None if c.site is None else lambda a, b: code(m.site, c.site, a, b),
    ):
        if factor is not None:
            own = factor(i, j)
            product *= mean([factor(i, k) for k in others]) if own is None else own
    return product + c.epsilon * float(m.subject[i] == m.subject[j])


def _reference(a: np.ndarray, b: np.ndarray, va: np.ndarray, vb: np.ndarray, m: Metadata, c: LossConfig) -> float:
    """One direction, term by term."""
    losses = []
    for t in range(a.shape[1]):
        for i in range(len(a)):
            if not (va[i, t] and vb[i, t]):
                continue
            negatives = [j for j in range(len(b)) if j != i and vb[j, t]]
            alpha = [_weight(m, i, j, c) for j in negatives]
            positive = math.exp(a[i, t] @ b[i, t] / c.temperature)
            total = positive
            for j, weight in zip(negatives, alpha, strict=True):
                margin = c.margin * float(m.subject[i] == m.subject[j])
                omega = weight * len(negatives) / sum(alpha)
                total += omega * math.exp((a[i, t] @ b[j, t] - margin) / c.temperature)
            losses.append(-math.log(positive / total))
    return sum(losses) / len(losses)


@pytest.mark.parametrize(
    "config",
    [
        DASH,
        DASH.plain(),
        replace(DASH, age_years=None),
        replace(DASH, sex=None),
        replace(DASH, site=None),
        replace(DASH, margin=0.0),
        replace(DASH, epsilon=0.5, temperature=0.07),
    ],
)
def test_against_loops(config: LossConfig) -> None:
    """Value for value, with padding, missing modalities and unknown metadata, whichever term is switched off."""
    torch.manual_seed(0)
    a, b = _units(6, 4, 8), _units(6, 4, 8)
    va, vb = torch.rand(6, 4) > 0.2, torch.rand(6, 4) > 0.2
    m = _metadata()
    doubles = [x.double().numpy() for x in (a, b)]
    masks = [x.numpy() for x in (va, vb)]
    expected = (_reference(*doubles, *masks, m, config) + _reference(*doubles[::-1], *masks[::-1], m, config)) / 2
    assert float(dash_info_nce(a, b, va, vb, m, config)) == pytest.approx(expected, abs=1e-5)


def test_homogeneous_metadata_give_info_nce() -> None:
    """Where all are alike DASH is cross entropy over the batch."""
    torch.manual_seed(1)
    a, b = _units(5, 3, 8), _units(5, 3, 8)
    valid = torch.ones(5, 3, dtype=torch.bool)
    logits = torch.einsum("itd,jtd->tij", a, b) / DASH.temperature
    target = torch.arange(5).expand(3, 5)
    cross = [torch.nn.functional.cross_entropy(x.reshape(15, 5), target.reshape(15)) for x in (logits, logits.mT)]
    found = dash_info_nce(a, b, valid, valid, _alone(5), DASH)
    assert float(found) == pytest.approx(float(sum(cross) / 2), abs=1e-6)


def test_unknown_metadata_are_neutral() -> None:
    """With nothing known DASH is InfoNCE, and one unknown negative keeps the mean weight."""
    torch.manual_seed(2)
    a, b = _units(5, 3, 8), _units(5, 3, 8)
    valid = torch.ones(5, 3, dtype=torch.bool)
    nobody = Metadata(torch.arange(5), torch.full((5,), NAN), torch.full((5,), -1), torch.full((5,), -1))
    plain = dash_info_nce(a, b, valid, valid, nobody, DASH.plain())
    assert float(dash_info_nce(a, b, valid, valid, nobody, DASH)) == pytest.approx(float(plain), abs=1e-6)
    one = replace(DASH, sex=None, site=None)
    m = Metadata(torch.arange(4), torch.tensor([40.0, 40.0, 60.0, NAN]), torch.full((4,), -1), torch.full((4,), -1))
    alpha, _ = negative_weights(m, one)
    assert float(alpha[0, 3]) == pytest.approx((1 + math.exp(-1)) / 2)


def test_the_margin_acts_on_the_same_subject() -> None:
    """A larger margin lowers the loss by what the formula says, and only where a subject comes twice."""
    torch.manual_seed(3)
    a, b = _units(6, 2, 8), _units(6, 2, 8)
    valid = torch.ones(6, 2, dtype=torch.bool)
    losses = [
        float(dash_info_nce(a, b, valid, valid, _metadata(), replace(DASH, margin=margin)))
        for margin in (0.0, 0.1, 0.5)
    ]
    assert losses[0] - losses[1] > 1e-3
    assert losses[1] > losses[2]
    alone = [
        float(dash_info_nce(a, b, valid, valid, _alone(6), replace(DASH, margin=margin))) for margin in (0.0, 0.5)
    ]
    assert alone[0] == alone[1]


def test_same_site_negatives_get_their_share_of_the_gradient() -> None:
    """Equal similarities: the gradient of a negative is proportional to its weight, 1.3 to 0.8."""
    n = 5
    a = torch.zeros(n, 1, 8)
    a[..., 0] = 1
    b = a.clone().requires_grad_()
    valid = torch.ones(n, 1, dtype=torch.bool)
    sites = torch.tensor([0, 0, 0, 1, 1])
    m = Metadata(torch.arange(n), torch.full((n,), 40.0), torch.zeros(n, dtype=torch.int64), sites)
    anchor = a.clone()
    anchor[1:] = 0  # the others' similarities do not move with b
    loss = dash_info_nce(anchor, b, valid, valid, m, replace(DASH, margin=0.0))
    alpha, _ = negative_weights(m, DASH)
    omega = alpha[0, 1:] * 4 / alpha[0, 1:].sum()
    loss.backward()
    assert b.grad is not None
    there = b.grad[1:, 0, 0]
    back = _back_gradient(n, omega, alpha)
    assert (there - back)[0] / (there - back)[-1] == pytest.approx(1.3 / 0.8, rel=1e-5)


def _back_gradient(n: int, omega: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """Return what the other direction, b as anchor, adds to b[1:, 0, 0], in closed form."""
    grads = []
    for i in range(1, n):
        weights = alpha[i].clone()
        weights[i] = 0
        weights = weights * (n - 1) / weights.sum()
        weights[i] = 1
        logits = torch.zeros(n)
        logits[0] = 1 / DASH.temperature  # only anchor 0 is not zero
        share = weights * logits.exp()
        share = share / share.sum()
        grads.append(float(share[0]) / DASH.temperature / n / 2)
    return torch.tensor(grads)


def test_no_partner_no_loss() -> None:
    """A batch in which no token has both modalities costs nothing and has no NaN in its gradient."""
    a = _units(3, 2, 8).requires_grad_()
    nothing = torch.zeros(3, 2, dtype=torch.bool)
    loss = dash_info_nce(a, _units(3, 2, 8), nothing, ~nothing, _alone(3), DASH)
    loss.backward()
    assert float(loss.detach()) == 0
    assert a.grad is not None
    assert a.grad.isfinite().all()

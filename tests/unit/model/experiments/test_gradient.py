"""The share of same-site negatives in the loss's pull: closed form, measured, and by loops."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from model.batch import Metadata
from model.config import LossConfig
from model.experiments.gradient import formula_share, measured_share

SITE_ALONE = LossConfig(age_years=None, sex=None)


def _people(site: list[int], subject: list[int] | None = None) -> Metadata:
    n = len(site)
    generator = torch.Generator().manual_seed(n)
    age = 20 + 60 * torch.rand(n, generator=generator)
    own = torch.arange(n) if subject is None else torch.tensor(subject)
    return Metadata(own, age, torch.randint(0, 2, (n,), generator=generator), torch.tensor(site))


def _units(n: int, seed: int) -> torch.Tensor:
    return F.normalize(
        torch.randn(n, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)), dim=-1
    )


def test_closed_form_where_similarities_are_equal() -> None:
    """Two sites of 2 and 6 windows, all negatives equally near: 1.3 and 0.8 share the pull, or 1 and 1."""
    eye = torch.eye(8, 16, dtype=torch.float64)
    people = _people([0, 0, *[1] * 6])
    same = {0: 1, 1: 5}  # negatives of an anchor's own site, of 7
    for config, own, other in ((SITE_ALONE, 1.3, 0.8), (SITE_ALONE.plain(), 1.0, 1.0)):
        pulls, total = 0.0, 0.0
        for site, n_anchor in ((0, 2), (1, 6)):
            alpha = [own] * same[site] + [other] * (7 - same[site])
            scaled = [7 * value / sum(alpha) for value in alpha]  # mean 1 over an anchor's negatives
            below = 7 + torch.tensor(1 / config.temperature).exp().item()  # the positive has similarity 1
            pulls += n_anchor * sum(scaled[: same[site]]) / below
            total += n_anchor * sum(scaled) / below
        assert measured_share(eye, eye, people, config) == pytest.approx(pulls / total, abs=1e-6)
        assert formula_share(eye, eye, people, config) == pytest.approx(pulls / total, abs=1e-9)


@pytest.mark.parametrize("config", [LossConfig(), LossConfig().plain(), LossConfig(margin=0.4), SITE_ALONE])
def test_measured_is_the_formula(config: LossConfig) -> None:
    """Any vectors, with two windows of one subject among them."""
    people = _people([0, 1, 1, 2, 0, 2, 2, 1, 0], [0, 1, 2, 3, 0, 5, 6, 7, 8])
    a, b = _units(9, 1), _units(9, 2)
    assert measured_share(a, b, people, config) == pytest.approx(formula_share(a, b, people, config), abs=1e-5)


def test_the_site_term_moves_the_pull_to_the_own_site() -> None:
    """More of the pull is the own site's with the term than without."""
    people = _people([0, 0, 0, 1, 1, 1, 2, 2])
    a, b = _units(8, 3), _units(8, 4)
    assert measured_share(a, b, people, SITE_ALONE) > measured_share(a, b, people, SITE_ALONE.plain()) + 0.03

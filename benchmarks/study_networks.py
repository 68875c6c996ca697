"""What the study asks of pre-trained networks themselves: what a line reads from them, and where the loss pulls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.evidence import Figures

__all__ = ["gradient", "probes"]

_PAIR = ("ecg", "belt")
_N_WINDOW = 24  # at most the projection's width, so that anchors are linearly independent


def probes(path: Path, shards: Path) -> Figures:
    """Return age and site as a line reads them, for the persons that were held out.

    Returns
    -------
    dict
        By split: ``person``, and (error in years, 1) of every night; for ``test`` also (1 where the site is
        right, 1). Sites of the cohort that was left out are nobody's to know.
    """
    from model.experiments.embeddings import classify, embed_nights, open_network, regress

    network = open_network(path)
    train = embed_nights(network, shards, "train")
    found: Figures = {}
    for split in ("test", "external"):
        own = embed_nights(network, shards, split)
        error = np.abs(regress(train.vector, train.age_years, own.vector) - own.age_years)
        found[split] = {"person": own.subject.tolist(), "age": [[float(e), 1] for e in error if np.isfinite(e)]}
        if split == "test":
            right = classify(train.vector, train.site, own.vector) == own.site
            found[split]["site"] = [[int(r), 1] for r in right]
    return found


def gradient(path: Path, shards: Path, *, seed: int) -> Figures:
    """Return the share of same-site negatives in the pull on real tokens, measured and by the formula.

    Also how far DASH is from InfoNCE on them where nobody differs.
    """
    from model.config import LossConfig
    from model.experiments.gradient import formula_share, measured_share
    from model.loss import dash_info_nce

    z, who = _tokens(path, shards, seed)
    dash = LossConfig()
    found: Figures = {"n_window": len(who.subject)}
    for name, config in (("dash", dash), ("infonce", dash.plain())):
        measured, formula = measured_share(*z, who, config), formula_share(*z, who, config)
        found[name] = {"measured": measured, "formula": formula, "deviation": abs(measured - formula)}
    n = len(who.subject)
    alike = type(who)(
        torch.arange(n),
        torch.full((n,), 50.0),
        torch.zeros(n, dtype=torch.int64),
        torch.zeros(n, dtype=torch.int64),
    )
    valid = torch.ones(n, 1, dtype=torch.bool)
    losses = [
        float(dash_info_nce(z[0][:, None], z[1][:, None], valid, valid, alike, config))
        for config in (dash, dash.plain())
    ]
    return found | {"homogeneous_deviation": abs(losses[0] - losses[1])}


@torch.no_grad()
def _tokens(path: Path, shards: Path, seed: int) -> tuple[tuple[torch.Tensor, torch.Tensor], Any]:
    """Return projected tokens of a pair of modalities at one time, each (B, D), and whose they are."""
    from model import checkpoint
    from model.config import RunConfig
    from model.data.loader import Options, open_windows
    from model.experiments.embeddings import open_network
    from model.projection import Projection

    tensors, facts = checkpoint.load(path)
    run = RunConfig.from_json(facts["config"])
    head = Projection(run.model)
    head.load_state_dict({k.removeprefix("head/"): v for k, v in tensors.items() if k.startswith("head/")})
    network, options = open_network(path), Options(modalities=_PAIR)
    batch = next(iter(open_windows(shards, window=run.optim.window, batch=_N_WINDOW, seed=seed, options=options)))
    both = batch.valid[_PAIR[0]] & batch.valid[_PAIR[1]]  # (B, T)
    token = int(both.sum(dim=0).argmax())  # the time at which most windows have both
    rows = both[:, token]
    z = [head.eval()(network(m, batch.samples[m], batch.valid[m])[:, 1:], batch.valid[m]) for m in _PAIR]
    who = type(batch.metadata)(*(getattr(batch.metadata, f)[rows] for f in ("subject", "age_years", "sex", "site")))
    return (z[0][rows, token], z[1][rows, token]), who

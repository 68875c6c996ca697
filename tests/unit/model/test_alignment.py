"""Tokens that find their own among those of another modality: counted by hand and by loops."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations, islice
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from model import checkpoint
from model.alignment import alignment, share_aligned
from model.config import PRESETS
from model.data.loader import Options, open_windows
from model.pretrain import Trainer
from tests.made_set import MODALITIES, made_night, made_set

WINDOW = 10


def test_equal_tokens_find_themselves_exchanged_ones_do_not() -> None:
    """Equal vectors in two modalities all find themselves; exchanged between two windows none does."""
    a = torch.eye(4).reshape(4, 1, 4).expand(4, 3, 4).contiguous()
    valid = torch.ones(4, 3, dtype=torch.bool)
    assert share_aligned(a, a, valid) == (12, 12)
    assert share_aligned(a, a[[1, 0, 2, 3]], valid) == (6, 12)
    valid[0] = False
    assert share_aligned(a, a, valid) == (9, 9)


def test_the_first_modality_looks_among_tokens_of_the_second() -> None:
    """Two of three are nearest to the middle one, which is a matter of rows: every column has its own."""
    similarity = torch.tensor([[0.5, 0.6, 0.0], [0.0, 0.9, 0.0], [0.0, 0.6, 0.5]])
    a, b = F.normalize(similarity, dim=1)[:, None], torch.eye(3)[:, None]
    valid = torch.ones(3, 1, dtype=torch.bool)
    assert share_aligned(a, b, valid) == (1, 3)
    assert share_aligned(b, a, valid) == (3, 3)


def test_tokens_are_compared_at_the_same_time() -> None:
    """Windows that hold the same vectors at different times are told apart at every time."""
    turned = torch.stack([torch.eye(4).roll(k, dims=1) for k in range(4)], dim=1)  # (window, time, 4)
    assert share_aligned(turned, turned, torch.ones(4, 4, dtype=torch.bool)) == (16, 16)
    assert share_aligned(turned, turned.roll(1, dims=1), torch.ones(4, 4, dtype=torch.bool)) == (0, 16)


def test_what_is_not_valid_is_neither_asked_nor_found() -> None:
    """A token that is nearer, but lost, is no candidate; a time at which all are lost does not count."""
    near, own = torch.tensor([1.0, 0.0]), F.normalize(torch.tensor([1.0, 0.5]), dim=0)
    a = torch.stack([near, near])[:, None].expand(2, 2, 2)
    b = torch.stack([own, near])[:, None].expand(2, 2, 2)
    valid = torch.tensor([[True, False], [True, False]])
    assert share_aligned(a, b, valid) == (1, 2)
    valid[1, 0] = False
    assert share_aligned(a, b, valid) == (1, 1)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nights of four montages for training, and two with everything that six windows fit into."""
    val = [made_night(20 + k, 35, MODALITIES) for k in range(2)]
    return made_set(tmp_path_factory.mktemp("alignment") / "set", val=val)


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    """A network that nobody has trained."""
    tiny = PRESETS["tiny"]
    model = replace(tiny.model, modalities=tuple(map(str, MODALITIES)), n_layer=1, width=16, token_width=16)
    return Trainer(replace(tiny, model=model, optim=replace(tiny.optim, window=WINDOW)))


@pytest.fixture(scope="module")
def run(trainer: Trainer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its checkpoint."""
    facts = {"config": trainer.run.to_json(), "data": {"splits": {"train": 8, "val": 2}}}
    return checkpoint.save(tmp_path_factory.mktemp("run"), 1, trainer.tensors(), facts)


@torch.no_grad()
def test_a_run_is_measured_where_both_modalities_are_there(shards: Path, run: Path, trainer: Trainer) -> None:
    """Token by token in loops, over nights that lack modalities and epochs."""
    network, head = trainer.average, trainer.head.eval()
    n, n_right = Counter[str](), Counter[str]()
    for batch in islice(open_windows(shards, window=WINDOW, batch=8, seed=trainer.run.seed, options=Options()), 2):
        z = {m: head(network(m, x, batch.valid[m])[:, 1:], batch.valid[m]) for m, x in batch.samples.items()}
        for a, b in combinations(z, 2):
            both = batch.valid[a] & batch.valid[b]
            for i, t in both.nonzero().tolist():
                found = {j: float(z[a][i, t] @ z[b][j, t]) for j in range(len(both)) if both[j, t]}
                n[f"{a}-{b}"] += 1
                n_right[f"{a}-{b}"] += max(found, key=found.__getitem__) == i
    said = alignment(run, shards, split="train", n_window=8, n_batch=2)
    assert said["accuracy"] == pytest.approx({pair: n_right[pair] / n[pair] for pair in n})
    assert said["chance"] == 1 / 8


def test_chance_is_that_of_the_windows_that_there_are(shards: Path, run: Path) -> None:
    """Where 32 are asked for and six are there, one of six is right by chance."""
    said = alignment(run, shards)
    assert (said["split"], said["n_window"], said["chance"]) == ("val", 6, 1 / 6)

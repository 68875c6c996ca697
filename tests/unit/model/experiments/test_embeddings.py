"""Vectors of nights, and what is read from them beside a guess."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model import checkpoint
from model.config import RunConfig
from model.data import open_nights
from model.data.loader import Options
from model.experiments import leakage
from model.experiments.embeddings import embed_nights, open_network
from model.experiments.lab import Lab, Plan
from model.pretrain import Trainer
from tests.made_set import LENGTHS, MODALITIES, MONTAGES, made_night, made_set
from tests.model_batches import tiny_run

NAMES = tuple(map(str, MODALITIES))


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight nights of persons of 40 to 47 years for training, four of 60 to 63 for the test."""
    test = [made_night(20 + k, 30, MODALITIES) for k in range(4)]
    return made_set(tmp_path_factory.mktemp("embeddings") / "set", test=test)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that nobody has trained."""
    config: RunConfig = replace(tiny_run(), model=replace(tiny_run().model, modalities=NAMES))
    out = tmp_path_factory.mktemp("run")
    checkpoint.save(out, 1, Trainer(config).tensors(), {"config": config.to_json()})
    return out


@torch.no_grad()
def test_a_vector_is_the_mean_over_what_a_night_has(shards: Path, run: Path) -> None:
    """[CLS] and the mean of the valid tokens, over the modalities of its montage; its person's age goes with it."""
    network = open_network(run)
    found = embed_nights(network, shards, "train")
    assert found.age_years.tolist() == [40.0 + k for k in range(len(LENGTHS))]
    assert found.sex.tolist() == [(0, 1, -1)[k % 3] for k in range(len(LENGTHS))]
    for number, batch in enumerate(open_nights(shards, labels=(), options=Options(modalities=NAMES))):
        own = []
        for name in map(str, MONTAGES[number % 4]):
            encoded = network(name, batch.samples[name], batch.valid[name])[0]
            tokens = [encoded[1 + t] for t in batch.valid[name][0].nonzero()[:, 0].tolist()]
            own.append(torch.cat([encoded[0], sum(tokens, torch.zeros(())) / len(tokens)]))
        np.testing.assert_allclose(found.vector[number], (sum(own) / len(own)).numpy(), atol=1e-5)


class _Bench(Lab):
    """Has one network, whatever is asked for."""

    def pretrained(self, *_: object, **__: object) -> Path:
        return self.out


def test_a_guess_knows_the_persons_of_training_alone(shards: Path, run: Path) -> None:
    """Their median age, 43.5 years, is 18 from that of the test; a class is guessed by how many there are."""
    rows = leakage.run(_Bench(Plan(modalities=NAMES), shards, run), leakage.Settings(is_compared=False)).rows
    age = next(row for row in rows if row["what"] == "age")
    assert age["guessed_error_years"] == 18.0
    assert age["score"] == pytest.approx(1 - age["error_years"] / 18.0)
    assert age["n"] == 4
    sex = next(row for row in rows if row["what"] == "sex")
    assert (sex["guessed"], sex["n"]) == (0.5, 2)

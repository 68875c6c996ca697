"""Subsets: all of them, each as the model would answer it alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model.config import PRESETS, ModelConfig
from model.downstream import Downstream
from model.evaluate import answer
from model.experiments.subsets import drawn_subsets, every_subset, score_subsets, subset_name
from model.metrics import confusion
from model.tasks import task
from schemas.errors import ModelError
from tests.model_batches import batch_of

MODALITIES = ("ibi", "resp", "spo2")


def _model(name: str = "stage5") -> Downstream:
    tiny = PRESETS["tiny"].model
    config = ModelConfig(MODALITIES, tiny.token_width, tiny.width, 1, tiny.n_head, tiny.ffn_width)
    return Downstream(config, task(name))


def test_nine_modalities_have_511_subsets() -> None:
    """Smallest first, no two alike; a draw is some of them, the same for the same seed."""
    nine = [f"m{k}" for k in range(9)]
    subsets = every_subset(nine)
    assert len(set(subsets)) == len(subsets) == 2**9 - 1
    assert subsets[0] == ("m0",)
    assert subsets[-1] == tuple(nine)
    drawn = drawn_subsets(nine, 20, seed=1)
    assert drawn == drawn_subsets(nine, 20, seed=1) != drawn_subsets(nine, 20, seed=2)
    assert set(drawn) < set(subsets)
    assert drawn_subsets(MODALITIES, 20, seed=1) == every_subset(MODALITIES)
    assert subset_name(("ibi", "resp")) == "ibi+resp"


def test_one_encoding_answers_as_each_subset_alone() -> None:
    """Matrices are those of `answer` with that subset; lost tokens count only where something else is there."""
    model, batch = _model(), batch_of(MODALITIES)
    batch.valid["ibi"][:, :3] = False
    batch.valid["resp"][1] = False
    found = score_subsets(model, [batch, batch], every_subset(MODALITIES))
    assert found.recording == [*range(6), *range(6)]
    for subset, counts in found.counts.items():
        alone = answer(model, [batch, batch], subset)
        whole = sum(confusion(t, p.argmax(1), 5) for t, p in zip(alone.truth, alone.probability, strict=True))
        assert np.array_equal(counts.sum(axis=0), whole)


def test_what_cannot_be_judged_is_an_error(tmp_path: Path) -> None:
    """Tasks of nights, modalities that nobody was trained with, and no night at all."""
    with pytest.raises(ModelError, match="tasks of epochs"):
        score_subsets(_model("age"), [batch_of(MODALITIES)], [("ibi",)])
    with pytest.raises(ModelError, match="not trained with a modality"):
        score_subsets(_model(), [batch_of(MODALITIES)], [("eeg",)])
    with pytest.raises(ModelError, match="no night to judge"):
        score_subsets(_model(), [], [("ibi",)])

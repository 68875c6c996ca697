"""What a report makes of answers that are known: pooled over nights, over what somebody knows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.downstream import Downstream
from model.evaluate import Answers, answer, report
from model.tasks import TARGETS, task
from tests.model_batches import batch_of, tiny_run

NAN = float("nan")


def _model(name: str, columns: tuple[str, ...] = ()) -> Downstream:
    return Downstream(tiny_run().model, task(name, columns))


def _answers(found: list[list[int]], truth: list[list[int]], subject: list[int]) -> Answers:
    """Return classes of three that were answered for sure, a night each."""
    n = len(found)
    probability = [np.eye(3)[own] for own in found]
    return Answers([*range(n)], subject, probability, [np.array(own) for own in truth], [np.arange(1)] * n)


def test_measures_are_those_of_all_epochs_together() -> None:
    """Six right epochs of a long night and two wrong ones of a short night are 3 of 4, not half."""
    answers = _answers([[0, 0, 0, 1, 1, 2], [0, 1, 2]], [[0, 0, 0, 1, 1, 2], [1, 0, -1]], [7, 8])
    facts = report(answers, _model("stage3"), ("ibi",))
    assert facts["accuracy"] == 0.75
    assert facts["kappa"] == pytest.approx((0.75 - 26 / 64) / (1 - 26 / 64))
    assert facts["macro_f1"] == pytest.approx((6 / 8 + 4 / 6 + 1) / 3)
    assert [row["accuracy"] for row in facts["recordings"]] == [1.0, 0.0]
    assert [row["n"] for row in facts["recordings"]] == [6, 2]
    assert facts["confusion"] == [[3, 1, 0], [1, 2, 0], [0, 0, 1]]
    assert facts["interval"]["accuracy"] == (0.0, 1.0)


def test_persons_are_counted_once() -> None:
    """Two nights of one person are one person, and leave the interval no width."""
    facts = report(_answers([[0, 1], [0, 1]], [[0, 1], [0, 0]], [7, 7]), _model("stage3"), ("ibi",))
    assert (facts["n_recordings"], facts["n_subjects"]) == (2, 1)
    assert facts["interval"]["accuracy"] == (0.75, 0.75)


def test_ages_that_nobody_knows_do_not_count() -> None:
    """Errors of 4 and 2 years, and one of nobody knows whom."""
    probability = [np.array([[years]]) for years in (54.0, 38.0, 60.0)]
    truth = [np.array([years]) for years in (50.0, 40.0, NAN)]
    facts = report(Answers([0, 1, 2], [0, 1, 2], probability, truth, [np.arange(1)] * 3), _model("age"), ("ibi",))
    assert (facts["n"], facts["mae"]) == (2, 3.0)
    assert facts["interval"]["mae"] == (2.0, 4.0)


def test_diseases_are_told_one_by_one() -> None:
    """Of each disease a probability of its own: logits of 0 and log 3 are one half and three quarters."""
    model = _model("diseases", ("hypertension", "stroke"))
    model.head = torch.nn.Sequential(torch.nn.Linear(2 * model.network.config.width, 2))
    torch.nn.init.zeros_(model.head[0].weight)
    model.head[0].bias.data = torch.tensor([0.0, np.log(3)], dtype=torch.float32)
    batch = batch_of(("ibi",), n=2)
    batch = replace(batch, labels={TARGETS: torch.tensor([[1.0, NAN], [0.0, 1.0]])})
    found = answer(model, [batch])
    assert [own.shape for own in found.probability] == [(1, 2)] * 2
    assert np.concatenate(found.probability) == pytest.approx(np.array([[0.5, 0.75]] * 2))
    facts = report(found, model, ("ibi",))["classes"]
    assert {name: (own["n"], own["n_yes"]) for name, own in facts.items()} == {
        "hypertension": (2, 1),
        "stroke": (1, 1),
    }

"""Tasks beyond stages: events an hour, diseases, survival, against closed forms, loops and scikit-learn."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from model.downstream import Downstream
from model.evaluate import answer, report
from model.events import onsets, per_hour_of_sleep
from model.finetune import finetune, open_model, start_model
from model.metrics import auprc, auroc, bootstrap_interval, c_index
from model.targets import with_targets
from model.tasks import cox_loss, loss_of, target_of, task
from schemas.errors import ModelError
from schemas.event_terms import EVENT_TYPES
from tests.model_batches import MODALITIES, N_TOKEN, batch_of, tiny_run

GENERATOR = np.random.default_rng(1)
NAN = float("nan")


def test_areas_are_those_of_scikit_learn() -> None:
    """With ties, and with some that nobody knows."""
    score = GENERATOR.integers(0, 20, 300) / 20
    truth = np.where(GENERATOR.random(300) < 0.1, NAN, GENERATOR.random(300) < score)
    known = np.isfinite(truth)
    assert auroc(score, truth) == pytest.approx(sk.roc_auc_score(truth[known], score[known]))
    assert auprc(score, truth) == pytest.approx(sk.average_precision_score(truth[known], score[known]))
    assert np.isnan(auroc(score, np.zeros(300)))
    assert np.isnan(auprc(score, np.full(300, -1)))


def test_concordance_is_a_count_of_pairs() -> None:
    """Against a loop over pairs: the earlier event has the higher risk; ties of risk count for half."""
    n = 40
    risk = GENERATOR.integers(0, 8, n).astype(float)
    years = GENERATOR.integers(1, 10, n).astype(float)
    event = (GENERATOR.random(n) < 0.6).astype(float)
    years[0], event[1] = NAN, NAN
    pairs = []
    for i in range(n):
        for j in range(n):
            if not np.isfinite([years[i], years[j], event[i], event[j]]).all() or event[i] != 1:
                continue
            if years[j] > years[i] or (years[j] == years[i] and event[j] == 0):
                pairs.append(1.0 if risk[i] > risk[j] else 0.5 if risk[i] == risk[j] else 0.0)
    assert c_index(risk, years, event) == pytest.approx(np.mean(pairs))
    assert c_index(-np.arange(5.0), np.arange(1.0, 6), np.ones(5)) == 1.0
    assert np.isnan(c_index(risk, years, np.zeros(n)))


def test_intervals_draw_persons_with_all_their_rows() -> None:
    """One person alone has no width; many give that of the mean."""
    values = GENERATOR.normal(0, 1, 400)
    assert bootstrap_interval([values], ["a"] * 400, np.mean) == (pytest.approx(values.mean()),) * 2
    low, high = bootstrap_interval([values], [str(k) for k in range(400)], np.mean)
    half = 1.96 * values.std() / 20
    assert (low, high) == (
        pytest.approx(values.mean() - half, abs=0.02),
        pytest.approx(values.mean() + half, abs=0.02),
    )


def test_partial_likelihood_of_equal_risks_is_a_factorial() -> None:
    """Five persons of equal risk who all have the event: the mean of log 5, log 4, …, log 1."""
    years = torch.tensor([3.0, 1.0, 2.0, 5.0, 4.0])
    expected = math.log(math.factorial(5)) / 5
    assert float(cox_loss(torch.zeros(5), years, torch.ones(5))) == pytest.approx(expected)


def test_partial_likelihood_against_loops() -> None:
    """With ties, people who were lost to follow-up, and people of whom nothing is known."""
    torch.manual_seed(0)
    risk = torch.randn(12, dtype=torch.float64)
    years = torch.tensor([1, 1, 2, 3, 3, 3, 4, 5, 6, NAN, 2, 9], dtype=torch.float64)
    event = torch.tensor([1, 1, 0, 1, 0, 1, 1, 0, 1, 1, NAN, 0], dtype=torch.float64)
    people = [i for i in range(12) if math.isfinite(years[i]) and math.isfinite(event[i])]
    losses = []
    for i in people:
        if event[i] == 1:
            at_risk = [j for j in people if years[j] >= years[i]]
            losses.append(-math.log(math.exp(risk[i]) / sum(math.exp(risk[j]) for j in at_risk)))
    assert float(cox_loss(risk, years, event)) == pytest.approx(sum(losses) / len(losses))


def test_no_event_no_loss() -> None:
    """A batch in which nobody has the event, or nobody is known, costs nothing and has finite gradients."""
    for years, event in ((torch.ones(3), torch.zeros(3)), (torch.full((3,), NAN), torch.ones(3))):
        risk = torch.randn(3, requires_grad=True)
        loss = cox_loss(risk, years, event)
        loss.backward()
        assert float(loss.detach()) == 0
        assert risk.grad is not None
        assert risk.grad.isfinite().all()


def test_unknown_diseases_have_no_gradient() -> None:
    """The loss is the mean over what is known: at 0 the logarithm of two, whatever is not known."""
    own = task("diseases", ("hypertension", "diabetes"))
    target = torch.tensor([[1.0, NAN], [NAN, 0.0], [NAN, NAN]])
    logits = torch.zeros(3, 2, requires_grad=True)
    loss = loss_of(logits, target, own)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(math.log(2))
    assert logits.grad is not None
    assert (logits.grad != 0).tolist() == [[True, False], [False, True], [False, False]]


def test_diseases_are_learnt_and_come_back_with_their_names(tmp_path: Path) -> None:
    """A column that age decides is told from age's signal; the other, known of nobody, has no number."""
    batch = batch_of(MODALITIES)
    for name in MODALITIES:
        batch.samples[name][:3] += 2.0  # the signal of those who have it
    values = np.array([[1.0, NAN]] * 3 + [[0.0, NAN]] * 3)
    run = tiny_run(40)
    model = start_model(run, "diseases", None, columns=("hypertension", "stroke"))
    finetune(model, with_targets(repeat(batch), values), tmp_path, run.optim, {})
    opened, facts = open_model(tmp_path)
    assert facts["columns"] == ["hypertension", "stroke"]
    found = report(answer(opened, with_targets([batch], values)), opened, MODALITIES)
    assert found["classes"]["hypertension"]["auroc"] == 1.0
    assert found["classes"]["hypertension"]["n_yes"] == 3
    assert found["classes"]["stroke"]["n"] == 0
    assert found["macro_auroc"] == 1.0


def test_a_table_goes_with_recordings_not_with_rows() -> None:
    """Windows of recordings in any order have the columns of theirs; the labels that were there stay."""
    batch = replace(batch_of(MODALITIES, n=3), recording=torch.tensor([4, 0, 4]))
    (found,) = with_targets([batch], np.array([[10.0 * k, NAN] for k in range(5)]))
    assert found.labels["targets"][:, 0].tolist() == [40.0, 0.0, 40.0]
    assert found.labels["targets"][:, 1].isnan().all()
    assert found.labels["stage"] is batch.labels["stage"]


def test_survival_is_learnt(tmp_path: Path) -> None:
    """Those whose signal is higher die first: the order of the risks is the order of the deaths."""
    batch = batch_of(MODALITIES)
    for name in MODALITIES:
        batch.samples[name] += torch.arange(6.0)[:, None, None]
    values = np.stack([np.arange(6.0, 0, -1), [1, 1, 1, 0, 1, 1]], axis=1)
    run = tiny_run(40)
    model = start_model(run, "survival", None)
    finetune(model, with_targets(repeat(batch), values), tmp_path, run.optim, {})
    opened, _ = open_model(tmp_path)
    found = report(answer(opened, with_targets([batch], values)), opened, MODALITIES)
    assert found["c_index"] > 0.9
    assert (found["n"], found["n_event"]) == (6, 5)


def test_events_are_runs_that_are_long_enough() -> None:
    """Nine seconds are no apnea, ten are; a run across two epochs is one; only what begins in sleep counts."""
    seconds = np.zeros(4 * 30, bool)
    for first, length in ((0, 9), (20, 15), (60, 10), (95, 25)):
        seconds[first : first + length] = True
    assert onsets(seconds, 10).tolist() == [20, 60, 95]
    stage = np.array([2, 2, 0, 4])
    assert per_hour_of_sleep(seconds.reshape(4, 30), stage, 10) == pytest.approx(2 / (90 / 3600))
    assert np.isnan(per_hour_of_sleep(seconds.reshape(4, 30), np.zeros(4), 10))


class _Oracle(Downstream):
    """Answers apneas as they were scored."""

    def forward(self, batch: object, modalities: object = None) -> torch.Tensor:
        return 20 * (target_of(batch, self.task) == 1).float() - 10  # type: ignore[arg-type]


def test_events_an_hour_of_a_model_that_knows_all() -> None:
    """One apnea of fifteen seconds in three minutes of sleep is twenty an hour, as answered and as scored."""
    batch = batch_of(("ibi",), n=2)
    batch.labels["stage"][:] = 2
    raster = torch.zeros(2, N_TOKEN, 30, dtype=torch.int64)
    raster[0, 2, 5:20] = EVENT_TYPES["hypopnea"].code
    raster[1] = -1
    batch.labels["event_respiratory"] = raster
    model = _Oracle(tiny_run().model, task("apnea"))
    found = report(answer(model, [batch]), model, ("ibi",))
    assert found["events_per_hour"]["answered_and_scored"][0] == [20.0, 20.0]
    assert found["events_per_hour"]["mae"] == 0
    assert found["events_per_hour"]["n"] == 1
    assert found["auroc"] == 1.0
    assert len(found["recordings"]) == 2


class _Halves(Downstream):
    """Finds the first of two apneas, and others where there are none or nobody knows."""

    def forward(self, batch: object, modalities: object = None) -> torch.Tensor:
        logits = torch.full((1, N_TOKEN, 30), -0.5)
        for token in (0, 1, 3, 4):
            logits[0, token, 5:17] = 0.5
        logits[0, 2, 25:] = logits[0, 3, :5] = 0.5
        return logits


def test_events_an_hour_of_a_model_that_errs() -> None:
    """Two were scored and one of them found in 90 s of sleep that were seen and scored whole: 80 and 40 an hour.

    What is answered awake, without a sensor, or in an epoch of which one second was not scored, does not count; of
    a run into such an epoch too little is left.
    """
    batch = batch_of(("ibi",), n=1)
    batch.labels["stage"][0] = torch.tensor([1, 0, 2, 2, 3, 4])
    batch.valid["ibi"][0, 3] = False
    raster = torch.zeros(1, N_TOKEN, 30, dtype=torch.int64)
    raster[0, (0, 2, 3), 5:17] = EVENT_TYPES["hypopnea"].code
    raster[0, 4, 29] = -1
    batch.labels["event_respiratory"] = raster
    model = _Halves(tiny_run().model, task("apnea"))
    found = report(answer(model, [batch]), model, ("ibi",))["events_per_hour"]
    assert found["answered_and_scored"] == [[40.0, 80.0]]
    assert (found["bias"], found["mae"]) == (-40.0, 40.0)


def test_columns_belong_to_tasks_of_tables() -> None:
    """Diseases need some, survival two, stages none."""
    for name, columns in (("diseases", ()), ("survival", ("years",)), ("stage5", ("years",))):
        with pytest.raises(ModelError):
            task(name, columns)
    assert task("survival").classes == ("years", "event")

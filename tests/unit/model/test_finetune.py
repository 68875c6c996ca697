"""Fine-tuning and evaluation on any subset of modalities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
import torch

from model import checkpoint
from model.batch import Batch
from model.downstream import Downstream, Fusion
from model.embed import open_encoder
from model.evaluate import answer, report
from model.finetune import finetune, open_model, start_model
from model.pretrain import pretrain
from model.tasks import TARGETS, TASKS, Answer, loss_of, target_of, task, years_of
from schemas.errors import CheckpointInvalid, ModelError
from schemas.event_terms import EVENT_TYPES
from tests.model_batches import MODALITIES, N_TOKEN, Endless, batch_of, tiny_run


def _two_stages(batch: Batch) -> Batch:
    """Stages W and N1 alone, as the batches have them; the last token of the first night is unscored."""
    batch.labels["stage"][0, -1] = -1
    return batch


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Downstream:
    """A model that was trained, written and opened again; not to be changed."""
    folder, run = tmp_path_factory.mktemp("trained"), tiny_run()
    model = start_model(run, "stage5", None)
    finetune(model, repeat(_two_stages(batch_of(MODALITIES))), folder, run.optim, {"data": {}})
    return open_model(folder)[0]


def test_a_head_learns_and_comes_back_from_disk(trained: Downstream) -> None:
    """Every subset of modalities stages nearly all epochs of nights seen before; unscored ones do not count."""
    nights = [_two_stages(batch_of(MODALITIES))]
    for subset in (MODALITIES, ("ibi",), ("resp", "spo2")):
        facts = report(answer(trained, nights, subset), trained, subset)
        assert facts["accuracy"] > 0.9
        assert facts["n_recordings"] == 6
        assert np.sum(facts["confusion"]) == 6 * N_TOKEN - 1
        low, high = facts["interval"]["accuracy"]
        assert low <= facts["accuracy"] <= high


def test_answers_say_which_epochs_of_the_night_they_are_of(trained: Downstream) -> None:
    """Windows begin at epochs 0, 10, …, 50; a token without any sensor has no answer, the others their epoch."""
    batch = replace(batch_of(MODALITIES), start=10 * torch.arange(6))
    batch.metadata.subject[:] = torch.tensor([4, 4, 5, 5, 6, 6])
    for name in MODALITIES:
        batch.valid[name][2, 1] = False
    found = answer(trained, [batch])
    assert (found.recording, found.subject) == ([*range(6)], [4, 4, 5, 5, 6, 6])
    assert report(found, trained, MODALITIES)["n_subjects"] == 3
    assert found.epoch[2].tolist() == [20, 22, 23, 24, 25]
    assert [epoch.tolist() for epoch in found.epoch[3:]] == [[*range(at, at + N_TOKEN)] for at in (30, 40, 50)]
    assert [len(probability) for probability in found.probability] == [6, 6, 5, 6, 6, 6]
    assert found.truth[2].tolist() == batch.labels["stage"][2, [0, 2, 3, 4, 5]].tolist()


class _Listening(Downstream):
    """Keeps which modalities it was shown."""

    def forward(self, batch: Batch, modalities: Sequence[str] | None = None) -> torch.Tensor:
        shown.append(tuple(modalities or ()))
        return super().forward(batch, modalities)


shown: list[tuple[str, ...]] = []


def test_half_of_the_batches_see_only_some_of_the_modalities(tmp_path: Path) -> None:
    """Every subset is drawn sooner or later, never none; without dropout all are seen; the seed decides."""
    shown.clear()
    for n_step, share in ((80, 0.5), (20, 0.5), (5, 0.0)):
        run = tiny_run(n_step)
        model = _Listening(run.model, task("stage5"))
        batches = repeat(batch_of(MODALITIES, n=2))
        finetune(model, batches, tmp_path, run.optim, {}, modality_dropout=share, seed=0)
    first, again, whole = shown[:80], shown[80:100], shown[100:]
    assert first[:20] == again
    assert set(whole) == {MODALITIES}
    assert len(set(first)) == 7
    assert 20 <= sum(names != MODALITIES for names in first) <= 60


def test_a_drawn_subset_is_never_all(tmp_path: Path) -> None:
    """Where every batch is to lose something, each does."""
    shown.clear()
    run = tiny_run(20)
    model = _Listening(run.model, task("stage5"))
    finetune(model, repeat(batch_of(MODALITIES, n=2)), tmp_path, run.optim, {}, modality_dropout=1.0)
    assert len(shown) == 20
    assert {len(names) for names in shown} == {1, 2}


def test_sensors_that_drop_out_midway_change_only_their_tokens(trained: Downstream) -> None:
    """A modality lost for two epochs leaves answers where nothing is left out of the mix."""
    batch = batch_of(MODALITIES)
    batch.valid["spo2"][:, 2:4] = False
    alone = batch_of(("ibi", "resp"))
    with torch.no_grad():
        found, expected = trained(batch), trained(alone)
    assert torch.allclose(found[:, 2:4], expected[:, 2:4], atol=1e-6)
    assert not torch.allclose(found[:, :2], expected[:, :2], atol=1e-6)


def test_absent_modalities_change_nothing(trained: Downstream) -> None:
    """A modality that is there but nowhere valid is one that is not there."""
    batch = batch_of(MODALITIES)
    batch.valid["spo2"][:] = False
    with torch.no_grad():
        assert torch.allclose(trained(batch), trained(batch_of(("ibi", "resp"))), atol=1e-6)


def test_fusion_is_a_softmax_over_what_is_valid() -> None:
    """Equal scores give the mean of the valid ones, a score of log 3 three quarters, nothing zero."""
    fusion = Fusion(("ibi", "resp"))
    vectors = {"ibi": torch.ones(1, 3, 2), "resp": 5 * torch.ones(1, 3, 2)}
    valid = {"ibi": torch.tensor([[True, True, False]]), "resp": torch.tensor([[True, False, False]])}
    assert fusion(vectors, valid)[0, :, 0].tolist() == pytest.approx([3.0, 1.0, 0.0])
    fusion.score.data[1] = np.log(3)
    assert fusion(vectors, valid)[0, :, 0].tolist() == pytest.approx([4.0, 1.0, 0.0])


def test_a_night_is_its_windows_and_the_mean_of_its_tokens() -> None:
    """Tokens and sensors that are not there have no share in either; [CLS] is the first vector."""
    model = Downstream(tiny_run().model, task("sex"))
    model.head = torch.nn.Sequential()
    ones = torch.ones(1, model.network.config.width)
    encoded = {
        "ibi": torch.stack([10 * ones, 2 * ones, 4 * ones, 0 * ones, 0 * ones], dim=1),
        "resp": torch.stack([20 * ones, 0 * ones, 8 * ones, 9 * ones, 0 * ones], dim=1),
        "spo2": 1000 * torch.ones(1, 5, len(ones[0])),
    }
    valid = {"ibi": [True, True, False, False], "resp": [False, True, True, False], "spo2": [False] * 4}
    found = model.decide(encoded, {name: torch.tensor([known]) for name, known in valid.items()})
    whole, mean = found.chunk(2, dim=-1)
    assert torch.allclose(whole, 15 * ones)
    assert torch.allclose(mean, (2 + 6 + 9) / 3 * ones)


def test_a_probe_drops_nothing_of_its_network() -> None:
    """While a head is trained a frozen network answers as in use; one that is trained has its dropout."""
    config, batch = replace(tiny_run().model, dropout=0.5), batch_of(MODALITIES)
    for is_frozen in (True, False):
        model = Downstream(config, task("stage5"), is_frozen=is_frozen).train()
        one, other = (model.encode(batch, ["ibi"])["ibi"] for _ in range(2))
        assert torch.equal(one, other) == is_frozen
        assert any(p.requires_grad for p in model.network.parameters()) != is_frozen
        assert model.head.training


def test_a_probe_leaves_the_network_alone(tmp_path: Path) -> None:
    """Frozen weights stay those of the pre-trained average, to the bit."""
    run = tiny_run(5)
    pretrain(run, Endless(MODALITIES), tmp_path / "run")
    model = start_model(run, "stage3", tmp_path / "run", mode="probe")
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    average = checkpoint.part(checkpoint.load(tmp_path / "run")[0], "average")
    for found in (before, open_encoder(tmp_path / "run").network.state_dict()):
        assert all(torch.equal(average[name], value) for name, value in found.items())
    finetune(model, repeat(_two_stages(batch_of(MODALITIES))), tmp_path / "probe", run.optim, {})
    after = open_model(tmp_path / "probe")[0].network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    with pytest.raises(CheckpointInvalid, match="pre-training run"):
        open_model(tmp_path / "run")


def test_steps_of_fine_tuning_are_those_of_the_book(tmp_path: Path) -> None:
    """Three steps with torch's own tools, written out, give the same weights; each has its rate and is clipped."""
    run = tiny_run(10)
    optim = replace(run.optim, warm_up_share=0.5, clip_norm=1e-3)
    batches = [_two_stages(batch_of(MODALITIES, seed=seed)) for seed in range(3)]
    model, other = start_model(run, "stage5", None), start_model(run, "stage5", None).train()
    finetune(model, batches, tmp_path, optim, {}, modality_dropout=0.0)
    learnt = list(other.parameters())
    book = torch.optim.AdamW([{"params": [p]} for p in learnt], betas=optim.betas)
    for number, batch in enumerate(batches, start=1):
        for group in book.param_groups:
            decay = optim.weight_decay if group["params"][0].ndim >= 2 else 0.0
            group.update(lr=optim.learning_rate * number / 5, weight_decay=decay)
        book.zero_grad()
        known = batch.labels["stage"] >= 0
        torch.nn.functional.cross_entropy(other(batch)[known], batch.labels["stage"][known]).backward()
        torch.nn.utils.clip_grad_norm_(learnt, 1e-3)
        book.step()
    for name, expected in other.state_dict().items():
        assert torch.allclose(model.state_dict()[name], expected, atol=1e-6), name


def test_every_task_has_a_loss_and_unknown_labels_have_none() -> None:
    """Gradients are finite for each task, and zero where no label is known."""
    codes = {name: kind.code for name, kind in EVENT_TYPES.items()}
    for name, one in TASKS.items():
        batch = batch_of(MODALITIES)
        raster = torch.zeros(6, N_TOKEN, 30, dtype=torch.int64)
        raster[:, 0, :10] = codes["hypopnea"]
        for label in ("event_respiratory", "event_arousal"):
            batch.labels[label] = raster
        if one.label == TARGETS:
            batch.labels[TARGETS] = torch.tensor([[float(k), 1.0] for k in range(6)])
            one = task(name, ("first", "second"))
        model = Downstream(tiny_run().model, one)
        target = target_of(batch, one)
        loss = loss_of(model(batch), target, one)
        loss.backward()
        assert loss.isfinite(), name
        nothing = torch.full_like(target, -1 if one.answer is Answer.CLASS else float("nan"))
        assert float(loss_of(model(batch), nothing, one).detach()) == 0, name


def test_targets_of_apneas_are_seconds_of_apneas_and_hypopneas() -> None:
    """Snoring and RERAs are no apneas; what was not scored stays unknown."""
    batch = batch_of(("ibi",), n=1)
    codes = {name: kind.code for name, kind in EVENT_TYPES.items()}
    raster = torch.zeros(1, N_TOKEN, 30, dtype=torch.int64)
    words = ("obstructive_apnea", "hypopnea", "central_apnea", "snoring", "rera")
    for k, name in enumerate(words):
        raster[0, 0, k] = codes[name]
    raster[0, 1] = -1
    batch.labels["event_respiratory"] = raster
    target = target_of(batch, task("apnea"))
    assert target[0, 0, :6].tolist() == [1, 1, 1, 0, 0, 0]
    assert set(target[0, 1].tolist()) == {-1}


def test_an_age_is_in_years() -> None:
    """The loss is an error in decades around fifty years, and the answer is turned back."""
    batch = batch_of(("ibi",), n=3)
    target = target_of(batch, task("age"))
    logits = torch.zeros(3, 1)
    assert years_of(logits).tolist() == [50.0, 50.0, 50.0]
    expected = float((batch.metadata.age_years - 50).abs().mean() / 10)
    assert float(loss_of(logits, target, task("age"))) == pytest.approx(expected)


def test_mistakes_are_told(tmp_path: Path) -> None:
    """An unknown task, a modality the model never saw, no nights, NaN: each says what to do."""
    run = tiny_run()
    with pytest.raises(ModelError, match="stage9"):
        task("stage9")
    model = start_model(run, "stage5", None)
    with pytest.raises(ModelError, match="eeg"):
        answer(model, [batch_of(MODALITIES)], ("eeg",))
    with pytest.raises(ModelError, match="no night"):
        finetune(model, [], tmp_path, run.optim, {})
    empty = batch_of(("ibi",))
    empty.valid["ibi"][:] = False
    with pytest.raises(ModelError, match="any of these"):
        report(answer(model, [empty], ("ibi",)), model, ("ibi",))
    broken = batch_of(MODALITIES)
    broken.samples["ibi"][0, 0] = float("nan")
    with pytest.raises(ModelError, match="not finite"):
        finetune(model, [broken], tmp_path, run.optim, {}, modality_dropout=0.0)

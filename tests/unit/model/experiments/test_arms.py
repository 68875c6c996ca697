"""Which nights arms are trained on, and what experiments ask of them; answers are counted apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from model import checkpoint
from model.batch import Batch
from model.config import RunConfig, with_values
from model.downstream import Downstream
from model.experiments import (
    ablation,
    auc_by_number,
    few_shot,
    leave_modality_out,
    left_out_cohort,
    scaling,
    sensor_dropout,
)
from model.experiments.arms import Tuning, pretrained, tuned
from model.experiments.lab import Lab, Plan
from model.metrics import kappa
from model.tasks import task
from tests.made_set import MODALITIES, made_night, made_set
from tests.model_batches import tiny_run

SLOW = ("spo2", "resp")
ALL = ("belt", *SLOW)


def _set(root: Path, first: int) -> Path:
    """Eight nights for training; two for the test and two of a cohort that was left out begin with a number."""
    others = {
        split: [made_night(at + k, n_epoch + k, MODALITIES) for k in range(2)]
        for split, at, n_epoch in (("test", first, 30), ("external", first + 10, 44))
    }
    return made_set(root / "set", **others)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two sets that differ in what is not for training."""
    return [_set(tmp_path_factory.mktemp("arms"), first) for first in (20, 50)]


def _run(modalities: tuple[str, ...] = SLOW) -> RunConfig:
    run = tiny_run(2)
    return replace(
        run, model=replace(run.model, modalities=modalities), optim=replace(run.optim, window=12, batch=4)
    )


def _weights(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_arms_learn_from_nights_for_training_alone(places: list[Path], tmp_path: Path) -> None:
    """Other nights in the test leave every weight as it is, to the bit, of both ways of training."""
    found = []
    for number, place in enumerate(places):
        start = pretrained(_run(), place, tmp_path / f"start-{number}")
        model = tuned(_run(), Tuning(n_step=2), place, tmp_path / f"tuned-{number}", checkpoint_of=start)
        found.append((checkpoint.load(start)[0], _weights(model)))
    (before, one), (again, other) = found
    assert all(torch.equal(before[name], again[name]) for name in before)
    assert torch.equal(one, other)


def test_an_arm_is_what_its_tuning_says(places: list[Path], tmp_path: Path) -> None:
    """Labels of one person alone teach something else than all; even shares stay even, learnt ones do not."""
    ways = {"all": {}, "one": {"n_person": 1}, "even": {"is_fusion_learnt": False}}
    models = {
        name: tuned(_run(), Tuning(n_step=2, batch=8, **changes), places[0], tmp_path / name)
        for name, changes in ways.items()
    }
    assert not torch.equal(_weights(models["all"].head), _weights(models["one"].head))
    assert not models["even"].fusion.score.any()
    assert models["all"].fusion.score.any()


class _Dice(Downstream):
    """Throws dice for every modality, arm and token that is valid: no two subsets have the same answers."""

    def __init__(self, number: int) -> None:
        super().__init__(_run(ALL).model, task("stage5"))
        self.number = number

    def encode(self, batch: Batch, names: Sequence[str]) -> dict[str, torch.Tensor]:
        return {name: batch.samples[name] for name in names}

    def decide(self, encoded: Mapping[str, torch.Tensor], valid: Mapping[str, torch.Tensor]) -> torch.Tensor:
        thrown = []
        for name, known in valid.items():
            generator = torch.Generator().manual_seed(10 * self.number + ALL.index(name))
            thrown.append(torch.randn(*known.shape, 5, generator=generator) * known[..., None])
        return torch.stack(thrown).sum(dim=0)


class _Bench(Lab):
    """Keeps what is to be trained, and gives dice, one a kind of arm."""

    def pretrained(
        self,
        seed: int,
        name: str = "pretrained",
        values: Mapping[str, Any] | None = None,
        *,
        n_person: int | None = None,
    ) -> Path:
        begun.append((name, dict(values or {}), n_person))
        return Path(f"{seed}-{name}")

    def tuned(self, seed: int, name: str, checkpoint: Path | None, **changes: Any) -> Downstream:
        asked.append((name, None if checkpoint is None else str(checkpoint), changes))
        return _Dice(len({own for own, _, _ in asked}))


asked: list[tuple[str, str | None, dict[str, Any]]] = []
begun: list[tuple[str, dict[str, Any], int | None]] = []


@pytest.fixture
def lab(places: list[Path], tmp_path: Path) -> Lab:
    """Three modalities, one seed."""
    asked.clear()
    begun.clear()
    return _Bench(Plan(modalities=ALL, n_draw=5), places[0], tmp_path)


def _kappa(lab: Lab, number: int, subset: tuple[str, ...], split: str | None = None) -> float:
    """Return κ of the dice of an arm, the first being 1."""
    return kappa(lab.scores(_Dice(number), [subset], split).counts[subset].sum(axis=0))


def test_sensors_lost_from_the_first_epoch_were_never_there(lab: Lab) -> None:
    """One of them lost for the whole night leaves the others; all but one lost leave that one; none lost, all."""
    rows = sensor_dropout.run(lab, sensor_dropout.Settings((0.0, 1.0))).rows
    found = {(row["lost"], row["share"]): row["kappa"] for row in rows}
    assert len({*found.values()}) > 6
    for name in ALL:
        rest = tuple(other for other in ALL if other != name)
        assert found[name, 1.0] == pytest.approx(_kappa(lab, 1, rest))
        assert found[f"all but {name}", 1.0] == pytest.approx(_kappa(lab, 1, (name,)))
        assert found[name, 0.0] == found[f"all but {name}", 0.0] == pytest.approx(_kappa(lab, 1, ALL))


def test_both_losses_are_asked_inside_and_outside(lab: Lab) -> None:
    """A row an arm and split, each of its own nights; the difference is DASH less InfoNCE."""
    rows = left_out_cohort.run(lab, left_out_cohort.Settings()).rows
    for row in rows:
        number = ("DASH", "InfoNCE").index(row["arm"]) + 1
        assert row["kappa"] == pytest.approx(_kappa(lab, number, ALL, row["split"]))
    assert len({row["kappa"] for row in rows}) == 4
    for one, other in (rows[:2], rows[2:]):
        assert one["difference"] == pytest.approx(one["kappa"] - other["kappa"])
    assert [start for _, start, _ in asked] == ["0-pretrained-DASH", "0-pretrained-InfoNCE"]
    dash, plain = (with_values(lab.run(0), values).loss for _, values, _ in begun)
    assert (dash, plain) == (lab.run(0).loss, lab.run(0).loss.plain())


def test_few_labels_are_the_same_for_both_arms(lab: Lab) -> None:
    """Only the beginning differs; the difference is what pre-training adds."""
    rows = few_shot.run(lab, few_shot.Settings((1, 2))).rows
    assert [(start, changes) for _, start, changes in asked] == [
        (start, {"n_person": n}) for n in (1, 2) for start in ("0-pretrained", None)
    ]
    assert [(row["n_person"], row["arm"]) for row in rows] == [
        (1, "pre-trained"),
        (1, "scratch"),
        (2, "pre-trained"),
        (2, "scratch"),
    ]
    for one, other in (rows[:2], rows[2:]):
        assert one["difference"] == pytest.approx(one["kappa"] - other["kappa"])


@pytest.mark.parametrize("is_retrained", [False, True])
def test_what_a_modality_is_worth(lab: Lab, *, is_retrained: bool) -> None:
    """All less all but one, of the same network, or of one that never saw it."""
    rows = leave_modality_out.run(lab, leave_modality_out.Settings(is_retrained)).rows
    whole = _kappa(lab, 1, ALL)
    assert rows[0]["kappa"] == pytest.approx(whole)
    for number, row in enumerate(rows[1:], start=2):
        rest = tuple(name for name in ALL if name != row["without"])
        expected = _kappa(lab, number if is_retrained else 1, rest)
        assert row["kappa"] == pytest.approx(expected)
        assert row["difference"] == pytest.approx(whole - expected)
    assert [changes.get("modalities") for _, _, changes in asked[1:]] == [
        tuple(name for name in ALL if name != row["without"]) for row in rows[1:] if is_retrained
    ]


def test_a_grid_changes_one_thing_at_a_time(lab: Lab) -> None:
    """A term of the loss while pre-training, the mix or the beginning while fine-tuning; all beside the whole."""
    arms = {"no site": {"loss.site": None}, "even mix": {"fusion": "even"}, "no start": {"pretraining": False}}
    rows = ablation.run(lab, ablation.Settings(arms)).rows
    assert begun == [("pretrained", {}, None), ("pretrained-no-site", {"loss.site": None}, None), begun[0]]
    assert asked == [
        ("whole", "0-pretrained", {}),
        ("arm-no-site", "0-pretrained-no-site", {"is_fusion_learnt": True}),
        ("arm-even-mix", "0-pretrained", {"is_fusion_learnt": False}),
        ("arm-no-start", None, {"is_fusion_learnt": True}),
    ]
    for number, row in enumerate(rows, start=1):
        assert row["kappa"] == pytest.approx(_kappa(lab, number, ALL))
        assert row.get("difference", 0.0) == pytest.approx(rows[0]["kappa"] - row["kappa"])


def test_scaling_changes_one_axis_at_a_time(lab: Lab) -> None:
    """Persons and width of pre-training, modalities of fine-tuning; the error is one less κ with what was seen."""
    rows = scaling.run(lab, scaling.Settings((4,), (8,), (1, 3))).rows
    wide = {"model.width": 8, "model.token_width": 8, "model.ffn_width": 16}
    assert [(values, n) for _, values, n in begun] == [({}, 4), (wide, None), ({}, None), ({}, None)]
    seen = [changes["modalities"] for _, _, changes in asked]
    assert seen == [ALL, ALL, ALL[:1], ALL]
    for number, (row, subset) in enumerate(zip(rows, seen, strict=True), start=1):
        assert row["error"] == pytest.approx(1 - _kappa(lab, number, subset))


class _Knows(Downstream):
    """Answers who is female for sure."""

    def forward(self, batch: Batch, modalities: Sequence[str] | None = None) -> torch.Tensor:
        return 10.0 * torch.nn.functional.one_hot(batch.metadata.sex.clamp(min=0), 2)


class _AllKnow(Lab):
    """Has what knows it all, whatever is asked for."""

    def tuned(self, seed: int, name: str, checkpoint: Path | None, **changes: Any) -> Downstream:
        return _Knows(_run(ALL).model, task("sex"))

    def pretrained(self, *_: object, **__: object) -> Path:
        return self.out


def test_who_knows_all_has_the_whole_area(places: list[Path], tmp_path: Path) -> None:
    """With one modality, two or three; a subset of each size at least."""
    lab = _AllKnow(Plan(modalities=ALL, split="train", n_draw=5), places[0], tmp_path)
    rows = auc_by_number.run(lab, auc_by_number.Settings(n_each=2)).rows
    assert [(row["n_modality"], row["n_subset"]) for row in rows] == [(1, 2), (2, 2), (3, 1)]
    assert {row[name] for row in rows for name in ("auroc", "least", "most", "low", "high")} == {1.0}


def test_arms_that_are_made_otherwise_are_others(places: list[Path], tmp_path: Path) -> None:
    """A plan's checkpoint is for arms that ask for nothing else; an arm's own numbers come before the plan's."""
    values = {"loss.margin": 0.3, "optim.n_step": 1, "optim.batch": 4, "optim.window": 12, "model.n_layer": 1}
    plan = Plan(values=values, checkpoint="given", modalities=SLOW)
    lab = Lab(plan, places[0], tmp_path)
    assert lab.run(3).loss.margin == 0.3
    assert lab.run(3, {"loss.margin": 0.5}).loss.margin == 0.5
    assert (lab.run(3).seed, lab.run(3).model.modalities) == (3, SLOW)
    assert lab.pretrained(0) == Path("given")
    made = [lab.pretrained(0, "own", {"loss.margin": margin}) for margin in (0.0, 0.5)]
    made.append(lab.pretrained(0, "own", n_person=1))
    made.append(lab.pretrained(1, "own", n_person=1))
    assert len({*made, Path("given")}) == 5
    assert [checkpoint.load(path)[1]["config"]["loss"]["margin"] for path in made] == [0.0, 0.5, 0.3, 0.3]
    assert made[0] == lab.pretrained(0, "own", {"loss.margin": 0.0})

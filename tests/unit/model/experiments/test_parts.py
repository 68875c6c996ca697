"""What single experiments count, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from model.experiments.embeddings import classify, regress
from model.experiments.judge import judged, less
from model.experiments.lab import Plan, settings_of
from model.experiments.leakage import balanced_accuracy
from model.experiments.result import Chart, Result, write_result
from model.experiments.retrieval import ranks
from model.experiments.scaling import exponent
from model.experiments.sensor_dropout import losing
from model.experiments.subsets import Scores
from schemas.errors import ModelError
from tests.model_batches import batch_of

ALL = ("ibi", "resp")


def _scores(matrices: np.ndarray, persons: list[int]) -> Scores:
    return Scores(list(range(len(persons))), persons, {ALL: matrices})


def _matrix(kappa: float, n: int = 1000) -> np.ndarray:
    """Two classes of equal size and a given κ: 1 − κ is twice the share of wrong answers."""
    wrong = round(n * (1 - kappa) / 2)
    return np.array([[n - wrong, wrong], [wrong, n - wrong]])


def test_sensors_are_lost_at_the_end_of_each_night() -> None:
    """Half of the valid tokens stay, the first ones; other modalities and the batch itself are as they were."""
    batch = batch_of(ALL)
    batch.valid["ibi"][0, :2] = False  # of six tokens four are left
    (lost,) = losing([batch], ("ibi",), 0.5)
    assert lost.valid["ibi"][0].tolist() == [False, False, True, True, False, False]
    assert lost.valid["ibi"][1].tolist() == [True, True, True, False, False, False]
    assert lost.valid["resp"].all()
    assert batch.valid["ibi"][1].all()
    assert torch.equal(next(losing([batch], ("ibi",), 0.0)).valid["ibi"], batch.valid["ibi"])
    assert not next(losing([batch], ("ibi",), 1.0)).valid["ibi"].any()


def test_a_power_law_comes_back() -> None:
    """1 − κ = 0.8 · n ** −0.5 is found with its exponent; persons who are alike leave no width."""
    points = [1, 4, 16]
    found = [[_scores(np.stack([_matrix(1 - 0.8 * n**-0.5)] * 5), list(range(5)))] for n in points]
    law = exponent(points, found, n_draw=50)
    assert (law["exponent"], law["low"], law["high"]) == pytest.approx((-0.5, -0.5, -0.5), abs=0.01)


def test_nights_of_a_person_are_one_point_of_a_law() -> None:
    """A better and a worse night of one person add up to the law, and leave no width."""
    shares = {1: (0.8, 1.2), 4: (1.2, 0.8), 16: (1.2, 0.8)}
    errors = [[0.8 * n**-0.5 * share for share in own] for n, own in shares.items()]
    found = [[_scores(np.stack([_matrix(1 - error) for error in own]), [6, 6])] for own in errors]
    law = exponent([1, 4, 16], found, n_draw=20)
    assert (law["exponent"], law["low"], law["high"]) == pytest.approx((-0.5, -0.5, -0.5), abs=0.01)


def test_a_perfect_point_has_no_law() -> None:
    """The logarithm of no error is nothing to fit."""
    found = [[_scores(_matrix(kappa)[None], [0])] for kappa in (0.5, 1.0)]
    assert np.isnan(exponent([1, 2], found, n_draw=5)["exponent"])


def test_places_of_windows_that_look_for_themselves() -> None:
    """Windows that are the same in both modalities come first, shifted ones last; lost ones are no candidates."""
    unit = F.normalize(torch.randn(5, 3, 16, generator=torch.Generator().manual_seed(1)), dim=-1)
    valid = torch.ones(5, 3, dtype=torch.bool)
    assert ranks(unit, unit, valid).tolist() == [0] * 5
    assert ranks(unit, unit.roll(1, dims=0), valid).min() > 0
    valid[4] = False
    valid[0, 1:] = False
    assert ranks(unit, unit, valid).tolist() == [0] * 4


def test_windows_are_as_alike_as_their_mean_token() -> None:
    """One that agrees wholly at the one time that it has is nearer than the own one, which agrees to 0.9 thrice."""
    a = torch.tensor([1.0, 0.0]).expand(2, 3, 2)
    b = torch.stack([torch.tensor([0.9, 0.19**0.5]).expand(3, 2), a[0]])
    valid = torch.tensor([[True, True, True], [False, True, False]])
    assert ranks(a, b, valid).tolist() == [1, 0]
    assert ranks(a, a, valid).tolist() == [0, 0]  # what is as near is not before it


def test_persons_are_drawn_with_all_seeds() -> None:
    """One person alone, answered by two networks of other worth, leaves no width."""
    found = judged([_scores(_matrix(kappa)[None], [3]) for kappa in (0.5, 0.7)], ALL, 20)
    assert found["low"] == found["high"] == found["kappa"] == pytest.approx(0.6)


def test_what_an_arm_is_worth() -> None:
    """κ, accuracy and their interval over seeds and persons; a night without an epoch is no recording."""
    matrices = np.stack([_matrix(0.6), _matrix(0.6), np.zeros((2, 2), np.int64)])
    found = judged([_scores(matrices, [7, 7, 8])] * 2, ALL, 20)
    assert (found["kappa"], found["accuracy"]) == pytest.approx((0.6, 0.8))
    assert found["low"] == pytest.approx(found["high"]) == pytest.approx(0.6)
    assert found["n_recording"] == 2


def test_arms_are_compared_on_the_same_nights() -> None:
    """A difference needs both to have answered the same nights."""
    a, b = (_scores(np.stack([_matrix(kappa)] * 3), [0, 1, 2]) for kappa in (0.6, 0.5))
    assert less([a], ALL, [b], ALL, 20)["difference"] == pytest.approx(0.1)
    with pytest.raises(ModelError, match="answered other nights"):
        less([a], ALL, [_scores(b.counts[ALL][:2], [0, 1])], ALL, 20)


def test_lines_read_what_is_linear() -> None:
    """A number and a class that a line gives are read from vectors; unknown ones are not learnt from."""
    vector = np.random.default_rng(2).standard_normal((200, 6))
    age = 50 + vector @ np.arange(6.0)
    site = (vector[:, 0] > 0).astype(np.int64)
    told, kind = age.copy(), site.copy()
    told[:20], kind[:20] = np.nan, -1
    assert np.abs(regress(vector[:100], told[:100], vector[100:]) - age[100:]).max() < 0.5
    assert balanced_accuracy(site[100:], classify(vector[:100], kind[:100], vector[100:])) > 0.9


def test_balanced_accuracy_is_blind_to_sizes() -> None:
    """Always the larger class is one half; what nobody knows does not count."""
    assert balanced_accuracy(np.array([0, 0, 0, 1, -1]), np.array([0, 0, 0, 0, 1])) == 0.5
    assert np.isnan(balanced_accuracy(np.array([-1]), np.array([0])))


def test_settings_by_name() -> None:
    """Lists become tuples, others keep their default, and a wrong name is told with the right ones."""
    assert settings_of(Plan, {"seeds": [1, 2]}) == Plan(seeds=(1, 2))
    with pytest.raises(ModelError, match="no such setting: saw sedes, expected config"):
        settings_of(Plan, {"sedes": [1]})


def test_a_table_without_rows_is_an_error(tmp_path: object) -> None:
    """Nothing found is said, and nothing written."""
    with pytest.raises(ModelError, match="found nothing"):
        write_result(Result([], Chart("bar", "x", "y")), tmp_path, {})

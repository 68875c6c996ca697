"""Which persons, nights and epochs a loader takes, and that their samples are their own across chunks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from model.data import Loader, open_nights, open_pairs, open_windows
from model.data.dropout import SensorDropout
from model.data.loader import Options
from schemas.errors import CheckpointInvalid
from schemas.shard import modality_kind
from schemas.store import MISSING
from schemas.vocabulary import Modality
from tests.made_set import MODALITIES, counts_of, made_night, made_set, one_pass

PERSONS = (0, 1, 0, 2, 1, 2)  # of six nights


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three persons with two nights each."""
    nights = [made_night(k, 20, MODALITIES, subject=f"{person}") for k, person in enumerate(PERSONS)]
    return made_set(tmp_path_factory.mktemp("selection") / "set", train=nights)


@pytest.mark.parametrize("opened", [open_nights, open_windows, open_pairs])
def test_few_persons_come_with_all_their_nights(shards: Path, opened: Callable[..., Loader]) -> None:
    """One person is two nights, two are four; the seed decides who, and more than there are is everybody."""

    def nights(n: int, seed: int = 0) -> set[int]:
        window = {} if opened is open_nights else {"window": 8}
        loader = opened(shards, batch=4, seed=seed, options=Options(n_person=n), **window)
        return {int(number) for batch in one_pass(loader) for number in batch.recording}

    assert {frozenset(nights(1, seed)) for seed in range(9)} == {frozenset(s) for s in ({0, 2}, {1, 4}, {3, 5})}
    assert nights(1) == nights(1)
    two = nights(2)
    assert len(two) == 4
    assert len({PERSONS[number] for number in two}) == 2
    assert nights(9) == set(range(6))


def test_a_night_over_many_chunks_has_its_own_samples(tmp_path: Path) -> None:
    """A night of four chunks behind another comes sample for sample, also where a worker would copy it."""
    nights = [made_night(0, 50, MODALITIES), made_night(1, 200, MODALITIES)]
    place = made_set(tmp_path / "set", train=nights)
    for is_direct in (True, False):
        loader = open_nights(place, options=Options(modalities=["belt"], in_bed_only=False))
        loader._assembler.is_on_host = is_direct
        for number, batch in enumerate(loader):
            counts = counts_of(number, Modality.BELT, nights[number].n_epoch)
            stored = np.where(counts == MISSING, 0, counts * modality_kind(Modality.BELT).scale)
            np.testing.assert_allclose(batch.samples["belt"][0].numpy(), stored, rtol=1e-6)


def test_modalities_that_are_asked_for_have_their_own_usable_share(shards: Path) -> None:
    """Bad epochs of EEG are nobody else's, in whatever order modalities are opened."""
    for names in (("belt",), ("eeg",), ("resp", "eeg")):
        batch = next(iter(open_nights(shards, options=Options(modalities=names))))
        for name in names:
            bad = np.arange(2, 19) % 4 == 0
            assert batch.valid[name][0].tolist() == (~bad if name == "eeg" else bad | ~bad).tolist()


def test_who_knows_not_whether_it_is_bed_time_stays(tmp_path: Path) -> None:
    """Only epochs that are known to be out of bed go; those between others stay as tokens that are not valid."""
    in_bed = np.array([0, -1, 1, 0, 1, -1, 0], np.int8)
    night = made_night(0, 7, MODALITIES, arrays={"in_bed": in_bed})
    (batch,) = open_nights(made_set(tmp_path / "set", train=[night]))
    assert int(batch.start[0]) == 1
    assert batch.valid["belt"][0].tolist() == [True, True, False, True, True]


def test_just_enough_is_enough(tmp_path: Path) -> None:
    """A token of which exactly the least share is usable is valid."""
    usable = np.repeat(np.array([0.0, 0.49, 0.5, 1.0], np.float32)[:, None], len(MODALITIES), axis=1)
    night = made_night(0, 4, MODALITIES, arrays={"usable_fraction": usable})
    (batch,) = open_nights(made_set(tmp_path / "set", train=[night]), options=Options(least_usable=0.5))
    assert batch.valid["belt"][0].tolist() == [False, False, True, True]


def test_nothing_of_an_absent_modality_is_enough(tmp_path: Path) -> None:
    """Where no share is too small, tokens of what a night does not have are not valid all the same."""
    night = made_night(0, 4, (Modality.BELT,), arrays={})
    (batch,) = open_nights(made_set(tmp_path / "set", train=[night]), options=Options(least_usable=0.0))
    assert batch.valid["belt"].all()
    assert not batch.valid["resp"].any()


def test_sensors_fail_anew_in_every_pass_and_rank(tmp_path: Path) -> None:
    """Nights that are alike lose others on another rank or in another pass; a second loader loses the same."""
    nights = [made_night(0, 60, MODALITIES, subject=f"{k}") for k in range(2)]
    place = made_set(tmp_path / "set", train=nights)

    def passes(rank: int) -> list[torch.Tensor]:
        options = Options(rank=rank, n_rank=2, dropout=SensorDropout(span=1.0))
        loader = open_nights(place, batch=2, options=options)
        return [torch.cat([batch.valid["belt"] for batch in loader]) for _ in range(2)]

    first, second = passes(0), passes(1)
    assert all(torch.equal(a, b) for a, b in zip(first, passes(0), strict=True))
    assert len({tuple(lost.flatten().tolist()) for lost in (*first, *second)}) == 4


@pytest.mark.parametrize("n_before", [1, 4])
def test_a_place_lies_behind_the_batch_that_was_given(shards: Path, n_before: int) -> None:
    """What another loader gives from a place on is what the iteration that was not left gives next."""
    first, second = (open_pairs(shards, window=8, batch=4) for _ in range(2))
    batches = iter(first)
    for _ in range(n_before):
        next(batches)
    second.load_state_dict(first.state_dict())
    for expected, found in zip(islice(batches, 20), second, strict=False):
        assert list(found.samples) == list(expected.samples)
        assert torch.equal(found.recording, expected.recording)
        assert torch.equal(found.start, expected.start)


@pytest.mark.parametrize("other", [Options(n_person=2), Options(in_bed_only=False)])
def test_a_place_among_other_epochs_is_refused(shards: Path, other: Options) -> None:
    """The same recordings with fewer persons, or more of each night, are other data."""
    state = open_pairs(shards, window=8, batch=4).state_dict()
    with pytest.raises(CheckpointInvalid, match="other data"):
        open_pairs(shards, window=8, batch=4, options=other).load_state_dict(state)

"""What the loader hands over is what the shards hold, normalised, masked and in an order that can be taken up."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.batch import Batch
from model.data import Loader, open_nights, open_pairs, open_windows
from model.data.dropout import SensorDropout
from model.data.loader import Options
from pipeline.shards.read import open_shards
from schemas.errors import CheckpointInvalid, ModelError, SplitLeak, StoreCorrupt
from schemas.shard import Codec, modality_kind
from schemas.store import MISSING
from schemas.vocabulary import Modality
from tests.made_set import LENGTHS, MODALITIES, MONTAGES, counts_of, made_night, made_set, one_pass, take

NAMES = tuple(map(str, MODALITIES))
WINDOW = 16
TRAIN = range(len(LENGTHS))


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight nights; not to be changed."""
    return made_set(tmp_path_factory.mktemp("loader") / "set")


def places(batches: Iterable[Batch]) -> list[tuple[int, int]]:
    """Return recording and first epoch of every window."""
    pairs = [zip(batch.recording.tolist(), batch.start.tolist(), strict=True) for batch in batches]
    return [place for some in pairs for place in some]


def same(one: Batch, other: Batch) -> bool:
    """Return whether two batches are equal to the last bit."""
    groups = [(one.samples, other.samples), (one.valid, other.valid), (one.labels, other.labels)]
    groups.append((one.measured, other.measured))
    alike = all(list(a) == list(b) and all(torch.equal(a[k], b[k]) for k in a) for a, b in groups)
    return alike and torch.equal(one.recording, other.recording) and torch.equal(one.start, other.start)


# --- values ------------------------------------------------------------------------------------------------


def expected(shards: Path, number: int, modality: Modality, start: int, n: int) -> Any:
    """Return a window as the specification says it is, in float64."""
    train = open_shards(shards)
    counts = counts_of(number, modality, LENGTHS[number])[start : start + n]
    stored = counts * modality_kind(modality).scale
    column = MODALITIES.index(modality)
    if modality is Modality.EEG:
        center, scale = train.nights.center[number, column], train.nights.scale[number, column]
    elif modality is Modality.BELT:
        center, scale = 0.0, 1.0
    else:
        moments = train.statistics()["modalities"][modality]
        center, scale = moments["mean"], moments["sd"]
    return np.where(counts == MISSING, 0.0, (stored - center) / scale)


def test_samples_are_normalised_by_kind(shards: Path) -> None:
    """Each modality has its own zero and one; missing samples, padding and absent modalities are 0."""
    options = Options(with_measured=True)
    seen: Counter[str] = Counter()
    for batch in one_pass(open_windows(shards, window=WINDOW, batch=3, options=options)):
        for row, (number, start) in enumerate(places([batch])):
            n = min(WINDOW, LENGTHS[number] - 1 - start)
            for modality in MODALITIES:
                values, measured = batch.samples[modality][row].numpy(), batch.measured[modality][row].numpy()
                if modality not in MONTAGES[number % 4]:
                    assert not values.any()
                    assert not measured.any()
                    continue
                truth = expected(shards, number, modality, start, n)
                np.testing.assert_allclose(values[:n], truth, rtol=1e-5, atol=1e-5)
                counts = counts_of(number, modality, LENGTHS[number])[start : start + n]
                np.testing.assert_array_equal(measured[:n], counts != MISSING)
                assert not values[n:].any()
                assert not measured[n:].any()
                seen[modality] += 1
    assert set(seen) == set(NAMES)


@pytest.mark.parametrize(("least", "n_bad"), [(0.5, 1), (0.3, 0)])
def test_tokens_are_valid_where_enough_is_usable(shards: Path, least: float, n_bad: int) -> None:
    """Every fourth epoch of EEG has 40 %: it counts where that is enough, and padding never does."""
    (batch,) = take(open_nights(shards, batch=8, options=Options(least_usable=least)), 1)
    for number in TRAIN:
        epoch = np.arange(2, LENGTHS[number] - 1)
        has = Modality.EEG in MONTAGES[number % 4]
        truth = (epoch % 4 > 0) | (n_bad == 0)
        valid = batch.valid["eeg"][number].numpy()
        np.testing.assert_array_equal(valid[: len(epoch)], truth & has)
        assert not valid[len(epoch) :].any()


def test_nights_are_whole_and_once(shards: Path) -> None:
    """Each night comes once, from lights off to lights on, with its labels; beyond its end nothing is known."""
    loader = open_nights(shards, batch=3, labels=("stage", "event_arousal"))
    batches = list(loader)
    assert [number for number, _ in places(batches)] == list(TRAIN)
    assert {start for _, start in places(batches)} == {2}
    night = batches[0]
    assert night.samples["eeg"].shape == (3, LENGTHS[0] - 3, 3840)
    stage, arousal = night.labels["stage"], night.labels["event_arousal"]
    assert stage.dtype == torch.int64
    n = LENGTHS[1] - 3
    assert torch.equal(stage[1, :n], torch.arange(2, 2 + n) % 5)
    assert (stage[1, n:] == -1).all()
    assert torch.equal(arousal[1, :n, 7], torch.arange(2, 2 + n) % 2)
    assert (arousal[1, n:] == -1).all()
    assert [same(a, b) for a, b in zip(loader, batches, strict=True)] == [True] * 3, "a second pass is the first"


def test_nights_with_the_time_out_of_bed(shards: Path) -> None:
    """On request a night begins with its recording."""
    (batch,) = take(open_nights(shards, options=Options(in_bed_only=False)), 1)
    assert (int(batch.start), batch.samples["eeg"].shape[1]) == (0, LENGTHS[0])
    assert batch.valid["belt"].all()


def test_metadata_say_who_it_is(tmp_path: Path) -> None:
    """Persons and places have numbers; what nobody knows is NaN or -1."""
    facts: list[dict[str, Any]] = [
        {"age_years": 50.0, "sex": "female", "site": "a"},
        {"age_years": None, "sex": "unknown", "site": None},
        {"age_years": 51.0, "sex": "male", "site": "b"},
    ]
    nights = [made_night(k, 9, MODALITIES, subject=f"{k % 2}", facts=f) for k, f in enumerate(facts)]
    (batch,) = take(open_nights(made_set(tmp_path / "set", train=nights), batch=3), 1)
    who = batch.metadata
    assert who.subject.tolist() == [0, 1, 0]
    assert who.sex.tolist() == [1, -1, 0]
    assert len(set(who.site.tolist())) == 3
    assert torch.equal(who.age_years.isnan(), torch.tensor([False, True, False]))
    assert who.age_years[0] == 50


# --- order -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_rank", [1, 2, 3])
@pytest.mark.parametrize("kind", ["pairs", "windows"])
def test_each_window_is_seen_once_a_pass(shards: Path, kind: str, n_rank: int) -> None:
    """All ranks together see windows that lie back to back, as many as fit, each once, in the same steps."""
    opened = open_pairs if kind == "pairs" else open_windows
    ranks = [
        one_pass(opened(shards, window=WINDOW, batch=6, options=Options(rank=rank, n_rank=n_rank)))
        for rank in range(n_rank)
    ]
    assert len({len(batches) for batches in ranks}) == 1
    assert all(len({tuple(b.samples) for b in step}) == 1 for step in zip(*ranks, strict=True))
    seen = Counter(place for batches in ranks for place in places(batches))
    assert set(seen.values()) == {1}
    for number in TRAIN:
        starts = sorted(start for at, start in seen if at == number)
        if kind == "pairs" and len(MONTAGES[number % 4]) < 2:
            assert starts == []
            continue
        n = LENGTHS[number] - 3
        assert len(starts) == max(1, n // WINDOW)
        assert {b - a for a, b in itertools.pairwise(starts)} <= {WINDOW}
        assert starts[0] >= 2
        assert starts[-1] + min(n, WINDOW) <= LENGTHS[number] - 1


def test_passes_begin_at_different_places(shards: Path) -> None:
    """Over passes a window begins at every epoch that leaves room for as many windows."""
    loader = open_windows(shards, window=WINDOW, batch=16)
    starts = {start % WINDOW for _ in range(60) for number, start in places(one_pass(loader)) if number == 0}
    assert len(starts) == (LENGTHS[0] - 3) % WINDOW + 1


def test_a_batch_is_of_one_pair_that_all_its_nights_have(shards: Path) -> None:
    """Windows are of nights with both modalities, pairs take turns, batches are as full as they can be."""
    loader = open_pairs(shards, window=8, batch=4)
    used: Counter[tuple[str, ...]] = Counter()
    for _ in range(6):
        batches = one_pass(loader)
        for batch in batches:
            used[tuple(batch.samples)] += 1
            assert all(set(batch.samples) <= set(map(str, MONTAGES[k % 4])) for k in batch.recording.tolist())
        sizes = [len(batch.recording) for batch in batches]
        assert max(sizes) <= 4
        assert len(sizes) <= sum(sizes) / 4 + len(MONTAGES)
    assert set(used) == set(itertools.combinations(NAMES, 2))


def test_pairs_may_be_chosen(shards: Path) -> None:
    """Only the pairs that were named are drawn."""
    loader = open_pairs(shards, window=WINDOW, batch=4, pairs=[("belt", "spo2")])
    assert {tuple(batch.samples) for batch in one_pass(loader)} == {("belt", "spo2")}


def test_the_seed_is_the_order(shards: Path) -> None:
    """Same seed, same windows; another seed or another pass, others."""

    def order(seed: int) -> tuple[Any, Any]:
        loader = open_windows(shards, window=WINDOW, batch=4, seed=seed)
        return places(one_pass(loader)), places(one_pass(loader))

    assert order(1) == order(1)
    assert len({str(part) for seed in (1, 2) for part in order(seed)}) == 4


@pytest.mark.parametrize("n_before", [0, 3, 11])
def test_a_stopped_loader_goes_on_with_the_next_window(shards: Path, n_before: int) -> None:
    """What follows a place is the same, also across the end of a pass, also with sensors that fail."""
    options = Options(dropout=SensorDropout(modality=0.3, span=0.5))
    whole = open_pairs(shards, window=WINDOW, batch=4, options=options)
    take(whole, n_before)
    state = whole.state_dict()
    again = open_pairs(shards, window=WINDOW, batch=4, options=options)
    again.load_state_dict(state)
    assert all(same(a, b) for a, b in zip(take(whole, 12), take(again, 12), strict=True))


def test_an_iteration_that_was_left_is_over_and_moves_nothing(shards: Path) -> None:
    """Whoever asks an old iteration again, after a new one or after closing, gets nothing; the place stays."""
    loader = open_pairs(shards, window=WINDOW, batch=4)
    old, new = iter(loader), iter(loader)
    next(old), next(new)
    place = loader.state_dict()
    assert list(old) == []
    assert loader.state_dict() == place
    loader.close()
    assert list(new) == []
    assert loader.state_dict() == place


def test_a_place_in_other_data_is_refused(shards: Path) -> None:
    """A place has a meaning only in the order that it is from."""
    state = open_pairs(shards, window=WINDOW, batch=4).state_dict()
    with pytest.raises(CheckpointInvalid, match="other data"):
        open_pairs(shards, window=WINDOW, batch=5).load_state_dict(state)


# --- ways --------------------------------------------------------------------------------------------------


def test_workers_hand_over_the_same(shards: Path) -> None:
    """Batches through two processes are equal to the last bit, also after an iteration was left half-way."""
    labels = ("stage", "event_arousal")

    def opened(workers: int) -> Loader:
        options = Options(workers=workers, with_measured=True)
        return open_windows(shards, window=WINDOW, batch=3, labels=labels, options=options)

    alone, through = opened(0), opened(2)
    for n in (2, 12):  # the second time what was read ahead is dropped
        assert all(same(a, b) for a, b in zip(take(alone, n), take(through, n), strict=True))
        assert alone.state_dict() == through.state_dict()
    through.close()


def test_a_worker_hands_over_its_error(tmp_path: Path) -> None:
    """What a worker cannot read is raised where batches are asked for; a dead worker is said to be dead."""
    place = made_set(tmp_path / "set")
    loader = open_nights(place, batch=1, options=Options(workers=1, in_bed_only=False))
    batches = iter(loader)
    next(batches)
    flip(place / "train.zarr/belt/c/3/0")
    with pytest.raises(StoreCorrupt, match="belt"):
        list(batches)
    assert loader._ring is not None
    worker = loader._ring._workers[0]
    worker.kill()
    with pytest.raises(ModelError, match="exit code -9"):
        list(loader)
    loader.close()


def flip(path: Path) -> None:
    """Change a byte of a file."""
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)


def test_damage_is_an_error(tmp_path: Path) -> None:
    """A flipped byte never becomes a sample; file and recordings are named."""
    place = made_set(tmp_path / "set")
    flip(place / "train.zarr/eeg/c/0/0")
    with pytest.raises(StoreCorrupt, match=r"train\.zarr/eeg/c/0/0.*made/train\.zarr-0"):
        list(open_nights(place))


def test_compressed_sets_read_the_same(shards: Path, tmp_path: Path) -> None:
    """A set that is read through zarr-python gives the same batches."""
    packed = made_set(tmp_path / "set", Codec.ZSTD)
    assert not open_shards(packed).is_direct
    both = [one_pass(open_windows(place, window=WINDOW, batch=9)) for place in (shards, packed)]
    assert all(same(a, b) for a, b in zip(*both, strict=True))


def test_scaling_on_a_device_is_the_same(shards: Path) -> None:
    """Counts that are scaled by torch, as on a GPU, come to the same values to rounding."""
    direct, by_torch = (open_nights(shards, batch=3, options=Options(with_measured=True)) for _ in range(2))
    by_torch._assembler.is_on_host = False
    for a, b in zip(direct, by_torch, strict=True):
        for name in NAMES:
            torch.testing.assert_close(a.samples[name], b.samples[name], rtol=1e-5, atol=1e-5)
            assert torch.equal(a.measured[name], b.measured[name])
            assert torch.equal(a.valid[name], b.valid[name])


def test_memory_is_used_again_but_never_under_somebody(shards: Path) -> None:
    """A batch that is held keeps its samples; one that was let go lends its memory to the next."""
    loader = open_windows(shards, window=WINDOW, batch=1)
    batches = iter(loader)
    held = next(batches)
    before = held.samples["eeg"].clone()
    there = [next(batches).samples["eeg"].data_ptr() for _ in range(6)]
    assert torch.equal(held.samples["eeg"], before)
    assert held.samples["eeg"].data_ptr() not in there
    assert len(set(there)) < len(there)


def test_workers_do_without_torch() -> None:
    """What a worker imports does not bring torch, which takes seconds and memory."""
    code = "import sys, model.data.ring; print('torch' in sys.modules)"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# --- refusals --------------------------------------------------------------------------------------------


def test_a_leaking_set_is_refused(tmp_path: Path) -> None:
    """A person of the split test who is trained on as well is an error before anything is read."""
    place = made_set(tmp_path / "set", test=[made_night(3, 20, MODALITIES)])
    with pytest.raises(SplitLeak, match="two splits"):
        open_pairs(place)


def test_nothing_to_read_is_an_error(shards: Path, tmp_path: Path) -> None:
    """Asking for what nobody has says so."""
    place = made_set(tmp_path / "set", train=[made_night(0, 20, (Modality.EEG,))])
    with pytest.raises(ModelError, match="no window"):
        open_pairs(place)
    assert next(iter(open_nights(shards, options=Options(modalities=["resp"])))).samples.keys() == {"resp"}


def test_mean_and_sd_of_train_must_be_known(tmp_path: Path) -> None:
    """A modality that nobody had in training cannot be normalised by it."""
    train = [made_night(0, 20, (Modality.EEG,))]
    place = made_set(tmp_path / "set", train=train, val=[made_night(1, 20, MODALITIES)])
    with pytest.raises(ModelError, match="mean and standard deviation of spo2"):
        open_nights(place, options=Options(split="val"))


def test_the_lines_of_the_page_run(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What docs/train.md shows of the loader does what its comments say."""
    page = (Path(__file__).parents[3] / "docs" / "train.md").read_text("utf-8")
    (piece,) = re.findall(r"```python\n(from model\.data import.*?)```", page, re.DOTALL)
    monkeypatch.chdir(shards.parent)
    names: dict[str, Any] = {}
    exec(piece.replace('"shards"', '"set"'), names)
    assert names["eeg"].shape[2] == 3840
    assert names["stage"].shape == names["valid"].shape

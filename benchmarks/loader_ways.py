"""The ways to a window that `benchmarks.loader` compares; all of them end in equal float32 tensors."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
import zarr
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from benchmarks.shard_set import Night, write_nights
from model.data.draw import Draw
from model.data.loader import Options, open_windows
from model.data.normalise import Scaling, to_float
from pipeline.shards.read import open_shards
from schemas.shard import CHUNK_EPOCH, modality_kind
from schemas.store import MISSING
from schemas.vocabulary import Modality

__all__ = [
    "NIGHT_EPOCH",
    "PEERS",
    "Apart",
    "first_pass",
    "names",
    "noise_night",
    "of_first_night",
    "prepare",
    "way",
]

MODALITIES = tuple(map(str, Modality))
NIGHT_EPOCH = 960  # eight hours
WINDOW = 120  # epochs
BATCH = 8  # windows that our loader makes at a time
_GAP = 0.02  # share of the epochs that begin with ten seconds missing
_N_BLOCK = 64  # epochs of noise that nights are made of
_N_PLACE = 4000  # windows that are drawn before a way begins anew
Place = tuple[int, int]  # night and first epoch
Window = dict[str, torch.Tensor]  # (120, N) float32, by modality


@dataclass(frozen=True)
class Way:
    """A way to windows.

    Parameters
    ----------
    take : callable
        Takes so many windows.
    pids : sequence of int
        Processes that work for it.
    """

    take: Callable[[int], None]
    pids: Sequence[int] = ()


def noise_night(seed: int, n_epoch: int) -> Night:
    """Return a night of noise of about ten bits, in which now and then ten seconds are missing."""
    rng = np.random.default_rng(seed)
    counts = {}
    for modality in Modality:
        n = modality_kind(modality).rate_class.n_per_epoch
        values = np.clip(rng.standard_normal((_N_BLOCK, n)) * 200, -3000, 3000).astype(np.int16)
        night = values[rng.integers(0, _N_BLOCK, n_epoch)]
        night[rng.random(n_epoch) < _GAP, : n // 3] = MISSING
        counts[modality] = night
    return Night(f"{seed}", n_epoch, counts)


Convert = Callable[[NDArray[np.int16], np.float32, np.float32, NDArray[np.float32]], None]


def floats(
    window: dict[str, NDArray[Any]],
    scaling: Scaling,
    night: int,
    out: Window | None = None,
    convert: Convert = to_float,
) -> Window:
    """Normalise counts into new tensors, or into those that are given; floats are left as they are."""
    made: Window = {}
    for name, values in window.items():
        if values.dtype == np.float32:
            made[name] = torch.from_numpy(values)
            continue
        made[name] = torch.empty(values.shape) if out is None else out[name]
        convert(values, scaling.gain[name][night], scaling.offset[name][night], made[name].numpy())
    return made


# --- how peers read: callables that can be sent to a worker ------------------------------------------------


@cache
def _kept(kind: str, folder: Path, night: int) -> Any:
    """Return what a way keeps open in each process."""
    if kind == "zarr":
        return zarr.open_group(str(folder / "set" / "train.zarr"), mode="r")
    if kind == "hdf5":
        return h5py.File(folder / f"{night}.h5")
    return {name: np.load(folder / f"{night}-{name}.npy", mmap_mode="r") for name in MODALITIES}


def read_zarr(folder: Path, night: int, epochs: slice) -> dict[str, NDArray[Any]]:
    group, first = _kept("zarr", folder, 0), night * NIGHT_EPOCH
    return {name: group[name][first + epochs.start : first + epochs.stop] for name in MODALITIES}


def read_kept(kind: str, folder: Path, night: int, epochs: slice) -> dict[str, NDArray[Any]]:
    arrays = _kept(kind, folder, night)
    return {name: arrays[name][epochs] for name in MODALITIES}


def read_npz(folder: Path, night: int, epochs: slice) -> dict[str, NDArray[Any]]:
    with np.load(folder / f"{night}.npz") as arrays:
        return {name: arrays[name][epochs] for name in MODALITIES}


def read_npy(folder: Path, night: int, epochs: slice) -> dict[str, NDArray[Any]]:
    return read_kept("npy", folder, night, epochs)


def read_hdf5(folder: Path, night: int, epochs: slice) -> dict[str, NDArray[Any]]:
    return read_kept("hdf5", folder, night, epochs)


Read = Callable[[Path, int, slice], dict[str, NDArray[Any]]]
PEERS: dict[str, Read] = {"zarr_python": read_zarr, "npz": read_npz, "hdf5": read_hdf5, "memory_map": read_npy}


class Windows(Dataset[Window]):
    """Windows as a plain Dataset makes them."""

    def __init__(self, folder: Path, read: Read, scaling: Scaling, places: list[Place]) -> None:
        self._folder, self._read, self._scaling, self._places = folder, read, scaling, places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Window:
        night, start = self._places[index]
        return floats(self._read(self._folder, night, slice(start, start + WINDOW)), self._scaling, night)


# --- all ways ----------------------------------------------------------------------------------------------


def write_all(folder: Path, n_night: int) -> None:
    """Write the same nights as a set, as npz of floats, as npy of counts and as HDF5 of compressed chunks."""
    nights = [noise_night(seed, NIGHT_EPOCH) for seed in range(n_night)]
    write_nights(folder / "set", {"train": nights}, tuple(Modality))
    scaling = Scaling.of(open_shards(folder / "set"))
    for number, night in enumerate(nights):
        counts = {str(m): values for m, values in night.counts.items()}
        np.savez(folder / f"{number}.npz", **{k: v.numpy() for k, v in floats(counts, scaling, number).items()})
        with h5py.File(folder / f"{number}.h5", "w") as file:
            for name, values in counts.items():
                np.save(folder / f"{number}-{name}.npy", values)
                chunks = (CHUNK_EPOCH, values.shape[1])
                file.create_dataset(name, data=values, chunks=chunks, compression="lzf", shuffle=True)


def prepare(folder: Path, n_night: int) -> None:
    """Write the nights in every layout.

    Raises
    ------
    AssertionError
        When two ways do not come to the same values.
    """
    write_all(folder, n_night)
    _check(folder, Scaling.of(open_shards(folder / "set")), _places(n_night)[:3])


def names(n_worker: int) -> list[str]:
    """Return the ways, those through workers where there are any."""
    peers = [name for name in PEERS if name != "memory_map"]
    own = ["floor", "own_floor", "ours_one_by_one", "memory_map_reused", "ours", "memory_map", *peers]
    return own + ([f"{name}_workers" for name in ("ours", *PEERS)] if n_worker else [])


def way(folder: Path, name: str, n_night: int, n_worker: int) -> Way:
    """Return a way by its name, ready to be timed."""
    torch.set_num_threads(1)
    scaling, places = Scaling.of(open_shards(folder / "set")), _places(n_night)
    if name.endswith("floor"):
        convert = to_float if name == "own_floor" else plainly
        return _into_one(_in_memory(folder, n_night), scaling, places, convert)
    if name == "memory_map_reused":
        return _into_one(partial(read_npy, folder), scaling, places)
    kind, through, _ = name.partition("_workers")
    n = n_worker if through else 0
    if kind in PEERS:
        return _started(partial(_plain, Windows(folder, PEERS[kind], scaling, places), n), 1)
    batch = 1 if kind == "ours_one_by_one" else BATCH
    n_before = 4 * n_night * (NIGHT_EPOCH // WINDOW) * max(1, n)  # until each process has checked every chunk
    return _started(partial(_ours, folder, batch, n), batch, n_before)


class Apart:
    """A way in a process of its own: its memory is not what another way left behind."""

    def __init__(self, folder: Path, name: str, n_night: int, n_worker: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, folder, name, n_night, n_worker))
        self._process.start()
        self.pids: list[int] = self._pipe.recv()

    def take(self, n: int) -> None:
        """Take so many windows there."""
        self._pipe.send(n)
        self._pipe.recv()

    def close(self) -> None:
        """End the process."""
        self._pipe.send(0)
        self._process.join()


def _serve(pipe: Connection, folder: Path, name: str, n_night: int, n_worker: int) -> None:
    own = way(folder, name, n_night, n_worker)
    pipe.send([os.getpid(), *own.pids])
    while n := pipe.recv():
        own.take(n)
        pipe.send(None)


def _places(n_night: int) -> list[Place]:
    rng = np.random.default_rng(0)
    return [(int(rng.integers(n_night)), int(rng.integers(NIGHT_EPOCH - WINDOW))) for _ in range(_N_PLACE)]


def _in_memory(folder: Path, n_night: int) -> Callable[[int, slice], dict[str, NDArray[Any]]]:
    counts = [{k: np.array(v) for k, v in _kept("npy", folder, night).items()} for night in range(n_night)]
    return lambda night, epochs: {name: values[epochs] for name, values in counts[night].items()}


def of_first_night(place: Path) -> Way:
    """Return our way to windows of a set's first night, whatever else the set holds."""
    loader = open_windows(place, window=WINDOW)
    rng = np.random.default_rng(0)

    def take(n: int) -> None:
        for start in rng.integers(0, NIGHT_EPOCH - WINDOW, n):
            one = np.array([start])
            loader.read(Draw(MODALITIES, np.zeros(1, np.int64), one, np.full(1, WINDOW), WINDOW))

    return Way(take)


def _check(folder: Path, scaling: Scaling, places: list[Place]) -> None:
    loader = open_windows(folder / "set", window=WINDOW)
    for night, start in places:
        one = np.array([night]), np.array([start]), np.array([WINDOW])
        ours = loader.read(Draw(MODALITIES, *one, WINDOW)).samples
        for read in PEERS.values():
            other = floats(read(folder, night, slice(start, start + WINDOW)), scaling, night)
            assert all(torch.equal(ours[name][0], other[name]) for name in MODALITIES), read.__name__


def plainly(counts: NDArray[np.int16], gain: np.float32, offset: np.float32, out: NDArray[np.float32]) -> None:
    """Convert in as few steps as say what is meant."""
    np.multiply(counts, gain, out=out)
    np.add(out, offset, out=out)
    np.copyto(out, np.float32(0), where=counts == MISSING)


def _into_one(
    read: Callable[[int, slice], dict[str, NDArray[Any]]],
    scaling: Scaling,
    places: list[Place],
    convert: Convert = to_float,
) -> Way:
    """Return a way that writes all windows into the same tensors."""
    out = {m.value: torch.empty(WINDOW, modality_kind(m).rate_class.n_per_epoch) for m in Modality}
    turn = iter(places)

    def take(n: int) -> None:
        for _ in range(n):
            night, start = next(turn)
            floats(read(night, slice(start, start + WINDOW)), scaling, night, out, convert)

    return Way(take)


def _ours(folder: Path, batch: int, n_worker: int) -> Iterator[Any]:
    return iter(open_windows(folder / "set", window=WINDOW, batch=batch, options=Options(workers=n_worker)))


def _plain(dataset: Windows, n_worker: int) -> Iterator[Any]:
    context = "spawn" if n_worker else None
    return iter(DataLoader(dataset, batch_size=None, num_workers=n_worker, multiprocessing_context=context))


def first_pass(folder: Path, n_night: int) -> float:
    """Return CPU milliseconds a window of a first pass over nights, in which every checksum is looked at."""
    batches, n = _ours(folder, BATCH, 0), n_night * (NIGHT_EPOCH // WINDOW)
    begun_s = time.process_time()
    for _ in range(n // BATCH):
        next(batches)
    return 1e3 * (time.process_time() - begun_s) / n


def _started(begin: Callable[[], Iterator[Any]], n_in_batch: int, n_before: int = 0) -> Way:
    """Return a way to windows that come in batches, its workers at work, so many windows taken before."""
    before = set(multiprocessing.active_children())
    batches = begin()
    next(batches)
    pids = [child.pid for child in set(multiprocessing.active_children()) - before if child.pid]

    def take(n: int) -> None:
        for _ in range(n // n_in_batch):
            next(batches)

    take(n_before)
    return Way(take, pids)

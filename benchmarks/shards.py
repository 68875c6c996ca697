"""What training shards cost: building them, opening a set, and a window of nine modalities beside other layouts.

``python -m benchmarks.shards WHAT FOLDER …`` measures one thing in this process and prints JSON; `shards` makes the
nights and runs them all, each in a process of its own. All layouts are read in turns, at the same places.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.measure import run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.evidence import Figures, Parameters, Progress

    Take = Callable[[str, int, int], "NDArray[Any]"]

N_EPOCH = 120  # epochs of a window
NIGHT = 960  # epochs of eight hours


def shards(progress: Progress, parameters: Parameters) -> Figures:
    """Build rate, cost of opening, and cost of a window, with what they are compared with."""
    with tempfile.TemporaryDirectory() as folder:
        return progress.once("shards", lambda: _measured(Path(folder), **parameters))


def _measured(place: Path, *, nights: int, hours: float, times: int, windows: int, sizes: list[int]) -> Figures:
    from pipeline.synth import synthesise
    from tests.command_line import in_process

    synthesise(place / "download", recipe="synthetic", nights=nights, hours=hours, seed=1)
    done = in_process("convert", "synthetic", "--root", place / "download", "--out", place / "out", cwd=place)
    assert done.returncode == 0, done.stderr
    figures: Figures = {"build": _child("build", place, str(times))}
    figures["window"] = _child("windows", place, str(windows))
    for n in sizes:
        _child("grow", place, str(n))
        figures[f"set_of_{n}"] = _child("open", place, str(n), str(windows))
    return figures


def _child(what: str, place: Path, *arguments: str) -> Figures:
    found: Figures = json.loads(run(["-m", "benchmarks.shards", what, str(place), *arguments]).output)
    return found


# --- one thing a process -----------------------------------------------------------------------------------


def build(place: Path, times: str) -> Figures:
    """Build all nights so many times over as one set, and say what those parts take that cannot be left out.

    Beside the unpacking of the stores' zstd, that of the same chunks packed by LZ4.
    """
    import dataclasses

    import numpy as np
    from google_crc32c import value
    from numcodecs import blosc

    from pipeline.shards.build import Recipe, build_from
    from pipeline.shards.choose import good_recordings, person
    from pipeline.shards.recording import RecordingStore, Scratch
    from pipeline.splits import make_splits
    from schemas.shard import CHUNK_EPOCH
    from schemas.vocabulary import Modality

    chosen = good_recordings(place / "out")
    splits = make_splits(map(person, chosen), val=0, test=0)
    build_from(chosen, splits, place / "train", Recipe())
    n_night = sum(recording.n_epoch for recording in chosen) / NIGHT
    many = [dataclasses.replace(c, name=f"{c.name}-{k}") for k in range(int(times)) for c in chosen]
    stores = [RecordingStore(c.path, c.name, c.root_digest) for c in chosen]
    scratch = Scratch()
    channels = [(store, channel) for store in stores for m in Modality if (channel := store.primary(m))]
    whole = [np.array(store.counts(channel, scratch)) for store, channel in channels]

    blosc.use_threads = False
    chunks = [counts[at : at + CHUNK_EPOCH] for counts in whole for at in range(0, len(counts), CHUNK_EPOCH)]
    packed = [blosc.compress(chunk, b"lz4", 5, blosc.BITSHUFFLE, 0, 2) for chunk in chunks]
    room = np.empty(max(chunk.nbytes for chunk in chunks), np.uint8)
    paths = {store.name: c.path for store, c in zip(stores, chosen, strict=True)}
    n_stored = sum((paths[store.name] / channel / "c/0/0").stat().st_size for store, channel in channels)

    def target() -> Path:
        return Path(tempfile.mkdtemp(dir=place)) / "set"  # a new one: to remove what was there is not building

    def write() -> None:
        with (place / "written").open("wb", buffering=0) as stream:
            for counts in whole:
                stream.write(counts.data)
        (place / "written").unlink()

    parts = {
        "build": lambda: build_from(many, splits, target(), Recipe()),
        "unpack": lambda: [store.counts(channel, scratch) for store, channel in channels],
        "unpack_lz4": lambda: [blosc.decompress(chunk, room) for chunk in packed],
        "write": write,
        "checksum": lambda: [value(counts) for counts in whole],
    }
    spent: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(5):
        for name, work in parts.items():
            spent[name].append(_cpu_s(work))
    n_built = {"build": n_night * int(times)}
    ms = {f"{name}_ms": 1e3 * median(found) / n_built.get(name, n_night) for name, found in spent.items()}
    needed_ms = ms["unpack_ms"] + ms["write_ms"] + ms["checksum_ms"]
    rates = {"nights_a_second": 1e3 / ms["build_ms"], "nights_a_second_at_most": 1e3 / needed_ms}
    of_unpack = {
        "build_over_unpack": median(a / b for a, b in zip(spent["build"], spent["unpack"], strict=True))
        * (n_night / n_built["build"]),
        "lz4_over_zstd": median(a / b for a, b in zip(spent["unpack_lz4"], spent["unpack"], strict=True)),
        "lz4_byte_over_zstd": sum(map(len, packed)) / n_stored,
    }
    return {**ms, **rates, **of_unpack, "n_night": n_built["build"]}


def _cpu_s(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def windows(place: Path, n: str) -> Figures:
    """Read windows of every modality into float32, missing samples 0, from several layouts in turns."""
    import h5py
    import numpy as np
    import zarr

    from pipeline.shards.read import open_shards
    from schemas.store import MISSING

    shards_, group = open_shards(place / "train"), str(place / "train" / "train.zarr")
    names = [str(m) for m in shards_.modalities]
    whole = {name: shards_.read(name, 0, shards_.n_epoch) for name in names}
    starts, lengths = shards_.nights.start.tolist(), shards_.nights.length.tolist()
    with h5py.File(place / "set.h5", "w") as file:
        for name in names:
            np.save(place / f"{name}.npy", whole[name])
            file.create_dataset(
                name, data=whole[name], chunks=(60, whole[name].shape[1]), compression="lzf", shuffle=True
            )
    for i, (start, length) in enumerate(zip(starts, lengths, strict=True)):
        values = {m: _float(whole[m][start : start + length], shards_.scale_factor(m)) for m in shards_.modalities}
        np.savez(place / f"night-{i}.npz", **{str(m): v for m, v in values.items()})
    maps = {name: np.load(place / f"{name}.npy", mmap_mode="r") for name in names}
    hdf5 = h5py.File(place / "set.h5", "r")
    plain = {name: zarr.open_array(group, path=name, mode="r") for name in names}
    with zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}):
        rust = {name: zarr.open_array(group, path=name, mode="r") for name in names}
    sinks = {m: np.empty((N_EPOCH, shards_.n_per_epoch(m)), np.float32) for m in shards_.modalities}

    def packed(take: Take) -> Callable[[int], None]:
        def read(start: int) -> None:
            for m in shards_.modalities:
                _convert(take(m, start, N_EPOCH), shards_.scale_factor(m), sinks[m], MISSING)

        return read

    def direct(start: int) -> None:
        for m in shards_.modalities:
            done, sink, scale = 0, sinks[m], shards_.scale_factor(m)
            for piece in shards_.pieces(m, start, N_EPOCH):
                _convert(piece, scale, sink[done : done + len(piece)], MISSING)
                done += len(piece)

    def npz(start: int) -> None:
        i = max(k for k, first in enumerate(starts) if first <= start)
        with np.load(place / f"night-{i}.npz") as night:
            for m in shards_.modalities:
                np.copyto(sinks[m], night[m][start - starts[i] : start - starts[i] + N_EPOCH])

    layouts: dict[str, Callable[[int], None]] = {
        "floor": packed(lambda m, a, k: whole[m][a : a + k]),
        "direct": direct,
        "npy_map": packed(lambda m, a, k: maps[m][a : a + k]),
        "zarr_python": packed(lambda m, a, k: plain[m][a : a + k]),
        "zarrs": packed(lambda m, a, k: rust[m][a : a + k]),
        "h5py_lzf": packed(lambda m, a, k: hdf5[m][a : a + k]),
        "npz_float32": npz,
    }
    return _in_turns(layouts, _places(starts, lengths, int(n)))


def _float(counts: NDArray[np.int16], scale: float) -> NDArray[np.float32]:
    import numpy as np

    from schemas.store import MISSING

    sink = np.empty(counts.shape, np.float32)
    _convert(counts, scale, sink, MISSING)
    return sink


def _convert(counts: NDArray[np.int16], scale: float, sink: NDArray[np.float32], missing: int) -> None:
    """Turn counts into values and missing ones into 0, with nothing allocated but a mask."""
    import numpy as np

    np.multiply(counts, np.float32(scale), out=sink, dtype=np.float32)
    np.copyto(sink, 0, where=counts == missing)


def _places(starts: list[int], lengths: list[int], n: int) -> list[int]:
    import numpy as np

    rng = np.random.default_rng(0)
    long = [i for i, length in enumerate(lengths) if length >= N_EPOCH]
    nights = rng.choice(long, n).tolist()
    return [starts[i] + int(rng.integers(0, lengths[i] - N_EPOCH + 1)) for i in nights]


def _in_turns(layouts: dict[str, Callable[[int], None]], places: list[int]) -> Figures:
    for read in layouts.values():
        for start in places:  # files into the page cache, checksums looked at
            read(start)
    spent: dict[str, list[float]] = {name: [] for name in layouts}
    for start in places:
        for name, read in layouts.items():
            spent[name].append(_cpu_s(lambda read=read, start=start: read(start)))
    ms = {name: 1e3 * median(found) for name, found in spent.items()}
    over = {f"over_{least}": {k: v / ms[least] for k, v in ms.items()} for least in ("floor", "direct")}
    return {"ms": ms, **over}


def grow(place: Path, n: str) -> Figures:
    """Write a set of many tiny recordings: the epochs of one night, or one epoch each where they are more."""
    import dataclasses

    import xarray as xr

    from pipeline.api import open_recording
    from pipeline.shards.build import Recipe, build_from
    from pipeline.shards.choose import good_recordings, person
    from pipeline.splits import make_splits
    from pipeline.write.store import write_store

    like = good_recordings(place / "out")[0]
    n_epoch = min(like.n_epoch, max(1, NIGHT // int(n)))
    path = place / f"tiny-{n}.zarr"
    night: xr.Dataset = open_recording(like.path).isel(epoch=slice(0, n_epoch)).load()
    summary = write_store(night, path)
    tiny = dataclasses.replace(like, path=path, root_digest=summary.root_digest, n_epoch=n_epoch)
    many = [
        dataclasses.replace(tiny, name=f"made/{i:06d}", facts={**like.facts, "subject": f"{i:06d}"})
        for i in range(int(n))
    ]
    report = build_from(many, make_splits(map(person, many), val=0, test=0), place / f"set-{n}", Recipe())
    return {"n_byte": report.n_byte}


def open_set(place: Path, n: str, n_window: str) -> Figures:
    """Open the set, and read windows from it."""
    import numpy as np

    from pipeline.shards.read import open_shards

    before_mb = _peak_mb()
    begun = time.perf_counter()
    opened = open_shards(place / f"set-{n}")
    took_s = time.perf_counter() - begun
    peak_mb = _peak_mb()
    sinks = {m: np.empty((N_EPOCH, opened.n_per_epoch(m)), np.int16) for m in opened.modalities}

    def window(start: int) -> None:
        for m, sink in sinks.items():
            opened.read_window(start, N_EPOCH, m, sink)

    places = np.random.default_rng(0).integers(0, opened.n_epoch - N_EPOCH + 1, int(n_window)).tolist()
    for start in range(0, opened.n_epoch - N_EPOCH + 1, 60):
        window(start)  # checksums are looked at once
    spent = [_cpu_s(lambda start=start: window(start)) for start in places]
    return {
        "n_recording": len(opened.nights.recording),
        "open_s": took_s,
        "peak_mb": peak_mb,
        "added_mb": peak_mb - before_mb,
        "window_ms": 1e3 * median(spent),
    }


def _peak_mb() -> float:
    """Return the largest resident set of this program; ``getrusage`` would count the parent's, too."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    works: dict[str, Callable[..., Figures]] = {"build": build, "windows": windows, "grow": grow, "open": open_set}
    print(json.dumps(works[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])))

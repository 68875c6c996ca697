"""The figures of docs/adr/0002-store-layout.md: codecs and chunk sizes, in CPU time and size.

Signals: 1/f noise of 8 to 12 effective bits for a night, and the channels of the Sleep-EDF excerpt in tests/data.
Usage: ``OMP_NUM_THREADS=1 python -m benchmarks.store_layout``
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import edfio
import numpy as np
import zarr
from numcodecs import blosc
from numpy.typing import NDArray
from scipy.signal import resample_poly
from zarr.codecs import BloscCodec, Crc32cCodec

EXCERPT = Path(__file__).parents[1] / "tests/data/sleep-edf/SC4001E0_rec0960-1319-PSG.edf"
CODECS = {
    "zstd 1, bit shuffle": ("zstd", 1, blosc.BITSHUFFLE),
    "zstd 3, bit shuffle": ("zstd", 3, blosc.BITSHUFFLE),
    "zstd 1, byte shuffle": ("zstd", 1, blosc.SHUFFLE),
    "zstd 1, no shuffle": ("zstd", 1, blosc.NOSHUFFLE),
    "lz4, bit shuffle": ("lz4", 1, blosc.BITSHUFFLE),
}


def cpu_ms(work: Callable[[], object], n: int = 5) -> float:
    """Median CPU milliseconds of a call."""
    spent = []
    for _ in range(n):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return 1e3 * median(spent)


def pink(n: int, bits: int, rng: np.random.Generator) -> NDArray[np.int16]:
    """1/f noise whose range of plus and minus four standard deviations takes ``bits`` bits."""
    shape = np.arange(n // 2 + 1, dtype=np.float64)
    shape[0] = 1
    noise = np.fft.irfft(
        (rng.standard_normal(shape.size) + 1j * rng.standard_normal(shape.size)) / np.sqrt(shape), n
    )
    return np.clip(np.rint(noise / noise.std() * 2 ** (bits - 3)), -32767, 32767).astype(np.int16)


def excerpt() -> NDArray[np.int16]:
    """EEG and EOG of the real excerpt at 128 Hz in counts of 2^-5 µV, epochs in rows."""
    channels = [s.data for s in edfio.read_edf(EXCERPT).signals if s.sampling_frequency == 100]
    counts = [np.rint(resample_poly(x - np.median(x), 32, 25) * 32).astype(np.int16) for x in channels]
    return np.concatenate([x[: x.size // 3840 * 3840].reshape(-1, 3840) for x in counts])


def codecs(name: str, data: NDArray[np.int16]) -> None:
    """Print size and speed of every codec on chunks of 60 epochs."""
    blocks = [np.ascontiguousarray(data[i : i + 60]) for i in range(0, len(data), 60)]
    for codec, (cname, level, shuffle) in CODECS.items():
        encode = [(block, cname.encode(), level, shuffle, 0, 2) for block in blocks]
        packed = [blosc.compress(*arguments) for arguments in encode]
        write = cpu_ms(lambda encode=encode: [blosc.compress(*arguments) for arguments in encode])
        read = cpu_ms(lambda packed=packed: [blosc.decompress(block) for block in packed])
        size, megabyte = sum(map(len, packed)) / data.nbytes, data.nbytes / 1e6
        print(f"{name:9} {codec:21} {size:.3f}  {1e3 * megabyte / write:5.0f} {1e3 * megabyte / read:5.0f} MB/s")


def chunks(data: NDArray[np.int16], folder: Path) -> None:
    """Print what reading costs through zarr-python for several sizes of inner chunks."""
    rng = np.random.default_rng(1)
    codec = [BloscCodec(cname="zstd", clevel=1, shuffle="bitshuffle", typesize=2), Crc32cCodec()]
    for chunk in (10, 30, 60, 120, 240, 960):
        layout: dict[str, Any] = {"chunks": (chunk, 3840), "shards": data.shape, "compressors": codec}
        path = str(folder / str(chunk))
        zarr.create_array(path, shape=data.shape, dtype="int16", fill_value=0, **layout)[...] = data
        array = zarr.open_array(path, mode="r")
        costs = []
        for n_epoch in (1, 120, 960):
            starts = iter(rng.integers(0, 961 - n_epoch, 40).tolist())
            costs.append(cpu_ms(lambda a=array, s=starts, n=n_epoch: a[(k := next(s)) : k + n], 30))
        print(f"chunk {chunk:4}  1, 120, 960 epochs: " + "  ".join(f"{cost:5.2f} ms" for cost in costs))


def main() -> None:
    """Print all figures."""
    blosc.use_threads = False
    rng = np.random.default_rng(0)
    for bits in (8, 10, 12):
        codecs(f"{bits} bits", pink(960 * 3840, bits, rng).reshape(960, 3840))
    codecs("Sleep-EDF", excerpt())
    with tempfile.TemporaryDirectory() as folder:
        chunks(pink(960 * 3840, 10, rng).reshape(960, 3840), Path(folder))


if __name__ == "__main__":
    main()

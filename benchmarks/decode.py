"""Decoding an EDF against named readers, in CPU time: ``python -m benchmarks.decode``.

Writes an 8-h night with the signals and rates of MESA (about 140 MB) to a temporary folder, then lets each reader
decode it in turns: one warm-up, then rounds in which every reader runs once, medians of process CPU time (user and
system, all threads). The file is in the page cache. Digital outputs are asserted equal to ours before timing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median

import edfio
import mne
import numpy as np
import pyedflib

from benchmarks.edf_bytes import Column, build_edf
from pipeline.read.edf import EdfFile, open_edf

N_RECORD = 28_800  # 8 h of records of 1 s
RATES_HZ = {
    **dict.fromkeys(("EKG", "EOG-L", "EOG-R", "EMG", "EEG1", "EEG2", "EEG3", "Pleth", "DHR"), 256),
    **dict.fromkeys(("Pres", "Flow", "Snore", "Thor", "Abdo", "Leg", "Therm", "Pos"), 32),
    **dict.fromkeys(("OxStatus", "SpO2", "HR"), 1),
}
NEEDED = ("EKG", "EOG-L", "EOG-R", "EMG", "EEG1", "EEG2", "EEG3", "Flow", "Thor", "Abdo", "SpO2")


def write_night(path: Path, n_record: int) -> None:
    """Write random samples of full 16-bit range with a plain EDF header."""
    columns = [Column(label=label, n_per_record=rate) for label, rate in RATES_HZ.items()]
    header = build_edf(columns, 0, declared=str(n_record))
    rng = np.random.default_rng(1)
    with path.open("wb") as file:
        file.write(header)
        for start in range(0, n_record, 3600):
            shape = (min(3600, n_record - start), sum(RATES_HZ.values()))
            file.write(rng.integers(-32768, 32768, shape, dtype=np.int16).tobytes())


def fromfile(path: Path) -> object:
    return np.fromfile(path, dtype="<i2")


def ours_digital(path: Path) -> list[np.ndarray]:
    with open_edf(path) as edf:
        return [_copy(edf, index) for index in range(edf.n_signal)]


def _copy(edf: EdfFile, index: int) -> np.ndarray:
    return edf.signal(index).segments[0].digital.reshape(-1)


def ours_needed_physical(path: Path) -> list[np.ndarray]:
    with open_edf(path) as edf:
        signals = [edf.signal(edf.labels.index(label)) for label in NEEDED]
        physical = []
        for signal in signals:
            values = signal.segments[0].digital.astype(np.float32).reshape(-1)
            values *= np.float32(signal.gain)
            values += np.float32(signal.offset)
            physical.append(values)
        return physical


def edfio_digital(path: Path) -> list[np.ndarray]:
    return [signal.digital for signal in edfio.read_edf(path, lazy_load_data=False).signals]


def pyedflib_digital(path: Path) -> list[np.ndarray]:
    with pyedflib.EdfReader(str(path)) as reader:
        return [reader.readSignal(i, digital=True) for i in range(reader.signals_in_file)]


def mne_needed_physical(path: Path) -> object:
    return mne.io.read_raw_edf(path, include=list(NEEDED), preload=True, verbose="error").get_data()


READERS: dict[str, Callable[[Path], object]] = {
    "np.fromfile": fromfile,
    "ours, all signals, digital": ours_digital,
    "ours, needed signals, float32 physical": ours_needed_physical,
    "edfio, all signals, digital": edfio_digital,
    "pyedflib, all signals, digital": pyedflib_digital,
    "mne, needed signals, float64 physical": mne_needed_physical,
}


def cpu_s(read: Callable[[Path], object], path: Path) -> float:
    start = time.process_time()
    read(path)
    return time.process_time() - start


def measure(path: Path, rounds: int) -> dict[str, float]:
    """Return the median CPU seconds of each reader, taken in turns."""
    taken: dict[str, list[float]] = {name: [] for name in READERS}
    for i_round in range(rounds + 1):
        for name, read in READERS.items():
            seconds = cpu_s(read, path)
            if i_round:  # the first round warms up caches and lazy imports
                taken[name].append(seconds)
    return {name: median(seconds) for name, seconds in taken.items()}


def check_equal(path: Path) -> None:
    """Assert that all readers see the same integers."""
    for ours, edfio_s, pyedflib_s in zip(
        ours_digital(path), edfio_digital(path), pyedflib_digital(path), strict=True
    ):
        np.testing.assert_array_equal(ours, edfio_s)
        np.testing.assert_array_equal(ours, pyedflib_s)


def machine() -> dict[str, str]:
    packages = {name: version(name) for name in ("numpy", "edfio", "pyedflib", "mne")}
    return {"python": platform.python_version(), **packages, "cpu": _cpu(), "cores": str(os.cpu_count())}


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if "model name" in line] if info.exists() else []
    return names[0].split(":", 1)[1].strip() if names else platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU time of decoding one EDF, against named readers.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--records", type=int, default=N_RECORD, help="data records of 1 s")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "night.edf"
        write_night(path, args.records)
        check_equal(path)
        n_byte = path.stat().st_size
        seconds = measure(path, args.rounds)
    floor = seconds["np.fromfile"]
    if args.json:
        print(json.dumps({"machine": machine(), "bytes": n_byte, "cpu_s": seconds}, indent=2))
        return
    print(", ".join(f"{name} {value}" for name, value in machine().items()))
    print(f"{n_byte / 1e6:.1f} MB, {args.rounds} rounds, median CPU time")
    for name, value in seconds.items():
        print(f"{name:40} {1e3 * value:8.1f} ms {n_byte / 1e6 / value:8.0f} MB/s {value / floor:7.2f} x fromfile")


if __name__ == "__main__":
    main()

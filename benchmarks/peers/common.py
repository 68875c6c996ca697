"""What both peers share: the task they are given, the stages they parse and the store they write.

Plain code on the standard library, NumPy and xarray; nothing of the project is imported.
"""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import neurokit2 as nk
import numpy as np
import xarray as xr
import zarr  # noqa: F401  (otherwise loaded at the first write: its import would count as work)

EPOCH_S = 30
CHUNK_EPOCH = 60
IBI_HZ = 4
DIMENSIONS = {128: "fast_sample", 32: "mid_sample", 4: "slow_sample", 1: "step_sample"}
STAGES = {0: 0, 1: 1, 2: 2, 3: 3, 4: 3, 5: 4}  # W, N1, N2, N3 (stages 3 and 4), REM; all else is unscored
TO_VOLT = {"uV": 1e-6, "mV": 1e-3, "V": 1.0}


@dataclass(frozen=True)
class Target:
    """One channel to make: where it comes from, and what it must be.

    Parameters
    ----------
    shape : str
        ``wave``, ``step`` (held) or ``code`` (held and renumbered by ``codes``).
    high_pass_hz : float or None
        Edge at -6 dB, zero phase.
    """

    channel: str
    label: str
    source_rate_hz: float
    shape: str
    rate_hz: int
    high_pass_hz: float | None
    unit: str
    codes: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Job:
    edf: Path
    annotation: Path
    out: Path
    targets: tuple[Target, ...]


def read_job(path: Path) -> Job:
    task = json.loads(path.read_text())
    targets = tuple(Target(**target) for target in task["targets"])
    return Job(Path(task["edf"]), Path(task["annotation"]), Path(task["out"]), targets)


def recode(values: np.ndarray, target: Target) -> np.ndarray:
    """Renumber codes, all at once."""
    if not target.codes:
        return values
    before, after = np.array(sorted(target.codes)).T
    return after[np.searchsorted(before, values)]


def read_stages(path: Path) -> tuple[float, np.ndarray]:
    """Return the first scored second and one stage an epoch."""
    stages: list[int] = []
    first_s = None
    for event in ET.parse(path).iterfind(".//ScoredEvent"):
        if not event.findtext("EventType", "").startswith("Stages"):
            continue
        if first_s is None:
            first_s = float(event.findtext("Start", "0"))
        code = int(event.findtext("EventConcept", "").split("|")[1])
        stages += [STAGES.get(code, -1)] * round(float(event.findtext("Duration", "0")) / EPOCH_S)
    return first_s or 0.0, np.array(stages, np.int8)


def intervals(ecg: np.ndarray, rate_hz: int) -> np.ndarray:
    """Return the interval between beats at 4 Hz, held from beat to beat, by neurokit2's default detector."""
    _, found = nk.ecg_peaks(nk.ecg_clean(ecg, sampling_rate=rate_hz), sampling_rate=rate_hz)
    beats_s = np.asarray(found["ECG_R_Peaks"]) / rate_hz
    at_s = np.arange(len(ecg) * IBI_HZ // rate_hz) / IBI_HZ
    following = np.searchsorted(beats_s, at_s, "right")
    inside = (following > 0) & (following < len(beats_s))
    ibi = np.full(at_s.size, np.nan, np.float32)
    ibi[inside] = np.diff(beats_s)[following[inside] - 1]
    return ibi


def write(job: Job, channels: dict[str, np.ndarray]) -> None:
    """Derive the intervals, cut into epochs and write with the stages, float32, chunks of 60 epochs."""
    first_s, stages = read_stages(job.annotation)
    rates = {target.channel: target.rate_hz for target in job.targets} | {"ibi": IBI_HZ}
    if "ecg" in channels:
        channels = {**channels, "ibi": intervals(channels["ecg"], rates["ecg"])}
    begin = {name: round(first_s * rates[name]) for name in channels}
    whole = min((len(value) - begin[name]) // (rates[name] * EPOCH_S) for name, value in channels.items())
    n_epoch = min(len(stages), whole)
    ds = xr.Dataset({"stage": ("epoch", stages[:n_epoch])})
    for name, value in channels.items():
        n_per_epoch = rates[name] * EPOCH_S
        epochs = value[begin[name] : begin[name] + n_epoch * n_per_epoch].reshape(n_epoch, n_per_epoch)
        ds[name] = ("epoch", DIMENSIONS[rates[name]]), epochs
    encoding = {name: {"chunks": (min(CHUNK_EPOCH, n_epoch), ds[name].shape[1])} for name in channels}
    encoding["stage"] = {"fill_value": -1}
    shutil.rmtree(job.out, ignore_errors=True)
    ds.to_zarr(job.out, zarr_format=3, consolidated=False, encoding=encoding)

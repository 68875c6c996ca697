"""Convert a night with MNE-Python: ``read_raw_edf``, ``Raw.filter``, ``Raw.resample``, one Zarr store.

``python -m benchmarks.peers.mne_filter TASK.json``

Each output rate is read by itself, so that MNE need not bring slow channels to the rate of the fastest signal of
the file, and no copy of the whole recording is made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable
from pathlib import Path

import numpy as np
from mne.io import BaseRaw, read_raw_edf

from benchmarks.clock import do_tasks
from benchmarks.peers.common import TO_VOLT, Job, Target, read_job, recode, write


def convert(task: Path) -> None:
    convert_groups(read_job(task), lambda target: (target.shape, target.rate_hz), method="fft")


def convert_groups(job: Job, group_of: Callable[[Target], Hashable], method: str) -> None:
    groups: dict[Hashable, list[Target]] = defaultdict(list)
    for target in job.targets:
        groups[group_of(target)].append(target)
    channels = {}
    for targets in groups.values():
        labels = sorted({target.label for target in targets})
        raw = read_raw_edf(job.edf, include=labels, preload=True, verbose="error")
        values = waves(raw, targets, method) if targets[0].shape == "wave" else steps(raw, targets[0].rate_hz)
        for target in targets:
            own = values[raw.ch_names.index(target.label)] / TO_VOLT.get(target.unit, 1.0)  # MNE holds volts
            channels[target.channel] = recode(own, target).astype(np.float32)
    write(job, {target.channel: channels[target.channel] for target in job.targets})


def waves(raw: BaseRaw, targets: list[Target], method: str) -> np.ndarray:
    by_edge = defaultdict(set)
    for target in targets:
        by_edge[target.high_pass_hz].add(target.label)
    for high_pass_hz, labels in by_edge.items():
        if high_pass_hz:
            raw.filter(**edge(high_pass_hz), picks=sorted(labels), verbose="error")
    return raw.resample(targets[0].rate_hz, method=method, verbose="error").get_data()


def edge(high_pass_hz: float) -> dict[str, float | None]:
    """Put the middle of the transition at the edge; MNE's own choice would put it at half of it.

    A transition of 1.6 times the edge is as wide as ours, and shorter to compute than MNE's own.
    """
    return {"l_freq": 1.8 * high_pass_hz, "h_freq": None, "l_trans_bandwidth": 1.6 * high_pass_hz}


def steps(raw: BaseRaw, rate_hz: int) -> np.ndarray:
    """Hold, never interpolate: the values are readings and codes."""
    ratio = rate_hz / raw.info["sfreq"]
    values = raw.get_data()
    return np.repeat(values, int(ratio), axis=1) if ratio > 1 else values[:, :: int(1 / ratio)]


if __name__ == "__main__":
    do_tasks(convert)

"""Convert a night with pyedflib and SciPy: high-pass both ways, polyphase resampling, one Zarr store.

``python -m benchmarks.peers.pyedflib_scipy TASK.json``
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pyedflib
from scipy.signal import butter, resample_poly, sosfiltfilt

from benchmarks.clock import do_tasks
from benchmarks.peers.common import TO_VOLT, Target, read_job, recode, write


def convert(task: Path) -> None:
    job = read_job(task)
    channels = {}
    with pyedflib.EdfReader(str(job.edf)) as reader:
        index = {label: i for i, label in enumerate(reader.getSignalLabels())}
        for target in job.targets:
            channels[target.channel] = make_channel(reader, index[target.label.strip()], target)
    write(job, channels)


def make_channel(reader: pyedflib.EdfReader, index: int, target: Target) -> np.ndarray:
    values = reader.readSignal(index)
    native_hz = reader.getSampleFrequency(index)
    unit = reader.getPhysicalDimension(index).strip()
    if unit in TO_VOLT and target.unit in TO_VOLT:
        values *= TO_VOLT[unit] / TO_VOLT[target.unit]
    ratio = Fraction(target.rate_hz) / Fraction(native_hz).limit_denominator(1000)
    if target.shape == "wave":
        if target.high_pass_hz:
            sos = butter(2, target.high_pass_hz, "highpass", fs=native_hz, output="sos")
            values = sosfiltfilt(sos, values)
        if ratio != 1:
            values = resample_poly(values, ratio.numerator, ratio.denominator)
    elif ratio > 1:
        values = np.repeat(values, int(ratio))
    else:
        values = values[:: int(1 / ratio)]
    return recode(values, target).astype(np.float32)


if __name__ == "__main__":
    do_tasks(convert)

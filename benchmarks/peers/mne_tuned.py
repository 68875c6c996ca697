"""The same with MNE-Python by somebody who knows it well: ``python -m benchmarks.peers.mne_tuned TASK``.

Every native rate is read by itself, so that MNE brings no channel to another's rate on reading, and polyphase
resampling takes the place of the FFT of the whole night. Nobody begins like this, hence no bar; shown so that
nobody has to wonder.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.clock import do_tasks
from benchmarks.peers.common import read_job
from benchmarks.peers.mne_filter import convert_groups


def convert(task: Path) -> None:
    convert_groups(read_job(task), lambda t: (t.shape, t.rate_hz, t.source_rate_hz), method="polyphase")


if __name__ == "__main__":
    do_tasks(convert)

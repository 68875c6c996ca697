"""Several files, one night: gaps stay gaps, gains may differ, overlaps are refused."""

from __future__ import annotations

import datetime
from pathlib import Path

import edfio
import numpy as np
import pytest

from pipeline.read.night import open_night
from schemas.errors import PartsDisagree

RATE_HZ = 16


def write(
    path: Path,
    start: datetime.time,
    *,
    seconds: int = 60,
    value: float = 1.0,
    high: float = 10.0,
    unit: str = "uV",
    labels: tuple[str, ...] = ("Chest",),
) -> Path:
    """Write an EDF whose signals hold one value."""
    signals = [
        edfio.EdfSignal(
            np.full(seconds * RATE_HZ, value),
            RATE_HZ,
            label=label,
            physical_dimension=unit,
            physical_range=(-high, high),
        )
        for label in labels
    ]
    edfio.Edf(signals, starttime=start).write(path)
    return path


def test_gap_between_files_stays_a_gap(tmp_path: Path) -> None:
    """The second file's samples begin at its own time of day, and the gap is reported."""
    first = write(tmp_path / "a.edf", datetime.time(23, 59, 0), value=1.0)
    second = write(tmp_path / "b.edf", datetime.time(0, 2, 30), value=2.0)
    with open_night([first, second]) as night:
        signal = night.signal(0)
        starts = [segment.start_s for segment in signal.segments]
        assert starts == [0.0, 210.0]
        assert night.end_s == 270.0
        assert night.clock_start_s == 23 * 3600 + 59 * 60
        assert [f.code for f in night.findings if f.code == "PSG-H017"] == ["PSG-H017"]
        np.testing.assert_allclose(signal.physical(0), 1.0, atol=1e-3)
        np.testing.assert_allclose(signal.physical(1), 2.0, atol=1e-3)
        del signal


def test_files_may_differ_in_gain(tmp_path: Path) -> None:
    """Equal physical values stay equal when the second file was written with another range."""
    first = write(tmp_path / "a.edf", datetime.time(22, 0, 0), value=3.0, high=10.0)
    second = write(tmp_path / "b.edf", datetime.time(22, 1, 0), value=3.0, high=500.0)
    with open_night([first, second]) as night:
        signal = night.signal(0)
        np.testing.assert_allclose(signal.physical(1), 3.0, atol=500 / 2**15)


def test_signal_of_one_file_only_has_one_segment(tmp_path: Path) -> None:
    """A sensor added for the second half begins there, and the others go on."""
    first = write(tmp_path / "a.edf", datetime.time(22, 0, 0))
    second = write(tmp_path / "b.edf", datetime.time(22, 1, 0), labels=("Flow", "Chest"))
    with open_night([first, second]) as night:
        assert night.labels == ("Chest", "Flow")
        assert [s.start_s for s in night.signal(0).segments] == [0.0, 60.0]
        assert [s.start_s for s in night.signal(1).segments] == [60.0]


def test_overlapping_files_are_refused(tmp_path: Path) -> None:
    """Two files that claim the same minute are an error, not a choice."""
    first = write(tmp_path / "a.edf", datetime.time(22, 0, 0))
    second = write(tmp_path / "b.edf", datetime.time(22, 0, 30))
    with pytest.raises(PartsDisagree, match=r"overlap: saw a start 30\.000 s after"), open_night([first, second]):
        pass


def test_files_that_change_unit_are_refused(tmp_path: Path) -> None:
    """One channel, one unit: a file in mV after one in uV is an error."""
    first = write(tmp_path / "a.edf", datetime.time(22, 0, 0))
    second = write(tmp_path / "b.edf", datetime.time(22, 1, 0), unit="mV")
    with pytest.raises(PartsDisagree, match="Chest"), open_night([first, second]) as night:
        night.signal(0)

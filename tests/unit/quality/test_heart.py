"""Checks of the heart: beats up or down, pulse against ECG, coverage."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.quality import QualityFlag
from tests.quality_views import N, channel, derived, marks, measured, remarks, view

BEAT_S = np.arange(1.0, N * 30 - 1.0, 1.0)
TABLES = {"beat_time_s": BEAT_S, "beat_valid": np.ones(BEAT_S.size, np.int8)}


def ecg(up: float, down: float) -> np.ndarray:
    """One triangle up and one down a beat."""
    wave = np.zeros(N * 3840)
    at = np.rint(BEAT_S * 128).astype(int)
    wave[at], wave[at + 4] = up, -down
    return wave


@pytest.mark.parametrize(("up", "down", "upright"), [(1.0, 0.25, 0.6), (0.25, 1.0, -0.6), (1.0, 1.0, 0.0)])
def test_upright_part_of_the_beat(up: float, down: float, upright: float) -> None:
    """(up - down) / (up + down), and only what goes down is remarked on."""
    night = view(channel("ecg", ecg(up, down)), of=[derived("ibi", np.ones(N * 120), "ecg")], tables=TABLES)
    assert measured(night, "ecg_inverted")["ecg_upright", None] == pytest.approx(upright, abs=1e-6)
    assert bool(remarks(night, "ecg_inverted")) == (upright < -0.3)


def test_few_beats_tell_nothing() -> None:
    """Ninety beats have no upright part."""
    few = {"beat_time_s": BEAT_S[:90], "beat_valid": np.ones(90, np.int8)}
    night = view(channel("ecg", ecg(0.2, 1.0)), of=[derived("ibi", np.ones(N * 120), "ecg")], tables=few)
    assert measured(night, "ecg_inverted") == {}


@pytest.mark.parametrize(("n_off", "n_remark"), [(10, 0), (30, 1)])
def test_pulse_is_marked_where_it_differs(n_off: int, n_remark: int) -> None:
    """Bits in the epochs that differ by more than ten beats, a remark where they are a third of the night."""
    pulse = np.full(N * 120, 65.0)
    pulse[: n_off * 120] = 80.0
    night = view(channel("pulse_rate", pulse), of=[derived("ibi", np.full(N * 120, 1.0), "ecg")])
    assert [(m.channel, int(m.epochs.sum()), m.flag) for m in marks(night, "pulse_differs")] == [
        ("pulse_rate", n_off, QualityFlag.CONTRADICTED),
        ("ibi", n_off, QualityFlag.CONTRADICTED),
    ]
    assert len(remarks(night, "pulse_differs")) == n_remark


def test_beats_are_looked_for_where_there_is_an_ecg() -> None:
    """What the sensor lost does not count against the beats."""
    wave, ibi = ecg(1.0, 0.2), np.ones(N * 120)
    wave[: 30 * 3840] = np.nan
    ibi[: 45 * 120] = np.nan
    night = view(channel("ecg", wave), of=[derived("ibi", ibi, "ecg")])
    assert measured(night, "beat_coverage")["beat_coverage", None] == 0.5
    assert remarks(night, "beat_coverage") == []
    (remark,) = remarks(view(channel("ecg", ecg(1.0, 0.2))), "beat_coverage")
    assert (remark.channel, int(np.sum(remark.epochs))) == ("ibi", N)

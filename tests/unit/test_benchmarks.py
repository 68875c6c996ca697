"""The conversion benchmark, small: the programs make the same channels of the same night."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import beats, convert, measure
from benchmarks.ibi_conditions import make_case
from benchmarks.mitdb import Record


@pytest.fixture(scope="module")
def comparisons(tmp_path_factory: pytest.TempPathFactory) -> dict[str, convert.Comparison]:
    folder = tmp_path_factory.mktemp("nights")
    return {found.cohort: found for found in convert.benchmark(folder, hours=1 / 30, runs=1, seed=1)}


@pytest.mark.parametrize(
    ("cohort", "n_eeg", "peer", "least"),
    [
        ("mesa", 3, "pyedflib", 0.99),
        ("mesa", 3, "mne", 0.99),
        ("mesa", 3, "mne tuned", 0.99),
        ("shhs", 2, "pyedflib", 0.99),
        ("shhs", 2, "mne", 0.97),  # its FFT moves 125 to 128 Hz by 3 to 5 ms: `mne tuned` avoids that
        ("shhs", 2, "mne tuned", 0.99),
    ],
)
def test_programs_make_the_same_eeg(
    comparisons: dict[str, convert.Comparison], cohort: str, n_eeg: int, peer: str, least: float
) -> None:
    """Every EEG channel has the peer's shape, sign and amplitude."""
    channels = comparisons[cohort].agreement[peer]
    eeg = [found for name, found in channels.items() if name.startswith("eeg")]
    assert len(eeg) == n_eeg
    assert min(found["correlation"] for found in eeg) >= least
    assert [found["gain"] for found in eeg] == pytest.approx([1.0] * n_eeg, rel=0.05)


def test_programs_make_the_same_channels(comparisons: dict[str, convert.Comparison]) -> None:
    """Peers make every channel that we make, codes and readings are equal."""
    for comparison in comparisons.values():
        ours, *others = [set(channels) for channels in comparison.agreement.values()]
        assert all(other == ours for other in others)
        for channels in comparison.agreement.values():
            assert [channels[name]["correlation"] for name in ("position", "spo2")] == pytest.approx([1.0, 1.0])


def test_figures_are_written(
    comparisons: dict[str, convert.Comparison], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every program has its figures and every bar its verdict, in print and in JSON."""
    found = json.loads(json.dumps(convert.as_json(comparisons["shhs"])))
    assert set(found["figures"]) == set(convert.PROGRAMS)
    assert {(bar["what"], bar["peer"]) for bar in found["bars"]} == {
        ("CPU of the first night", "pyedflib"),
        ("CPU of the first night", "mne"),
        ("CPU of the next night", "pyedflib"),
        ("CPU of the next night", "mne"),
        ("peak memory", "mne"),
    }
    convert.show(comparisons["shhs"])
    printed = capsys.readouterr().out
    assert printed.count("holds") + printed.count("MISSED") == len(found["bars"])


def test_run_counts_cpu_and_memory() -> None:
    """A process that fills 300 MB is seen to do so, and its CPU time is its own account of it."""
    code = "import time; x = b'1' * 300_000_000; sum(range(10_000_000)); print(time.process_time())"
    usage = measure.run(["-c", code])
    assert usage.peak_mb > 300  # or what the parent had when it forked, if that was more
    assert usage.cpu_s == pytest.approx(float(usage.output), abs=0.3)


def test_run_reports_failure() -> None:
    """A program that fails ends the benchmark."""
    with pytest.raises(RuntimeError, match="ended with code 3"):
        measure.run(["-c", "raise SystemExit(3)"])


def test_spread_is_median_least_and_most() -> None:
    """Known values."""
    assert f"{measure.Spread.of([3.0, 1.0, 2.0, 9.0]):.1f}" == "2.5 (1.0 to 9.0)"


def test_detectors_are_compared() -> None:
    """Every detector is scored on the same records; ours misses nothing of a clean one."""
    case = make_case("clean", 256, seed=3, hours=0.05)
    lead = np.rint(1000 * case.ecg).astype(np.int16)[None, :]
    record = Record("1", 256.0, lead, case.beats.time_s, np.full(case.beats.time_s.size, "N"))
    found = beats.benchmark([record], runs=1)
    assert isinstance(found["f1"], dict)
    assert set(found["f1"]) == {"ours", "sleepecg", "neurokit2"}
    assert found["f1"]["ours"] == {"within_150_ms": 1.0, "within_50_ms": 1.0}
    assert isinstance(found["cpu_ratio_to_sleepecg"], dict)
    assert found["cpu_ratio_to_sleepecg"]["sleepecg"] == 1.0

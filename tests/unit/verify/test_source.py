"""Stores against their sources: what is equal passes, and each thing that is changed is named by its rule."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from datetime import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.batch.convert import convert_recording
from pipeline.files.discover import discover
from pipeline.manifests.load import load_manifest
from pipeline.read.independent import IndependentNight, Piece, SourceSignal
from pipeline.synth import synthesise
from pipeline.verify.source import SourceFinder, compare_with_source
from pipeline.verify.waves import JudgedBand, agree, place
from schemas.errors import EdfCorrupt
from schemas.manifest import CohortManifest
from tests.small_cohort import N_SECOND, Written, manifest, noise, signals, write_night


@dataclass(frozen=True)
class Made:
    """A download of one night and the store that was made from it."""

    root: Path
    store: Path

    def found(self) -> tuple[set[tuple[str, str]], bool]:
        """Return rule and array of every problem, and whether everything was compared."""
        problems, compared = compare_with_source(self.store, SourceFinder(self.root))
        assert {problem.reason for problem in problems} <= {"source_mismatch"}
        return {(problem.rule, problem.array) for problem in problems}, compared


def convert(root: Path, store: Path, like: CohortManifest | None = None) -> Made:
    like = like or manifest()
    (source,) = discover(like, root)
    convert_recording(source, like, store)
    return Made(root, store)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    write_night(tmp_path / "in" / "n1.edf", signals())
    return convert(tmp_path / "in", tmp_path / "n1.zarr")


SIGNALS = signals()


def remade(name: str, value: np.ndarray | None = None, **changes: object) -> dict[str, Written]:
    """Return the night with one signal changed."""
    more = {} if value is None else {"value": value}
    return signals(**{name: SIGNALS[name].but(**more, **changes)})


def with_strange_epoch() -> np.ndarray:
    value = SIGNALS["eeg"].value.copy()
    value[200 * 122 : 200 * 148] += noise(200, 10, 99)[200 * 122 : 200 * 148]
    return value


def one_off(name: str, second: int) -> np.ndarray:
    value = SIGNALS[name].value.copy()
    value[second] += 1
    return value


CHANGES = {
    "a wave turned": (remade("eeg", -SIGNALS["eeg"].value), {("S2", "eeg_c4_m1")}),
    "a turned channel no longer turned": (remade("ecg", -SIGNALS["ecg"].value), {("S2", "ecg")}),
    "a negative gain swapped": (remade("b", -SIGNALS["b"].value), {("S4", "eog_l")}),
    "2 % louder": (remade("eeg", 1.02 * SIGNALS["eeg"].value), {("S3", "eeg_c4_m1")}),
    "another unit": (remade("ecg", unit="mV"), {("S3", "ecg")}),
    "a unit of another dimension": (remade("ecg", unit="mmHg"), {("S3", "ecg")}),
    "0.6 ms late": (remade("eeg", noise(200, 40, 1, 6e-4)), {("S5", "eeg_c4_m1")}),
    "20 ms late at 4 Hz": (remade("thor", noise(10, 0.3, 5, 0.02)), {("S5", "thor")}),
    "other noise": (remade("eeg", noise(200, 40, 99)), {("S4", "eeg_c4_m1")}),
    "half a minute with more noise": (remade("eeg", with_strange_epoch()), {("S6", "eeg_c4_m1")}),
    "the two of one label exchanged": (
        signals(thor=SIGNALS["other"], other=SIGNALS["thor"]),
        {("S4", "thor"), ("S4", "abdo")},
    ),
    "another reading": (remade("spo2", one_off("spo2", 200)), {("S7", "spo2")}),
    "another code": (remade("position", one_off("position", 50)), {("S7", "position")}),
    "another label": (remade("eeg", label="EEG C3-M1"), {("S8", "eeg_c4_m1")}),
}


def test_an_untouched_source_agrees(made: Made) -> None:
    """Waves, a derivation, a negative gain, a turned channel, equal labels, readings and codes all agree."""
    assert made.found() == (set(), True)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_source_is_named_by_its_rule(made: Made, change: str) -> None:
    """The bytes are not those that were converted, and what differs in them is said, no more and no less."""
    night, expected = CHANGES[change]
    write_night(made.root / "n1.edf", night)
    problems, compared = made.found()
    differing = {p for p in problems if p[0] != "S1"}
    assert ("S1", "") in problems
    assert compared
    assert differing == expected


def test_a_store_without_its_source_is_not_compared(made: Made, tmp_path: Path) -> None:
    """Another folder, or one with other nights, proves nothing."""
    (tmp_path / "empty").mkdir()
    write_night(tmp_path / "others" / "n2.edf", signals())
    for other in ("empty", "others"):
        assert compare_with_source(made.store, SourceFinder(tmp_path / other)) == ((), False)


def test_a_source_that_the_second_reader_cannot_open_is_not_compared(made: Made) -> None:
    """Its bytes are still judged."""
    (made.root / "n1.edf").write_bytes(b"0".ljust(300))
    assert made.found() == ({("S1", "")}, False)


def test_a_range_that_the_second_reader_does_not_understand(made: Made) -> None:
    """edfio would return bare counts: that signal is not compared, the others are."""
    night = remade("spo2", one_off("spo2", 200))
    path = write_night(made.root / "n1.edf", night)
    content = bytearray(path.read_bytes())
    at = 256 + 104 * len(night)
    content[at : at + 8] = b"-500,0  "
    path.write_bytes(content)
    assert made.found() == ({("S1", ""), ("S7", "spo2")}, False)


def test_a_finder_travels_to_other_processes(made: Made) -> None:
    """A pickled finder finds the same files."""
    finder = pickle.loads(pickle.dumps(SourceFinder(made.root)))
    assert compare_with_source(made.store, finder) == ((), True)


# --- gaps --------------------------------------------------------------------------------------------------


def discontinuous(path: Path, gap_s: int) -> None:
    """Turn an EDF+C of N_SECOND records into an EDF+D with a gap after record 119."""
    content = bytearray(path.read_bytes().replace(b"EDF+C", b"EDF+D", 1))
    size = (len(content) - int(content[184:192])) // N_SECOND
    for record in range(120, N_SECOND):
        at = content.index(b"+%d\x14\x14" % record, int(content[184:192]) + record * size)
        content[at : at + 4] = b"+%d" % (record + gap_s)
    path.write_bytes(content)


def test_the_gap_of_a_discontinuous_file_agrees(tmp_path: Path) -> None:
    """Records are placed by their stamps on both sides, and what lies after the gap is compared too."""
    path = write_night(tmp_path / "in" / "n1.edf", signals(), plus=True)
    discontinuous(path, 45)
    made = convert(tmp_path / "in", tmp_path / "n1.zarr")
    assert made.found() == (set(), True)
    write_night(path, remade("spo2", one_off("spo2", 280)), plus=True)
    discontinuous(path, 45)
    assert made.found() == ({("S1", ""), ("S7", "spo2")}, True)


def test_a_wrong_gap_is_seen(tmp_path: Path) -> None:
    """A store whose gap is a second longer than the source's disagrees in every channel."""
    path = write_night(tmp_path / "in" / "n1.edf", signals(), plus=True)
    discontinuous(path, 46)
    made = convert(tmp_path / "in", tmp_path / "n1.zarr")
    write_night(path, signals(), plus=True)
    discontinuous(path, 45)
    problems, _ = made.found()
    assert {array for _, array in problems} >= {"eeg_c4_m1", "eog_l", "ecg", "thor", "spo2", "position"}


def test_the_parts_of_a_night_agree(tmp_path: Path) -> None:
    """Two files are placed by their clocks; the second one is compared as well."""
    like = manifest(signals_at="{subject}-{part}.edf")
    write_night(tmp_path / "in" / "n1-a.edf", signals(), clock=time(23, 58))
    second = write_night(tmp_path / "in" / "n1-b.edf", remade("eeg", noise(200, 40, 7)), clock=time(0, 6))
    made = convert(tmp_path / "in", tmp_path / "n1.zarr", like)
    assert made.found() == (set(), True)
    write_night(second, remade("eeg", noise(200, 40, 8)), clock=time(0, 6))
    problems, _ = made.found()
    assert {array for _, array in problems} == {"", "eeg_c4_m1"}


def test_stamps_that_run_backwards_cannot_be_placed(tmp_path: Path) -> None:
    """A discontinuous file whose records overlap is refused, never joined."""
    path = write_night(tmp_path / "n1.edf", signals(), plus=True)
    discontinuous(path, -20)
    with pytest.raises(EdfCorrupt, match="time stamps"):
        IndependentNight([path])


# --- numbers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start_s", [0.0, 12.34, -3.3])
@pytest.mark.parametrize("native_hz", [100, 125, 256])
def test_a_tone_is_placed_exactly(native_hz: int, start_s: float) -> None:
    """The second resampler is right by itself: a tone has its closed form at the grid's times."""
    t = np.arange(60 * native_hz) / native_hz
    source = SourceSignal("uV", Fraction(native_hz), (Piece(0.0, np.sin(2 * np.pi * 9.7 * t)),))
    placed = place(source, JudgedBand(0.3, 0.475 * 100), rate_hz=128, start_s=start_s, n_sample=128 * 60)
    time_s = start_s + np.arange(placed.size) / 128
    inside = (time_s > 4) & (time_s < 56)
    np.testing.assert_allclose(placed[inside], np.sin(2 * np.pi * 9.7 * time_s[inside]), atol=2e-3)
    assert np.isnan(placed[(time_s < 0) | (time_s >= 60)]).all()


def test_agreement_in_numbers() -> None:
    """Correlation, slope and lag are those that were planted."""
    truth, late = (noise(128, 30, 1, delay_s).astype(np.float32) for delay_s in (0.0, 2e-4))
    found = agree(1.03 * late, truth, JudgedBand(0.3, 60.8), rate_hz=128, step=2**-5)
    assert found.correlation == pytest.approx(1, abs=1e-3)
    assert found.slope == pytest.approx(1.03, abs=1e-3)
    assert found.lag_s == pytest.approx(2e-4, rel=0.02)


def test_synthetic_nights_agree(tmp_path: Path) -> None:
    """A night with all channels of a cohort agrees, whatever its sensors went through."""
    synthesise(tmp_path / "in", recipe="synthetic", nights=1, hours=0.1, seed=3)
    made = convert(tmp_path / "in", tmp_path / "n.zarr", load_manifest("synthetic"))
    assert made.found() == (set(), True)

"""WFDB records written and read by the library itself are what we read."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import wfdb
from numpy.typing import NDArray

from pipeline.read.night import Night, open_night
from pipeline.read.signal_file import peek
from schemas.errors import SignalFileCorrupt, SourceMissing

RATE_HZ, N_SAMPLE = 200, 2003
LABELS, UNITS = ["C3-M2", "ECG", "SaO2"], ["uV", "mV", "%"]


@pytest.fixture
def values() -> NDArray[np.float64]:
    """Three signals; the second has a gap, the third ends with one."""
    physical = np.random.default_rng(1).normal(size=(N_SAMPLE, 3)) * [40, 0.5, 1] + [0, 0.1, 95]
    physical[500:600, 1] = np.nan
    physical[1990:, 2] = np.nan
    return physical


def write(folder: Path, physical: NDArray[np.float64], form: str = "16", **more: object) -> Path:
    wfdb.wrsamp(
        "night",
        fs=RATE_HZ,
        units=UNITS,
        sig_name=LABELS,
        p_signal=physical,
        fmt=[form] * physical.shape[1],
        write_dir=str(folder),
        **more,
    )
    return folder / "night.hea"


def laid_out(night: Night, index: int) -> NDArray[np.float64]:
    """One signal in its unit on its own samples, NaN where it has none."""
    signal = night.signal(index)
    out = np.full(round(night.end_s * float(signal.rate_hz)), np.nan)
    for number, segment in enumerate(signal.segments):
        first = round(segment.start_s * float(signal.rate_hz))
        out[first : first + segment.n_sample] = signal.physical(number)
    return out


@pytest.mark.parametrize("form", ["16", "24", "32", "80", "212"])
def test_as_the_library_reads_it(tmp_path: Path, values: NDArray[np.float64], form: str) -> None:
    """Values, gaps, rates, units and labels of every format; an odd number of samples is no trouble."""
    path = write(tmp_path, values, form)
    reference = wfdb.rdrecord(str(path.with_suffix("")))
    with open_night([path]) as night:
        assert [i.label for i in night.infos] == LABELS
        assert [i.unit_text for i in night.infos] == UNITS
        assert {i.rate_hz for i in night.infos} == {RATE_HZ}
        assert (night.end_s, night.clock_start_s) == (N_SAMPLE / RATE_HZ, None)
        for index in range(3):
            np.testing.assert_allclose(laid_out(night, index), reference.p_signal[:, index], atol=1e-9)


@pytest.mark.parametrize(("form", "type", "shift"), [("61", ">i2", 0), ("160", "<u2", 32768)])
def test_formats_that_the_library_does_not_write(tmp_path: Path, form: str, type: str, shift: int) -> None:
    """Big-endian words, and words whose zero is in the middle; the library reads what was written by hand."""
    counts = np.arange(-300, 300, 7)
    (counts + shift).astype(type).tofile(tmp_path / "n.dat")
    (tmp_path / "n.hea").write_text(f"n 1 100 {counts.size}\nn.dat {form} 10/uV 16 0 0 0 0 EEG\n")
    with open_night([tmp_path / "n.hea"]) as night:
        np.testing.assert_allclose(night.signal(0).physical(), counts / 10)
    np.testing.assert_allclose(wfdb.rdrecord(str(tmp_path / "n")).p_signal[:, 0], counts / 10)


def test_samples_stay_in_the_file(tmp_path: Path, values: NDArray[np.float64]) -> None:
    """Sixteen-bit samples are read in place: nothing is copied before somebody asks for numbers."""
    with open_night([write(tmp_path, np.nan_to_num(values))]) as night:
        (segment,) = night.signal(0).segments
        assert segment.digital.dtype == np.int16
        assert not segment.digital.flags.owndata
        assert np.shares_memory(segment.digital, night.signal(1).segments[0].digital.base)


def test_files_of_their_own_offsets_clock_and_frames(tmp_path: Path) -> None:
    """Two files, bytes before the samples, a time of day, four samples a frame, a baseline, a skewed signal."""
    fast = np.arange(80, dtype="<i2")
    slow = np.arange(100, 120, dtype="<i2")
    (tmp_path / "a.mat").write_bytes(b"\0" * 24 + fast.tobytes())
    (tmp_path / "b.dat").write_bytes(slow.tobytes())
    (tmp_path / "n.hea").write_text(
        "n 2 10 20 21:05:06.5 01/02/2020\n"
        "a.mat 16x4+24 10(5)/uV 16 0 0 0 0 EEG C4-M1\n"
        "b.dat 16:2 2/mmHg 16 100 0 0 0 BP\n"
        "# 44 M nobody's business\n"
    )
    with open_night([tmp_path / "n.hea"]) as night:
        assert (night.clock_start_s, night.end_s) == (21 * 3600 + 5 * 60 + 6.5, 2.0)
        eeg, pressure = night.signal(0), night.signal(1)
        assert (eeg.label, eeg.rate_hz, pressure.rate_hz) == ("EEG C4-M1", 40, 10)
        np.testing.assert_allclose(eeg.physical(), (fast - 5) / 10)
        np.testing.assert_allclose(pressure.physical(), (slow - 100) / 2)
        assert pressure.segments[0].start_s == -0.2


@pytest.mark.parametrize(
    ("line", "unit"),
    [
        ("n.dat 16 200", "mV"),
        ("n.dat 16 200/uV", "uV"),
        ("n.dat 16", ""),
        ("n.dat 16 0 12 0 0 0 0 pressure", ""),
    ],
)
def test_units_are_those_of_the_header(tmp_path: Path, line: str, unit: str) -> None:
    """A gain without a unit is of millivolts, says the format; what was not calibrated has no unit."""
    (tmp_path / "n.hea").write_text(f"n 1 100 4\n{line}\n")
    assert [info.unit_text for info in peek(tmp_path / "n.hea").infos] == [unit]


def test_the_header_is_all_that_a_peek_reads(tmp_path: Path, values: NDArray[np.float64]) -> None:
    """Labels, units and rates are known without the samples."""
    path = write(tmp_path, values)
    path.with_suffix(".dat").unlink()
    assert [i.label for i in peek(path).infos] == LABELS
    with pytest.raises(SourceMissing, match=r"night\.dat"), open_night([path]):
        pass


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "first line"),
        ("n/3 2 100 10\n", "several segments"),
        ("n 2 100 10\nn.dat 16 200 16 0 0 0 0 a\n", "fewer signal lines"),
        ("n 1 0 10\nn.dat 16\n", "frequency cannot be"),
        ("n 1 fast 10\nn.dat 16\n", "first line"),
        ("n 1 100 10\nn.dat 508\n", "format 508"),
        ("n 1 100 10\n../../etc/passwd 16\n", "outside"),
        ("n 1 100 10\nn.dat 16x0\n", "samples a frame"),
        ("n 1 100 10\nn.dat 16 1e999\n", "gain"),
        ("n 1 100 10\nn.dat sixteen\n", "cannot be understood"),
        ("n 2 100 1\nn.dat 16\nn.dat 80\n", "differ in format"),
    ],
)
def test_headers_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    """Each says what is wrong with it."""
    (tmp_path / "n.hea").write_text(text)
    (tmp_path / "n.dat").write_bytes(b"\0" * 100)
    with pytest.raises(SignalFileCorrupt, match=words), open_night([tmp_path / "n.hea"]):
        pass


def test_half_a_night_is_no_night(tmp_path: Path, values: NDArray[np.float64]) -> None:
    """Fewer samples than the header says are refused, as in EDF."""
    path = write(tmp_path, values)
    samples = path.with_suffix(".dat")
    samples.write_bytes(samples.read_bytes()[:-6])
    with (
        pytest.raises(SignalFileCorrupt, match=r"not all there: saw 2002 frames, expected 2003"),
        open_night([path]),
    ):
        pass


def test_a_signal_without_a_sample_is_flat(tmp_path: Path, values: NDArray[np.float64]) -> None:
    """Nothing but missing samples: one constant segment, which the checks report; other signals are read."""
    values[:, 1] = 0.0
    path = write(tmp_path, np.nan_to_num(values))
    samples = np.fromfile(path.with_suffix(".dat"), "<i2").reshape(-1, 3)
    samples[:, 1] = -32768
    samples.tofile(path.with_suffix(".dat"))
    with open_night([path]) as night:
        (segment,) = night.signal(1).segments
        assert np.ptp(segment.digital) == 0
        assert night.signal(0).segments[0].n_sample == N_SAMPLE


@pytest.mark.parametrize("seed", range(60))
def test_mutated_headers_end_well(tmp_path: Path, values: NDArray[np.float64], seed: int) -> None:
    """Whatever a header says, the record is read or refused; never anything else."""
    path = write(tmp_path, values)
    content = bytearray(path.read_bytes())
    random = np.random.default_rng(seed)
    for _ in range(int(random.integers(1, 6))):
        at = int(random.integers(len(content)))
        kind = random.integers(3)
        if kind == 0:
            content[at] = int(random.integers(256))
        elif kind == 1:
            del content[at : at + int(random.integers(1, 9))]
        else:
            content[at:at] = bytes(random.choice(list(b"0123456789 /x:+-().e\n"), 3).astype(np.uint8))
    path.write_bytes(bytes(content))
    with suppress(SignalFileCorrupt, SourceMissing), open_night([path]) as night:
        for index in range(len(night.infos)):
            night.signal(index).physical()

"""Samples: against independent readers and writers, and where they live."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import edfio
import numpy as np
import pyedflib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.edf_bytes import Column, build_edf
from pipeline.read.edf import EdfFile, open_edf
from pipeline.read.edf_header import read_header
from schemas.errors import EdfCorrupt, SourceChanged

FILES = (
    "biosignalsnotebooks/supine_1min.edf",
    "pyedflib/test_generator.bdf",
    "pyedflib/test_generator_datarec_generator_0_5.bdf",
    "pyedflib/test_generator_datarec_generator_2.bdf",
    "pyedflib/test_subsecond.edf",
    "pyedflib/test_utf8.edf",
    "sleep-edf/SC4001E0_rec0960-1319-PSG.edf",
)


def digital(edf: EdfFile, index: int) -> np.ndarray:
    (segment,) = edf.signal(index).segments
    return segment.digital.reshape(-1)


@pytest.mark.parametrize("name", FILES)
def test_samples_equal_pyedflib(data: Path, name: str) -> None:
    """Every sample of every real file has the integer and the physical value that EDFlib gives."""
    with open_edf(data / name) as edf, pyedflib.EdfReader(str(data / name)) as reference:
        assert [label.strip() for label in reference.getSignalLabels()] == list(edf.labels)
        for index in range(edf.n_signal):
            ours = edf.signal(index)
            assert float(ours.rate_hz) == reference.getSampleFrequency(index)
            np.testing.assert_array_equal(digital(edf, index), reference.readSignal(index, digital=True))
            span = abs(ours.physical_max - ours.physical_min)
            np.testing.assert_allclose(ours.physical(), reference.readSignal(index), rtol=0, atol=1e-12 * span)


@pytest.mark.parametrize("name", FILES)
def test_samples_equal_edfio(data: Path, name: str) -> None:
    """Every sample of every real file has the integer that edfio gives."""
    read = edfio.read_bdf if name.endswith("bdf") else edfio.read_edf
    reference = read(data / name)
    with open_edf(data / name) as edf:
        assert edf.labels == reference.labels
        for index, signal in enumerate(reference.signals):
            np.testing.assert_array_equal(digital(edf, index), signal.digital)


def test_edf_samples_are_views_of_the_file(data: Path) -> None:
    """A 16-bit signal is a read-only strided view, one row a data record; nothing is copied."""
    with open_edf(data / "sleep-edf/SC4001E0_rec0960-1319-PSG.edf") as edf:
        samples = edf.signal(0).segments[0].digital
    assert (samples.shape, samples.dtype, samples.strides) == ((360, 3000), np.dtype("<i2"), (18_240, 2))
    assert not samples.flags.writeable
    assert not samples.flags.owndata


@pytest.mark.parametrize("is_bdf", [False, True])
def test_extreme_samples_keep_sign_and_order(tmp_path: Path, is_bdf: bool) -> None:
    """Both ends of the integer range, zero and minus one survive in 16 and in 24 bits."""
    bits = 24 if is_bdf else 16
    values = [-(2 ** (bits - 1)), -1, 0, 1, 255, 256, 2 ** (bits - 1) - 1, -256]
    raw = b"".join(value.to_bytes(bits // 8, "little", signed=True) for value in values)
    column = Column(n_per_record=4, cells=(raw[: bits // 2], raw[bits // 2 :]))
    other = Column("other", n_per_record=3, cells=(b"\xff" * (3 * bits // 8),) * 2)
    (tmp_path / "night.edf").write_bytes(build_edf([other, column, other], 2, is_bdf=is_bdf))
    with open_edf(tmp_path / "night.edf") as edf:
        assert digital(edf, 1).tolist() == values
        assert digital(edf, 2).tolist() == [-1] * 6


@settings(max_examples=25, deadline=None)
@given(
    n_per_record=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    n_record=st.integers(1, 5),
    is_bdf=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, n_per_record: list[int], n_record: int, is_bdf: bool, seed: int
) -> None:
    """Any samples in any layout of records come back as they went in."""
    rng, width = np.random.default_rng(seed), 3 if is_bdf else 2
    wanted = [rng.integers(-(2 ** (8 * width - 1)), 2 ** (8 * width - 1), (n_record, n)) for n in n_per_record]
    columns = [
        Column(f"S{i}", n_per_record=n, cells=tuple(_pack(row, width) for row in values))
        for i, (n, values) in enumerate(zip(n_per_record, wanted, strict=True))
    ]
    path = tmp_path_factory.mktemp("edf") / "night.edf"
    path.write_bytes(build_edf(columns, n_record, is_bdf=is_bdf))
    with open_edf(path) as edf:
        for index, values in enumerate(wanted):
            np.testing.assert_array_equal(digital(edf, index), values.reshape(-1))


def _pack(row: np.ndarray, width: int) -> bytes:
    return b"".join(int(value).to_bytes(width, "little", signed=True) for value in row)


@pytest.mark.parametrize("suffix", ["edf", "bdf"])
def test_files_of_another_writer_read_back(tmp_path: Path, suffix: str) -> None:
    """Files written by edfio, of mixed rates and with annotations, come back within half a count."""
    rng = np.random.default_rng(3)
    bdf = suffix == "bdf"
    signal, writer = (edfio.BdfSignal, edfio.Bdf) if bdf else (edfio.EdfSignal, edfio.Edf)
    waves = {256: rng.normal(0, 50, 2560), 32: rng.normal(0, 1, 320), 1: np.arange(10.0)}
    signals = [signal(wave, rate, label=f"S{rate}", physical_dimension="uV") for rate, wave in waves.items()]
    notes = [edfio.EdfAnnotation(2.5, 10.0, "Hypopnea"), edfio.EdfAnnotation(4.0, None, "Lights off")]
    writer(signals, annotations=notes).write(tmp_path / f"night.{suffix}")
    with open_edf(tmp_path / f"night.{suffix}") as edf:
        assert edf.labels == ("S256", "S32", "S1")
        for index, (rate, wave) in enumerate(waves.items()):
            ours = edf.signal(index)
            assert ours.rate_hz == rate
            np.testing.assert_allclose(ours.physical(), wave, rtol=0, atol=0.51 * abs(ours.gain) + 1e-9)
        found = [(a.onset_s, a.duration_s, a.text) for a in edf.annotations()]
    assert found == [(2.5, 10.0, "Hypopnea"), (4.0, None, "Lights off")]


def test_negative_gain_decodes_as_written(data: Path) -> None:
    """A real file with the physical minimum above the maximum comes back with its sign."""
    with open_edf(data / "pyedflib/test_subsecond.edf") as edf:
        signal = edf.signal(0)
    assert signal.gain < 0
    np.testing.assert_array_equal(np.sign(signal.physical()[:3]), [1, 1, 1])
    assert signal.segments[0].digital[0, :3].tolist() == [-24, -29, -39]


def test_unusable_signals_are_refused_alone(tmp_path: Path) -> None:
    """A signal without a gain cannot be taken; its neighbours can."""
    (tmp_path / "night.edf").write_bytes(build_edf([Column(physical_max="-100"), Column("ECG")]))
    with open_edf(tmp_path / "night.edf") as edf:
        assert [(info.label, info.usable) for info in edf.infos] == [("EEG", False), ("ECG", True)]
        with pytest.raises(EdfCorrupt, match="'EEG' gives no gain"):
            edf.signal(0)
        assert digital(edf, 1).tolist() == list(range(12))


def test_signals_outlive_their_file(tmp_path: Path) -> None:
    """A closed file gives nothing more, and what it gave stays readable."""
    (tmp_path / "night.edf").write_bytes(build_edf([Column()]))
    with open_edf(tmp_path / "night.edf") as edf:
        signal = edf.signal(0)
    assert signal.segments[0].digital.sum() == sum(range(12))
    with pytest.raises(ValueError, match="closed"):
        edf.signal(0)


def test_a_thousand_files_leave_nothing_open(tmp_path: Path) -> None:
    """Maps and descriptors go with the last view of them."""
    (tmp_path / "night.edf").write_bytes(build_edf([Column()]))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(1000):
        with open_edf(tmp_path / "night.edf") as edf:
            edf.signal(0).physical()
    assert len(os.listdir("/proc/self/fd")) == before
    assert "night.edf" not in Path("/proc/self/maps").read_text()


def test_a_file_that_shrinks_between_header_and_map_has_changed(tmp_path: Path) -> None:
    """A map that is shorter than the header found the file to be is refused."""
    path = tmp_path / "night.edf"
    path.write_bytes(build_edf([Column()]))
    header = read_header(path)
    path.write_bytes(path.read_bytes()[:-1])
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    with pytest.raises(SourceChanged):
        EdfFile(header, mapped)

"""Signals in HDF5 files, written by h5py as the manifest describes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pipeline.read.night import open_night
from pipeline.read.signal_file import peek
from schemas.errors import ManifestInvalid, SignalFileCorrupt
from schemas.manifest import Hdf5Rule

RULE = Hdf5Rule.model_validate({"signals": "signals/*/*", "rate": "fs", "unit": "unit"})
N = 1000


def write(path: Path, **more: Any) -> Path:
    """Two groups whose attributes hold for their datasets; one dataset has attributes of its own."""
    with h5py.File(path, "w") as file:
        for group, rate_hz, unit in (("eeg", 250, "uV"), ("emg", 250.0, b"uV")):
            file.create_group(f"signals/{group}").attrs.update({"fs": rate_hz, "unit": unit})
        file["signals/eeg/C3_M2"] = np.linspace(-50, 50, N).astype(np.float32)
        file["signals/eeg/C4_M1"] = np.arange(N, dtype=np.int16)
        file["signals/emg/ECG"] = np.where(np.arange(N // 2) // 100 == 1, np.nan, 1.5)
        file["signals/emg/ECG"].attrs.update({"fs": [125], "unit": "mV"})
        file["signals/emg/notes"] = "free text"
        file["hypnogram"] = np.zeros(3, np.int8)
        for name, value in more.items():
            file[f"signals/eeg/{name}"] = value
    return path


def read_all(path: Path) -> None:
    with open_night([path], RULE) as night:
        for index in range(len(night.infos)):
            night.signal(index).physical()


def test_signals_as_described(tmp_path: Path) -> None:
    """Labels are names of datasets; rate and unit are the dataset's own, else its group's; NaN is a gap."""
    with open_night([write(tmp_path / "n.h5")], RULE) as night:
        said = [(i.label, i.unit_text, float(i.rate_hz)) for i in night.infos]
        assert said == [("C3_M2", "uV", 250.0), ("C4_M1", "uV", 250.0), ("ECG", "mV", 125.0)]
        assert (night.end_s, night.clock_start_s) == (4.0, None)
        np.testing.assert_allclose(night.signal(0).physical(), np.linspace(-50, 50, N), atol=1e-5)
        assert night.signal(1).segments[0].digital.dtype == np.int16
        ecg = night.signal(2)
        assert [(s.start_s, s.n_sample) for s in ecg.segments] == [(0.0, 100), (1.6, 300)]
        assert set(ecg.physical(1)) == {1.5}


def test_a_peek_reads_no_sample(tmp_path: Path) -> None:
    """Attributes alone."""
    assert [i.label for i in peek(write(tmp_path / "n.h5"), RULE).infos] == ["C3_M2", "C4_M1", "ECG"]


def test_several_paths_and_no_unit(tmp_path: Path) -> None:
    """Paths in the manifest's order; without an attribute for it a unit is blank, for the manifest to fill."""
    rule = Hdf5Rule.model_validate({"signals": ["signals/emg/ECG", "signals/eeg/C3*"], "rate": "fs"})
    infos = peek(write(tmp_path / "n.h5"), rule).infos
    assert [(i.label, i.unit_text) for i in infos] == [("ECG", ""), ("C3_M2", "")]


def test_one_row_is_a_signal_and_a_matrix_is_none(tmp_path: Path) -> None:
    """A column or a row of numbers is one signal; a table of them, text and nothing are not."""
    column, matrix = np.ones((N, 1)), np.ones((N, 2))
    path = write(tmp_path / "n.h5", a_column=column, b_matrix=matrix, c_empty=np.empty(0))
    assert "a_column" in [i.label for i in peek(path, RULE).infos]
    assert not {"b_matrix", "c_empty"} & {i.label for i in peek(path, RULE).infos}


@pytest.mark.parametrize("rate", [0, -5, np.nan, "fast", None])
def test_a_signal_needs_a_rate(tmp_path: Path, rate: Any) -> None:
    """Without a readable rate the file is refused, and the signal named."""
    path = write(tmp_path / "n.h5")
    with h5py.File(path, "a") as file:
        attributes = file["signals/eeg"].attrs
        del attributes["fs"]
        if rate is not None:
            attributes["fs"] = rate
    with pytest.raises(SignalFileCorrupt, match="'C3_M2' has no readable rate"):
        peek(path, RULE)


def test_the_manifest_must_describe_it(tmp_path: Path) -> None:
    """An HDF5 file says nothing by itself."""
    with pytest.raises(ManifestInvalid, match="hdf5"):
        peek(write(tmp_path / "n.h5"))


def test_errors_of_the_caller_stay_what_they_are(tmp_path: Path) -> None:
    """Only what the library raises about the file becomes an error about the file."""
    with pytest.raises(KeyError, match="mine"), open_night([write(tmp_path / "n.h5")], RULE):
        raise KeyError("mine")


@pytest.mark.parametrize("percent", range(0, 100, 4))
def test_files_that_were_cut_end_well(tmp_path: Path, percent: int) -> None:
    """A download that broke off is refused by a typed error."""
    path = write(tmp_path / "n.h5")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * percent // 100])
    with pytest.raises(SignalFileCorrupt):
        read_all(path)

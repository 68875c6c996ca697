"""Stores made from WFDB records and HDF5 files agree with what the formats' own libraries read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import wfdb
from numpy.typing import NDArray

from pipeline.batch.convert import convert_recording
from pipeline.files.discover import discover
from pipeline.verify.source import SourceFinder, compare_with_source
from schemas.manifest import CohortManifest
from tests.stub_cohort import MANIFEST

RATE_HZ, N_SECOND = 100, 150
Signals = dict[str, NDArray[np.float64]]


def night() -> Signals:
    """An EEG with half a minute that was not recorded, and a saturation."""
    noise = np.random.default_rng(3).normal(size=RATE_HZ * N_SECOND)
    smooth = np.convolve(noise, np.ones(8) / 8, "same") * 60
    smooth[RATE_HZ * 60 : RATE_HZ * 90] = np.nan
    return {"C4-M1": smooth, "SaO2": np.repeat(90.0 + np.arange(N_SECOND) % 7, RATE_HZ)}


def write_wfdb(root: Path, signals: Signals) -> None:
    samples = np.stack(list(signals.values()), axis=1)
    names = {"sig_name": list(signals), "units": ["uV", "%"]}
    wfdb.wrsamp("n1", RATE_HZ, p_signal=samples, fmt=["16", "16"], write_dir=str(root), **names)


def write_hdf5(root: Path, signals: Signals) -> None:
    with h5py.File(root / "n1.h5", "w") as file:
        for (name, value), unit in zip(signals.items(), ("uV", "%"), strict=True):
            group = file.create_group(f"signals/{unit[0]}")
            group.attrs.update({"fs": RATE_HZ, "unit": unit})
            group[name] = value


FORMATS: dict[str, tuple[dict[str, Any], Callable[[Path, Signals], None]]] = {
    "wfdb": ({"layout": {"signals": "{subject}.hea", "companions": "{subject}.dat"}}, write_wfdb),
    "hdf5": (
        {
            "layout": {"signals": "{subject}.h5"},
            "hdf5": {"signals": "signals/*/*", "rate": "fs", "unit": "unit"},
        },
        write_hdf5,
    ),
}


def compared(root: Path, store: Path) -> tuple[set[tuple[str, str]], bool]:
    problems, was_compared = compare_with_source(store, SourceFinder(root))
    return {(problem.rule, problem.array) for problem in problems if problem.rule != "S1"}, was_compared


@pytest.mark.parametrize("form", FORMATS)
def test_stores_agree_with_the_second_reader(tmp_path: Path, form: str) -> None:
    """Nothing differs; a wave that is turned and a reading that is another one are named."""
    layout, write = FORMATS[form]
    montage = [{"channel": "eeg_c4_m1", "labels": ["C4-M1"]}, {"channel": "spo2", "labels": ["SaO2"]}]
    manifest = CohortManifest.model_validate(MANIFEST | {"annotations": []} | layout | {"montage": montage})
    root, store = tmp_path / "in", tmp_path / "n1.zarr"
    root.mkdir()
    write(root, night())
    (source,) = discover(manifest, root)
    convert_recording(source, manifest, store)
    assert compared(root, store) == (set(), True)
    changed = night()
    changed["C4-M1"] *= -1
    changed["SaO2"][:RATE_HZ] = 80
    write(root, changed)
    assert compared(root, store) == ({("S2", "eeg_c4_m1"), ("S7", "spo2")}, True)


def test_what_the_second_reader_cannot_open_is_not_compared(tmp_path: Path) -> None:
    """A file that was lost or damaged since is no agreement."""
    layout, write = FORMATS["hdf5"]
    montage = [{"channel": "spo2", "labels": ["SaO2"]}]
    manifest = CohortManifest.model_validate(MANIFEST | {"annotations": []} | layout | {"montage": montage})
    root, store = tmp_path / "in", tmp_path / "n1.zarr"
    root.mkdir()
    write(root, night())
    (source,) = discover(manifest, root)
    convert_recording(source, manifest, store)
    (root / "n1.h5").write_bytes(b"nothing")
    assert compared(root, store) == (set(), False)

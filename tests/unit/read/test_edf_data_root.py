"""Every EDF and BDF of the real recordings opens, or says why not."""

from __future__ import annotations

from pathlib import Path

import edfio
import numpy as np
import pytest

from pipeline.read.edf import open_edf
from schemas.errors import EdfTruncated, PsgError

HEADER_ONLY = {"invalid-date.edf", "zero-data-records.edf"}  # published without a single data record


@pytest.mark.system
def test_every_real_file_opens_or_says_why(data_root: Path) -> None:
    """Each file equals edfio sample by sample, or fails with an error that names file and reason."""
    paths = sorted(path for path in data_root.rglob("*") if path.suffix.lower() in (".edf", ".bdf"))
    assert paths
    refused = {path.name: error for path in paths if (error := refusal(path))}
    assert {path.name for path in paths} & HEADER_ONLY == set(refused)
    assert all(
        str(error).startswith(f"{name}: the file holds no whole data record") for name, error in refused.items()
    )


def refusal(path: Path) -> PsgError | None:
    try:
        compare(path)
    except EdfTruncated as error:
        return error
    return None


def compare(path: Path) -> None:
    read = edfio.read_bdf if path.suffix.lower() == ".bdf" else edfio.read_edf
    reference = read(path)
    with open_edf(path) as edf:
        assert edf.labels == reference.labels
        for index, wanted in enumerate(reference.signals):
            found = np.concatenate([s.digital.reshape(-1) for s in edf.signal(index).segments])
            np.testing.assert_array_equal(found, wanted.digital)

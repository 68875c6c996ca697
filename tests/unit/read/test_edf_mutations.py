"""Mutated headers open or raise one of our errors: no other exception, no death, no hang."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.campaign import run, wrong
from benchmarks.mutate_edf import seeds
from pipeline.read.edf import open_edf


@pytest.mark.parametrize(("seed", "count"), [(1, 150), pytest.param(2, 1000, marks=pytest.mark.system)])
def test_mutated_headers_never_escape(seed: int, count: int) -> None:
    """Each mutant ends in a PsgError that names the file, or opens and decodes to finite values."""
    ended = run("benchmarks.mutate_edf", seed, count)
    assert (len(ended), wrong(ended)) == (count, {})
    refused = sum(not how.startswith("opened") for how in ended.values())
    assert count // 10 < refused < count * 9 // 10


def test_the_mutated_files_are_legal_before(tmp_path: Path) -> None:
    """What is mutated opens without a finding, but for the rates and gains that real files have."""
    for number, raw in enumerate(seeds()):
        path = tmp_path / f"{number}.edf"
        path.write_bytes(raw)
        with open_edf(path) as edf:
            assert {finding.code for finding in edf.findings} <= {"PSG-H009", "PSG-H010"}

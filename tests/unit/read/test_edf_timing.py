"""Gaps stay gaps: where data records lie in time."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.edf_bytes import Column, build_edf, stamp
from pipeline.read.edf import EdfFile, open_edf
from schemas.errors import EdfCorrupt


def night(tmp_path: Path, kind: str, cells: list[bytes], *, clock: str = "22.00.00", n_wave: int = 4) -> EdfFile:
    """Open a file of 1-s records with one wave and the given annotation cells."""
    tals = Column("EDF Annotations", n_per_record=20, cells=tuple(cells))
    raw = build_edf([Column(n_per_record=n_wave), tals], len(cells), kind=kind, clock=clock)
    (tmp_path / "night.edf").write_bytes(raw)
    return open_edf(tmp_path / "night.edf")


def runs(edf: EdfFile) -> list[tuple[float, int]]:
    """Start in seconds and first sample of each segment."""
    return [(segment.start_s, int(segment.digital[0, 0])) for segment in edf.signal(0).segments]


def codes(edf: EdfFile) -> list[str]:
    return [finding.code for finding in edf.findings]


def test_gaps_of_a_discontinuous_file_stay(tmp_path: Path) -> None:
    """Records are placed by their stamps; those that follow each other are one segment."""
    edf = night(tmp_path, "EDF+D", [stamp(f"+{onset}") for onset in (0, 1, 5, 6, 7, 100.5)])
    assert runs(edf) == [(0.0, 0), (5.0, 8), (100.5, 20)]
    assert [segment.n_sample for segment in edf.signal(0).segments] == [8, 12, 4]
    assert (edf.duration_s, edf.signal(0).end_s, edf.header.duration_s) == (101.5, 101.5, 6.0)
    assert codes(edf) == ["PSG-H009"]
    assert edf.findings[0].message == "2 gaps, 95.5 s in all, the first after 2 s"


def test_a_discontinuous_file_without_gaps_is_one_segment(tmp_path: Path) -> None:
    """The flag alone makes no gap."""
    edf = night(tmp_path, "EDF+D", [stamp(f"+{onset}") for onset in range(4)])
    assert (runs(edf), codes(edf)) == ([(0.0, 0)], [])


@pytest.mark.parametrize(("jump_s", "n_segment"), [(0.124, 1), (0.125, 1), (0.126, 2), (-0.125, 1)])
def test_half_a_sample_is_no_gap(tmp_path: Path, jump_s: float, n_segment: int) -> None:
    """At 4 Hz, stamps that are off by up to 0.125 s belong together."""
    edf = night(tmp_path, "EDF+D", [stamp("+0"), stamp("+1"), stamp(f"+{2 + jump_s:.3f}")])
    assert len(edf.signal(0).segments) == n_segment


@pytest.mark.parametrize("onsets", [(0, 1, 0.5), (5, 4, 6), (0, 0, 0)])
def test_stamps_that_overlap_refuse_a_discontinuous_file(tmp_path: Path, onsets: tuple[float, ...]) -> None:
    """Records that would lie upon each other cannot be placed."""
    with pytest.raises(EdfCorrupt, match=r"night.edf: .* time stamps overlap in \d records, first in record"):
        night(tmp_path, "EDF+D", [stamp(f"+{onset}") for onset in onsets])


@pytest.mark.parametrize("cell", [b"", b"\x14\x14\0", b"+x\x14\x14\0", b"+1\x14Hypopnea\x14\0", b"\0+1\x14\x14\0"])
def test_missing_stamps_refuse_a_discontinuous_file(tmp_path: Path, cell: bytes) -> None:
    """A record without a stamp has no place."""
    with pytest.raises(EdfCorrupt, match="time stamps are missing in 1 of 3 records, first in record 1"):
        night(tmp_path, "EDF+D", [stamp("+0"), cell, stamp("+2")])


def test_a_discontinuous_file_without_an_annotation_signal_is_refused(tmp_path: Path) -> None:
    """Without stamps at all its gaps are unknown."""
    (tmp_path / "night.edf").write_bytes(build_edf([Column()], kind="EDF+D"))
    with pytest.raises(EdfCorrupt, match="must not be joined"):
        open_edf(tmp_path / "night.edf")


def test_stamps_beyond_a_week_refuse_a_discontinuous_file(tmp_path: Path) -> None:
    """A gap of years is a broken stamp, and nobody allocates by it."""
    with pytest.raises(EdfCorrupt, match="span more than"):
        night(tmp_path, "EDF+D", [stamp("+0"), stamp("+99999999999")])


def test_gaps_in_a_continuous_file_are_believed(tmp_path: Path) -> None:
    """Stamps that leave gaps and nothing else count more than the flag, and this is remarked."""
    edf = night(tmp_path, "EDF+C", [stamp("+0"), stamp("+1"), stamp("+9")])
    assert (runs(edf), codes(edf)) == ([(0.0, 0), (9.0, 8)], ["PSG-H009"])
    assert "declared continuous" in edf.findings[0].message


@pytest.mark.parametrize(
    "cells",
    [
        [stamp("+0"), stamp("+9"), stamp("+2")],
        [stamp("+0"), b"", stamp("+2")],
        [stamp("+0"), stamp("+0"), stamp("+0")],
        [b"", b"", b""],
    ],
)
def test_contradictory_stamps_of_a_continuous_file_give_way(tmp_path: Path, cells: list[bytes]) -> None:
    """Where stamps are missing or run backwards, the flag decides, and this is remarked."""
    edf = night(tmp_path, "EDF+C", cells)
    assert (runs(edf), codes(edf)) == ([(0.0, 0)], ["PSG-H018"])


def test_slow_drift_is_remarked_and_not_followed(tmp_path: Path) -> None:
    """Stamps that creep by less than half a sample a record leave one segment on the sample clock."""
    edf = night(tmp_path, "EDF+C", [stamp(f"+{1.1 * onset:.1f}") for onset in range(5)])
    assert (runs(edf), codes(edf)) == ([(0.0, 0)], ["PSG-H018"])
    assert "0.4 s" in edf.findings[0].message


def test_recording_start_is_the_first_sample(tmp_path: Path) -> None:
    """A start between two seconds moves the clock, and every time counts from the first sample."""
    event = b"+2.75\x14Lights off\x14\0"
    edf = night(tmp_path, "EDF+C", [stamp("+0.25", event), stamp("+1.25")], clock="23.59.59")
    assert (runs(edf), edf.header.clock_start_s) == ([(0.0, 0)], 86_399.25)
    assert [annotation.onset_s for annotation in edf.annotations()] == [2.5]


def test_the_clock_wraps_at_midnight(tmp_path: Path) -> None:
    """A first stamp beyond midnight leaves a time of day."""
    edf = night(tmp_path, "EDF+D", [stamp("+3.5"), stamp("+4.5")], clock="23.59.58")
    assert edf.header.clock_start_s == 1.5


def test_a_real_start_between_seconds(data: Path) -> None:
    """A real file that starts 0.3945312 s after its header's second keeps the fraction."""
    with open_edf(data / "pyedflib/test_subsecond.edf") as edf:
        assert edf.header.clock_start_s == 4 * 3600 + 5 * 60 + 56 + 0.3945312
        assert [segment.start_s for segment in edf.signal(0).segments] == [0.0]


def test_gaps_hold_for_every_signal_of_a_bdf(tmp_path: Path) -> None:
    """24-bit signals of any rate are cut at the same gaps."""
    tals = Column("BDF Annotations", n_per_record=20, cells=(stamp("+0"), stamp("+1"), stamp("+7")))
    raw = build_edf([Column(n_per_record=1), tals, Column("B")], 3, kind="BDF+D", is_bdf=True)
    (tmp_path / "night.bdf").write_bytes(raw)
    with open_edf(tmp_path / "night.bdf") as edf:
        for index, wanted in enumerate(([[0, 1], [2]], [list(range(8)), list(range(8, 12))])):
            segments = edf.signal(index).segments
            assert [segment.start_s for segment in segments] == [0.0, 7.0]
            assert [segment.digital.reshape(-1).tolist() for segment in segments] == wanted

"""Stages and events from EDF+ annotations, against published stages and an independent reader."""

from __future__ import annotations

import csv
from pathlib import Path

import edfio
import numpy as np
import pytest

from benchmarks.edf_bytes import Column, build_edf, stamp
from pipeline.read.annotations import read_annotations
from pipeline.read.edf import open_edf
from pipeline.scoring.align import make_grid
from schemas.errors import EdfTruncated
from schemas.findings import Finding
from schemas.hypnogram import Annotations
from schemas.manifest import AnnotationRule

RULE = AnnotationRule(format="edf_plus", scheme="rk")
AASM = {"W": 0, "1": 1, "2": 2, "3": 3, "4": 3, "R": 4, "?": -1}


def write(path: Path, *tals: str, kind: str = "EDF+C", clock: str = "22.00.00") -> Path:
    """Write a file with one record of annotations, each as ``onset[|duration]|text``."""
    cells = []
    for tal in tals:
        *times, text = tal.split("|")
        cells.append("\x15".join(times).encode() + b"\x14" + text.encode() + b"\x14\0")
    column = Column(label="EDF Annotations", n_per_record=1000, cells=(stamp("+0", *cells),))
    path.write_bytes(build_edf([column], 1, kind=kind, duration="0", clock=clock))
    return path


def read(path: Path, rule: AnnotationRule = RULE) -> tuple[Annotations, tuple[Finding, ...]]:
    return read_annotations({"annotations": path}, [rule], clock_start_s=None)


def stages(path: Path) -> list[int]:
    hypnogram = read(path)[0].hypnogram
    assert hypnogram is not None
    return hypnogram.stage.tolist()


def expand(rows: list[tuple[float, float, str]]) -> list[int]:
    """Expand gapless runs to epochs, the slow and obvious way."""
    return [
        AASM.get(text.rpartition(" ")[2], -1) for _, duration, text in rows for _ in range(round(duration / 30))
    ]


def test_stages_equal_the_published_ones(data: Path) -> None:
    """The real hypnogram gives the published stages, epoch by epoch, with R&K 4 kept as its own code."""
    with (data / "sleep-edf" / "SC4001E0_rec0960-1319-stages.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    published = [(float(r["onset_s"]), float(r["duration_s"]), r["description"]) for r in rows]
    annotations, found = read(data / "sleep-edf" / "SC4001E0_rec0960-1319-Hypnogram.edf")
    hypnogram = annotations.hypnogram
    assert hypnogram is not None
    assert hypnogram.stage.tolist() == expand(published)
    assert np.count_nonzero(hypnogram.stage_source == 4) == sum(
        round(d / 30) for _, d, text in published if text.endswith("4")
    )
    assert (hypnogram.start_s, hypnogram.n_epoch, found) == (0.0, 360, ())


def test_disagreeing_dates_do_no_harm(data: Path) -> None:
    """Signals of 1989 and a hypnogram of 1985 start at the same time of day, and that decides."""
    folder = data / "sleep-edf"
    with open_edf(folder / "SC4001E0_rec0960-1319-PSG.edf") as edf:
        clock_s, end_s = edf.header.clock_start_s, edf.duration_s
    annotations, _ = read(folder / "SC4001E0_rec0960-1319-Hypnogram.edf")
    grid, found = make_grid(annotations, RULE, signal_end_s=end_s, clock_start_s=clock_s)
    assert (grid.offset_s, grid.n_epoch, grid.clock_start_s, found) == (0.0, 360, 13 * 60.0, ())


@pytest.mark.system
def test_published_hypnograms_agree_with_an_independent_reader(data_root: Path) -> None:
    """Whole-day hypnograms of the cohort give the epochs that edfio's annotations expand to."""
    paths = sorted((data_root / "sleep-edf").glob("SC4*E?-Hypnogram.edf"))
    assert len(paths) == 5
    for path in paths:
        rows = [(a.onset, a.duration or 0.0, a.text) for a in edfio.read_edf(path).annotations]
        assert stages(path) == expand(rows)


def test_aasm_texts_have_codes_of_their_own(tmp_path: Path) -> None:
    """N3 and 3 are both N3, and the scorer's codes tell them apart."""
    path = write(tmp_path / "h.edf", "+0|30|Sleep stage N3", "+30|30|Sleep stage 3", "+60|30|Sleep stage R")
    hypnogram = read(path)[0].hypnogram
    assert hypnogram is not None
    assert hypnogram.stage.tolist() == [3, 3, 4]
    assert hypnogram.stage_source.tolist() == [13, 3, 5]


def test_movement_and_unknown_are_unscored_with_their_codes(tmp_path: Path) -> None:
    """Movement time and ``?`` have no stage, and stay told apart."""
    path = write(tmp_path / "h.edf", "+0|30|Sleep stage W", "+30|30|Movement time", "+60|30|Sleep stage ?")
    hypnogram = read(path)[0].hypnogram
    assert hypnogram is not None
    assert hypnogram.stage.tolist() == [0, -1, -1]
    assert hypnogram.stage_source.tolist() == [0, 6, 9]


def test_stages_without_durations_last_until_the_next(tmp_path: Path) -> None:
    """Stages written only where they change are change points; events between them do not end them."""
    path = write(
        tmp_path / "h.edf",
        "+12.5|Sleep stage W",
        "+20|5|EEG arousal",
        "+72.5|Sleep stage N1",
        "+102.5|Sleep stage W",
    )
    hypnogram = read(path)[0].hypnogram
    assert hypnogram is not None
    assert (hypnogram.start_s, hypnogram.stage.tolist()) == (12.5, [0, 0, 1, 0])


def test_events_and_the_signal_they_were_scored_on(tmp_path: Path) -> None:
    """``text@@label`` is an event on a signal; other texts are counted and never kept."""
    path = write(
        tmp_path / "h.edf",
        "+0|60|Sleep stage W",
        "+3|2.5|EEG arousal@@EEG F4-A1",
        "+9|Lights off",
        "+10|Called Mrs Mustermann",
    )
    annotations, found = read(path)
    assert annotations.events.type == ("arousal", "lights_off")
    assert annotations.events.channel == ("EEG F4-A1", "")
    assert annotations.events.duration_s.tolist() == [2.5, 0.0]
    assert annotations.clock_start_s == 22 * 3600.0
    assert [f.code for f in found] == ["PSG-A004"]
    assert "Mustermann" not in repr((annotations, found))


def test_an_unknown_stage_text_is_unscored(tmp_path: Path) -> None:
    """``Sleep stage 7`` is a stage that no table maps, not an event."""
    path = write(tmp_path / "h.edf", "+0|30|Sleep stage W", "+30|30|Sleep stage 7")
    annotations, found = read(path)
    assert annotations.hypnogram is not None
    assert annotations.hypnogram.stage.tolist() == [0, -1]
    assert [f.code for f in found] == ["PSG-A007"]


def test_a_plain_edf_has_no_stages(tmp_path: Path) -> None:
    """A file without annotations gives an unscored night and a finding."""
    path = tmp_path / "h.edf"
    path.write_bytes(build_edf([Column()], 2))
    annotations, found = read(path)
    assert annotations.hypnogram is None
    assert [f.code for f in found] == ["PSG-A014"]


def test_a_truncated_hypnogram_is_named(tmp_path: Path) -> None:
    """Half a file is refused like half a recording."""
    path = write(tmp_path / "h-Hypnogram.edf", "+0|30|Sleep stage W")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(EdfTruncated, match=r"h-Hypnogram\.edf"):
        read(path)


def test_annotations_of_an_independent_writer(tmp_path: Path) -> None:
    """Stages and events that edfio wrote come back."""
    path = tmp_path / "h.edf"
    written = [
        edfio.EdfAnnotation(0.5, 60, "Sleep stage W"),
        edfio.EdfAnnotation(60.5, 30, "Sleep stage N2"),
        edfio.EdfAnnotation(61.25, 12.5, "Hypopnea"),
        edfio.EdfAnnotation(90.5, 30, "Sleep stage N1"),
    ]
    signal = edfio.EdfSignal(np.zeros(120), 1, label="EEG", physical_range=(-1, 1))
    edfio.Edf([signal], annotations=written).write(path)
    annotations, _ = read(path)
    assert annotations.hypnogram is not None
    assert (annotations.hypnogram.start_s, annotations.hypnogram.stage.tolist()) == (0.5, [0, 0, 2, 1])
    assert annotations.events.onset_s.tolist() == [61.25]

"""Scorings in tables, as vendors, cohorts and clinics write them; each line's truth is spelt out beside it."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from pipeline.read.annotations import read_annotations
from schemas.errors import AnnotationCorrupt, HypnogramMismatch
from schemas.findings import Finding
from schemas.hypnogram import Annotations
from schemas.scoring_rules import AnnotationRule
from schemas.vocabulary import Stage

W, N1, N2, N3, REM, NONE = Stage.W, Stage.N1, Stage.N2, Stage.N3, Stage.REM, Stage.UNSCORED
CLOCK_S = 22 * 3600.0


def rule(table: dict[str, Any], **more: Any) -> AnnotationRule:
    return AnnotationRule.model_validate({"format": "table", "scheme": "aasm", "table": table} | more)


def read(
    path: Path, by: AnnotationRule, *, clock_start_s: float | None = CLOCK_S
) -> tuple[Annotations, tuple[Finding, ...]]:
    return read_annotations({"annotations": path}, [by], clock_start_s=clock_start_s)


def written(folder: Path, text: str | bytes, name: str = "scoring.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def stages(found: Annotations) -> list[Stage]:
    assert found.hypnogram is not None
    return [Stage(code) for code in found.hypnogram.stage]


def events(found: Annotations) -> list[tuple[float, float, str]]:
    """Onset from the table's first time, duration and type."""
    table = found.events
    return list(zip(table.onset_s.tolist(), table.duration_s.tolist(), table.type, strict=True))


def test_bids_events(tmp_path: Path) -> None:
    """A column of stages beside others; `n/a` is blank, line ends may be of Windows."""
    text = "onset\tduration\toffset\tstage_hum\r\n0\t30\t0\t0\r\n30\t30\t0\t2\r\n60\t30\t0\tn/a\r\n90\t30\t0\t4\r\n"
    by = rule(
        {"delimiter": "\t", "onset": "onset", "duration": "duration", "stage": "stage_hum"},
        stages={0: "W", 2: "N2", 4: "REM"},
        holds="stages",
    )
    found, remarks = read(written(tmp_path, text, "events.tsv"), by)
    assert stages(found) == [W, N2, NONE, REM]
    assert [f.code for f in remarks] == ["PSG-A012", "PSG-A010"]


def test_fractional_onsets_and_free_text(tmp_path: Path) -> None:
    """Stages off whole seconds keep their offset; stages and events share a column; a lone quote is a character."""
    text = (
        "onset\tduration\tdescription\n"
        "12.4\t30\tSleep stage W\n"
        "42.4\t30\tSleep stage N3\n"
        "50.25\t12.5\tObstructive Hypopnea\n"
        '51\t1\tasked for 6" pillow\n'
        "72.4\t30\tSleep stage ?\n"
        "80\t0\tBody Position: Left\n"
    )
    by = rule({"delimiter": "\t", "onset": "onset", "duration": "duration", "text": "description"})
    found, _ = read(written(tmp_path, text), by)
    assert found.hypnogram is not None
    assert (found.hypnogram.start_s, stages(found)) == (12.4, [W, N3, NONE])
    assert events(found) == [(50.25, 12.5, "obstructive_hypopnea"), (80.0, 0.0, "position_left")]
    assert dict(found.events.unmapped) == {'asked for 6" pillow': 1}


def test_clock_across_midnight(tmp_path: Path) -> None:
    """Times of day without dates go on after midnight, wherever in the file an earlier event stands."""
    text = (
        "Start Time,Duration (seconds),Event\n"
        "23:59:00,30,Stage2\n23:59:30,30,Stage2\n00:00:00,30,Stage3\n00:00:30,30,UnknownStage\n"
        "00:00:10,11.5,Central Apnea\n23:59:40,20,Hypopnea\n"
    )
    by = rule(
        {"onset": "Start Time", "onset_unit": "clock", "duration": "Duration (seconds)", "text": "Event"},
        stages={"Stage2": "N2", "Stage3": "N3", "UnknownStage": "UNSCORED"},
    )
    found, remarks = read(written(tmp_path, text), by)
    assert (found.clock_start_s, found.is_clocked) == (23 * 3600 + 59 * 60, True)
    assert stages(found) == [N2, N2, N3, NONE]
    assert events(found) == [(40.0, 20.0, "hypopnea"), (70.0, 11.5, "central_apnea")]
    assert [f.code for f in remarks] == ["PSG-A010"]


def test_clock_needs_the_signals_clock(tmp_path: Path) -> None:
    """Times of day say nothing about a recording whose own time is unknown."""
    path = written(tmp_path, "at,what\n22:00:00,N2\n")
    with pytest.raises(HypnogramMismatch, match="times of day"):
        read(path, rule({"onset": "at", "onset_unit": "clock", "text": "what"}), clock_start_s=None)


def test_changes_alone(tmp_path: Path) -> None:
    """A log of changes: a stage lasts until the next, and a pattern finds term, kind and duration in a text."""
    text = (
        "21:59:30.00\tSTART RECORDING\n22:00:00.00\tSTAGE - W\n22:00:30.00\tLIGHTS OUT\n"
        "22:01:00.00\tSTAGE - N3\n22:01:10.50\tRESPIRATORY EVENT - DUR: 13.5 SEC. - HYPOPNEA - DESAT 4 %\n"
        "22:01:20.00\tDESATURATION - DUR: 20.0 SEC. - MIN 88 %\n"
        "22:02:00.00\tAROUSAL - DUR: 3.1 SEC. - SPONTANEOUS\n"
        "22:02:30.00\tSTAGE - NO STAGE\n22:03:00.00\tCaf\xe9 noise\n"
    )
    by = rule(
        {
            "delimiter": "\t",
            "encoding": "latin-1",
            "onset": 1,
            "onset_unit": "clock",
            "text": 2,
            "patterns": [
                r"(?P<term>AROUSAL|RESPIRATORY EVENT) - DUR: (?P<duration>[\d.]+) SEC\. - (?P<kind>[^-]+?)( - .*)?",
                r"(?P<term>DESATURATION) - DUR: (?P<duration>[\d.]+) SEC\..*",
            ],
        },
        stages={"STAGE - W": "W", "STAGE - N3": "N3", "STAGE - NO STAGE": "UNSCORED"},
        events={
            "RESPIRATORY EVENT - HYPOPNEA": "hypopnea",
            "AROUSAL - SPONTANEOUS": "arousal_spontaneous",
            "START RECORDING": "ignore",
        },
    )
    found, _ = read(written(tmp_path, text.encode("latin-1")), by)
    assert stages(found) == [W, W, N3, N3, N3, NONE]
    assert events(found) == [
        (60.0, 0.0, "lights_off"),
        (100.5, 13.5, "hypopnea"),
        (110.0, 20.0, "desaturation"),
        (150.0, 3.1, "arousal_spontaneous"),
    ]
    assert found.hypnogram is not None
    assert found.hypnogram.start_s == 30.0


@pytest.mark.parametrize(
    "heading", ["Epoch\tUser-Defined Stage\tCAST-Defined Stage\n", ""], ids=["heading", "none"]
)
def test_epochs_by_number(tmp_path: Path, heading: str) -> None:
    """Columns by position need no heading, and a heading does no harm; a number that is left out is unscored."""
    by = rule({"delimiter": "\t", "epoch": 1, "stage": 2}, stages={0: "W", 2: "N2", 4: "N3", 7: "UNSCORED"})
    found, _ = read(written(tmp_path, heading + "1\t0\t0\n2\t2\t0\n4\t4\t0\n5\t7\t0\n"), by)
    assert found.hypnogram is not None
    assert (found.hypnogram.start_s, stages(found)) == (0.0, [W, N2, NONE, N3, NONE])


def test_columns_counted_from_the_end(tmp_path: Path) -> None:
    """Lines of different width have their duration last; negative durations are events without a readable time."""
    text = (
        "Epoch\tx\tx\tcode\ttext\tx\ttime\tdur\n"
        "4\ta\tb\t405\tObs Apnea  \tc\t22:01:30\t12.0\n"
        "5\ta\tb\t405\tHypopnea\tc\t22:02:00\td\te\t14.5\n"
        "6\ta\tb\t405\tHypopnea\tc\t22:02:40\t-3\n"
        "7\ta\tb\t405\tArousal ()\tc\t22:03:00\n"  # nothing after its time: it has no duration
    )
    by = rule(
        {"delimiter": "\t", "onset": 7, "onset_unit": "clock", "duration": -1, "text": 5},
        events={"Obs Apnea": "obstructive_apnea"},
        holds="events",
    )
    found, remarks = read(written(tmp_path, text), by)
    assert events(found) == [(0.0, 12.0, "obstructive_apnea"), (30.0, 14.5, "hypopnea"), (90.0, 0.0, "arousal")]
    assert (found.hypnogram, [f.code for f in remarks]) == (None, ["PSG-A001", "PSG-A013"])


def test_a_german_clinic(tmp_path: Path) -> None:
    """Semicolons, decimal commas, umlauts in Latin-1, dates before times, and lines before the heading."""
    text = (
        "Schlaflabor Musterstadt;;;\nExport;;;\nUhrzeit;Dauer;Ereignis;Kanal\n"
        "03.05.2021 22:00:00;30,0;Wach;\n03.05.2021 22:00:30;30,0;Schlafstadium 3;\n"
        "03.05.2021 22:00:35;12,5;Apnoe (obstruktiv);Fluß\n04.05.2021 00:00:05;3,25;Weckreaktion;C4:M1\n"
    )
    by = rule(
        {
            "delimiter": ";",
            "decimal": ",",
            "encoding": "latin-1",
            "skip_lines": 2,
            "onset": "Uhrzeit",
            "onset_unit": "clock",
            "duration": "Dauer",
            "text": "Ereignis",
            "channel": "Kanal",
            "patterns": [r"(?P<term>Apnoe) \((?P<kind>\w+)\)"],
        },
        stages={"Wach": "W", "Schlafstadium 3": "N3"},
        events={"Apnoe - obstruktiv": "obstructive_apnea", "Weckreaktion": "arousal"},
    )
    found, _ = read(written(tmp_path, text.encode("latin-1")), by)
    assert stages(found) == [W, N3]
    assert events(found) == [(35.0, 12.5, "obstructive_apnea"), (7205.0, 3.25, "arousal")]
    assert found.events.channel == ("Fluß", "C4:M1")


@pytest.mark.parametrize(
    ("unit", "first", "second"),
    [("s", "0", "30"), ("ms", "0", "30000"), ("min", "0", "0.5"), ("elapsed", "0:00:00", "0:00:30")],
)
def test_units_of_time(tmp_path: Path, unit: str, first: str, second: str) -> None:
    """The same two epochs in every unit, their end given instead of their length."""
    third = {"s": "60", "ms": "60000", "min": "1", "elapsed": "1:00"}[unit]
    path = written(tmp_path, f"a,b,what\n{first},{second},W\n{second},{third},N1\n")
    found, _ = read(path, rule({"onset": "a", "onset_unit": unit, "end": "b", "text": "what"}))
    assert stages(found) == [W, N1]


def test_spreadsheet(tmp_path: Path) -> None:
    """Cells are read as a text would be: whole numbers without a point, times of day as such; the sheet by name."""
    book = openpyxl.Workbook()
    book.active.append(["nothing"])
    page = book.create_sheet("Scoring")
    page.append(["Epoch", "Stage", "At"])
    at = datetime.datetime(2020, 1, 1, 23, 59, 30)
    for number, stage in enumerate(["W", "n2", 3.0, None, "R"]):
        page.append([number + 1, stage, (at + datetime.timedelta(seconds=30 * number)).time()])
    path = tmp_path / "scoring.xlsx"
    book.save(path)
    by_number = rule({"sheet": "Scoring", "epoch": "Epoch", "stage": "Stage"}, stages={3: "N3"})
    by_time = rule({"sheet": "Scoring", "onset": 3, "onset_unit": "clock", "stage": 2}, stages={3: "N3"})
    by_line = rule({"sheet": "Scoring", "skip_lines": 1, "stage": 2}, stages={3: "N3"})
    assert stages(read(path, by_number)[0]) == [W, N2, N3, NONE, REM]
    assert stages(read(path, by_line)[0]) == [W, N2, N3, NONE, REM]
    timed = read(path, by_time)[0]
    assert (timed.clock_start_s, stages(timed)) == (23 * 3600 + 59 * 60 + 30, [W, N2, N3, N3, REM])


def test_whitespace_and_several_texts(tmp_path: Path) -> None:
    """Any number of blanks is one delimiter; texts of several columns are one term."""
    path = written(tmp_path, "0   W  x\n30\tN1  y\n")
    assert stages(read(path, rule({"delimiter": "whitespace", "onset": 1, "stage": 2}))[0]) == [W, N1]
    path = written(tmp_path, "t,kind,cause\n5,Apnea,central\n")
    by = rule({"onset": "t", "text": ["kind", "cause"]}, events={"Apnea central": "central_apnea"}, holds="events")
    assert events(read(path, by)[0]) == [(5.0, 0.0, "central_apnea")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"begin,stage\n0,W\n", "no column 'onset'"),
        (b"\0" * 500, "no column 'onset'"),
        (b"", "no column 'onset'"),
        (b"onset,stage\nlate,W\n", "no readable time"),
    ],
    ids=["other columns", "zeros", "empty", "a stage without a time"],
)
def test_what_is_no_such_table(tmp_path: Path, content: bytes, words: str) -> None:
    """The error says what the manifest expects; a stage without a place is never guessed."""
    with pytest.raises(AnnotationCorrupt, match=words):
        read(written(tmp_path, content), rule({"onset": "onset", "stage": "stage"}))


def test_what_is_no_spreadsheet(tmp_path: Path) -> None:
    """A spreadsheet by name only, or one without the sheet."""
    path = written(tmp_path, b"PK\x03\x04 no archive", "scoring.xlsx")
    with pytest.raises(AnnotationCorrupt, match="spreadsheet cannot be parsed"):
        read(path, rule({"stage": 1}))
    with pytest.raises(AnnotationCorrupt, match="spreadsheet cannot be parsed"):
        read(written(tmp_path, b"\xd0\xcf\x11\xe0 no book", "scoring.xls"), rule({"stage": 1}))
    openpyxl.Workbook().save(tmp_path / "other.xlsx")
    with pytest.raises(AnnotationCorrupt, match="no such sheet"):
        read(tmp_path / "other.xlsx", rule({"stage": 1, "sheet": "Scoring"}))


def test_a_library_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spreadsheets need an extra of the installation; the error says which."""
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(AnnotationCorrupt, match=r"package openpyxl\. Install sleep2vec\[formats\]"):
        read(written(tmp_path, b"PK", "scoring.xlsx"), rule({"stage": 1}))


def test_wrong_encoding_is_named(tmp_path: Path) -> None:
    """UTF-8 that is none is read as Latin-1 with a remark, unless the manifest claims an encoding."""
    path = written(tmp_path, "onset,stage\n0,W\xe4\n".encode("latin-1"))
    _, remarks = read(path, rule({"onset": "onset", "stage": "stage"}))
    assert "PSG-H011" in [f.code for f in remarks]
    with pytest.raises(AnnotationCorrupt, match="cannot be decoded"):
        read(path, rule({"onset": "onset", "stage": "stage", "encoding": "utf-8"}))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"onset": "a"}, "column of text, or of stage"),
        ({"onset": "a", "epoch": "b", "stage": "c"}, "same twice"),
        ({"onset": 0, "stage": 1}, "count from 1"),
        ({"stage": 1, "delimiter": "||"}, "one character"),
        ({"text": 1, "patterns": ["(?P<x>a)"]}, "needs the group term"),
        ({"text": 1, "patterns": ["("]}, "no regular expression"),
    ],
)
def test_descriptions_that_cannot_be(table: dict[str, Any], words: str) -> None:
    """A contradiction is found when the manifest is read."""
    with pytest.raises(ValueError, match=words):
        rule(table)

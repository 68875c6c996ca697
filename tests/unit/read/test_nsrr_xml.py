"""The reader of NSRR annotation XML: what is read, what does no harm, what is refused."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks.xml_bytes import document, night, scored, stage
from pipeline.read.annotations import read_annotations
from schemas.errors import AnnotationCorrupt, EpochLengthUnexpected, PsgError, SourceMissing
from schemas.findings import Finding
from schemas.hypnogram import Annotations
from schemas.manifest import AnnotationRule

RULE = AnnotationRule(format="nsrr_xml", scheme="rk")
NIGHT = [0, 0, 1, 2, 2, 3, 4, 5, 6, 9]
STAGES = [0, 0, 1, 2, 2, 3, 3, 4, -1, -1]


def read(folder: Path, text: str | bytes, rule: AnnotationRule = RULE) -> tuple[Annotations, tuple[Finding, ...]]:
    path = folder / "night-nsrr.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_annotations({"annotations": path}, [rule], clock_start_s=None)


def stages(folder: Path, text: str | bytes, rule: AnnotationRule = RULE) -> list[int]:
    hypnogram = read(folder, text, rule)[0].hypnogram
    assert hypnogram is not None
    return hypnogram.stage.tolist()


def test_stages_are_run_lengths(tmp_path: Path) -> None:
    """A run of 60 s is two epochs, stage 4 is N3, and the scorer's codes are kept."""
    annotations, found = read(tmp_path, document(*night(NIGHT)))
    hypnogram = annotations.hypnogram
    assert hypnogram is not None
    assert hypnogram.stage.tolist() == STAGES
    assert hypnogram.stage_source.tolist() == NIGHT
    assert hypnogram.source_codes[4] == "Stage 4 sleep|4"
    assert hypnogram.start_s == 0.0
    assert found == ()


def test_events_keep_onset_duration_and_channel(tmp_path: Path) -> None:
    """An event has its canonical type, its times to the decimal, its signal and the row that mapped it."""
    hypopnea = scored("Hypopnea|Hypopnea", "64.5", "14.1", "Respiratory|Respiratory", SignalLocation="ABDO RES")
    desaturation = scored("SpO2 desaturation|SpO2 desaturation", 90, 21, SpO2Nadir=88, SpO2Baseline=95)
    table = read(tmp_path, document(desaturation, hypopnea, *night(NIGHT)))[0].events
    assert table.type == ("hypopnea", "desaturation")
    assert table.onset_s.tolist() == [64.5, 90.0]
    assert table.duration_s.tolist() == [14.1, 21.0]
    assert table.channel == ("ABDO RES", "")
    assert table.term == ("Hypopnea|Hypopnea", "SpO2 desaturation|SpO2 desaturation")
    assert dict(table.unmapped) == {}


def test_order_of_events_does_not_matter(tmp_path: Path) -> None:
    """Stages are found by tag and type, wherever they stand in the file."""
    runs = night(NIGHT)
    assert stages(tmp_path, document(*reversed(runs))) == STAGES


def test_order_of_fields_does_not_matter(tmp_path: Path) -> None:
    """A ScoredEvent's fields may come in any order, with attributes and other fields among them."""
    run = (
        "<ScoredEvent n='1'><Duration>60.0</Duration><Notes>x</Notes><Start unit='s'>0</Start>"
        "<EventConcept>Wake|0</EventConcept><EventType>Stages|Stages</EventType></ScoredEvent>"
    )
    assert stages(tmp_path, document(run)) == [0, 0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    """UTF-8 and UTF-16 with and without mark, and Latin-1, all give the same stages and events."""
    note = scored("Technician Notes", 1, 2, Notes="électrode")
    text = document(note, *night(NIGHT)).replace('encoding="UTF-8"', f'encoding="{encoding[:6]}"')
    annotations, found = read(tmp_path, text.encode(encoding))
    assert annotations.hypnogram is not None
    assert annotations.hypnogram.stage.tolist() == STAGES
    assert found == ()


def test_latin_1_that_claims_utf_8_is_a_finding(tmp_path: Path) -> None:
    """Bytes that are not the declared UTF-8 are read as Latin-1, and said so."""
    text = document(scored("Technician Notes", 1, 2, Notes="é"), *night(NIGHT)).encode("latin-1")
    annotations, found = read(tmp_path, text)
    assert annotations.hypnogram is not None
    assert annotations.hypnogram.stage.tolist() == STAGES
    assert [f.code for f in found] == ["PSG-H011"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda t: "\n\n" + t,
        lambda t: t.replace("\n", "\r\n\r\n"),
        lambda t: t.replace("\n", ""),
        lambda t: t.replace("<ScoredEvent>", "\n\n<!-- a comment --><ScoredEvent>"),
        lambda t: t.replace("<PSGAnnotation>", "<PSGAnnotation xmlns='urn:x'>"),
        lambda t: t.replace("Wake|0", "\n  Wake|0  \n"),
        lambda t: t.replace("Stages|Stages", "<![CDATA[Stages|Stages]]>"),
        lambda t: t.replace('<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n', ""),
    ],
)
def test_layout_does_no_harm(tmp_path: Path, damage: object) -> None:
    """Blank lines, no lines, comments, name spaces, CDATA and padding change no stage."""
    assert callable(damage)
    assert stages(tmp_path, damage(document(*night(NIGHT)))) == STAGES


@pytest.mark.parametrize(
    ("clock", "seconds"),
    [
        ("00.00.00 22.01.30", 79290.0),
        ("01.01.85 22.01.30", 79290.0),
        ("22.01.30", 79290.0),
        ("22:01:30.5", 79290.5),
        ("1985-01-01 00:00:00", 0.0),
    ],
)
def test_clock_time_forms(tmp_path: Path, clock: str, seconds: float) -> None:
    """The time of day is read with an empty date, with a date, and alone; dates leave no trace."""
    annotations, found = read(tmp_path, document(*night(NIGHT), clock=clock))
    assert annotations.clock_start_s == seconds
    assert found == ()


@pytest.mark.parametrize("clock", ["25.00.00", "22.61.00", "soon", "22.01", "01.01.85 22.01.30 PM"])
def test_a_clock_that_is_none_is_a_finding(tmp_path: Path, clock: str) -> None:
    """A time that cannot be one is unknown, and its text is not repeated."""
    annotations, found = read(tmp_path, document(*night(NIGHT), clock=clock))
    assert annotations.clock_start_s is None
    assert [f.code for f in found] == ["PSG-H005"]
    assert clock not in found[0].message


def test_a_file_without_a_clock(tmp_path: Path) -> None:
    """No ClockTime is no finding: it is merely unknown."""
    annotations, found = read(tmp_path, document(*night(NIGHT), clock=None))
    assert (annotations.clock_start_s, found) == (None, ())


def test_a_file_without_stages(tmp_path: Path) -> None:
    """Events alone give an unscored night with a finding, not an error."""
    annotations, found = read(tmp_path, document(scored("Arousal|Arousal ()", 1, 3)))
    assert annotations.hypnogram is None
    assert annotations.events.n_event == 1
    assert [f.code for f in found] == ["PSG-A014"]


def test_epoch_length_20_is_refused_unless_mapped(tmp_path: Path) -> None:
    """20-s epochs are an error, and with epoch_s: 20 a 30-s epoch has a stage where all of it agrees."""
    text = document(stage(0, 0, 60), stage(2, 60, 20), stage(5, 80, 40), epoch_length=20)
    with pytest.raises(EpochLengthUnexpected, match=r"saw 20 s, expected 30 s"):
        read(tmp_path, text)
    rule = RULE.model_copy(update={"epoch_s": 20})
    assert stages(tmp_path, text, rule) == [0, 0, -1, 4]


def test_without_epoch_length_the_runs_decide(tmp_path: Path) -> None:
    """A file that does not declare its epochs is refused when its runs are no multiples of 30 s."""
    runs = [stage(k % 2 * 2, 20 * k, 20) for k in range(12)]
    with pytest.raises(EpochLengthUnexpected):
        read(tmp_path, document(*runs, epoch_length=""))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not xml",
        "<CMPStudyConfig/>",
        "<html><body>404</body></html>",
        document(*night(NIGHT))[:900],
        document(*night(NIGHT)).replace("</ScoredEvents>", ""),
        document(*night(NIGHT)).replace("Wake|0", "Wake|0\0"),
        document(*night(NIGHT), epoch_length="thirty"),
        document(stage(0, "soon", 30)),
        document(stage(0, 0, "nan")),
        document(stage(0, 0, "inf")),
        document(stage(0, 30, -30)),
        document(stage(0, 0, 1e18)),
        document(stage(0, 0, 30), stage(2, 1e9, 30)),
        b"\xff\xfe<\0P",
        b"\xff\xfe\0\xd8\0\xd8",
    ],
)
def test_damage_is_refused_by_name(tmp_path: Path, text: str | bytes) -> None:
    """A file that cannot be understood is AnnotationCorrupt, and says which file it was."""
    with pytest.raises(AnnotationCorrupt, match=r"^night-nsrr\.xml: "):
        read(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is SourceMissing with its name, without its folder."""
    with pytest.raises(SourceMissing) as caught:
        read_annotations({"annotations": tmp_path / "night-nsrr.xml"}, [RULE], clock_start_s=None)
    assert "night-nsrr.xml" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_entities_and_document_types_are_refused(tmp_path: Path) -> None:
    """A document type, with or without entities that expand without end, is refused before it expands."""
    laughs = "".join(f'<!ENTITY l{k} "{f"&l{k - 1};" * 10}">' for k in range(1, 10))
    bomb = document(*night(NIGHT)).replace(
        "<PSGAnnotation>", f'<!DOCTYPE PSGAnnotation [<!ENTITY l0 "lol">{laughs}]><PSGAnnotation>'
    )
    for text in (bomb.replace("Compumedics", "&l9;"), bomb, "<!DOCTYPE PSGAnnotation SYSTEM 'file:///x'>" + bomb):
        with pytest.raises(AnnotationCorrupt):
            read(tmp_path, text)


def test_size_and_depth_are_bounded(tmp_path: Path) -> None:
    """A file of more than 32 MiB is not parsed, and elements may not nest without end."""
    with pytest.raises(AnnotationCorrupt, match="too large"):
        read(tmp_path, document() + " " * (32 * 2**20))
    with pytest.raises(AnnotationCorrupt, match="deeper"):
        read(tmp_path, "<PSGAnnotation>" + "<a>" * 10**5)


def test_free_text_stays_in_memory(tmp_path: Path) -> None:
    """A name planted in notes, concepts and places reaches no finding, no repr and no error."""
    name = "Erika Mustermann"
    events = [
        scored("Technician Notes", 1, 2, Notes=name),
        scored(name, 3, 4, SignalLocation=name),
        scored("Arousal|Arousal ()", 5, 6, SignalLocation=f"{name} moved her arm"),
        scored(f"{name}|{name}", 0, 30, "Stages|Stages"),
    ]
    annotations, found = read(tmp_path, document(*events, *night(NIGHT, 30)))
    assert [f.code for f in found] == ["PSG-A007", "PSG-A004"]
    assert "Mustermann" not in repr((annotations, found))
    assert dict(annotations.events.unmapped) == {name: 1}
    for broken in (document(*events)[:-30], document(*events, epoch_length=name), f"<{name.split()[0]}/>"):
        with pytest.raises(PsgError) as caught:
            read(tmp_path, broken)
        assert "Erika" not in str(caught.value)


def test_events_without_a_readable_time_are_dropped(tmp_path: Path) -> None:
    """An event whose onset is no number is counted, and the others stay."""
    events = [
        scored("Arousal|Arousal ()", "soon", 3),
        scored("Arousal|Arousal ()", 40, -3),
        scored("Arousal|Arousal ()", math.inf, 3),
        scored("Arousal|Arousal ()", 50, ""),
    ]
    annotations, found = read(tmp_path, document(*events, *night(NIGHT)))
    assert annotations.events.onset_s.tolist() == [50.0]
    assert [(f.code, f.message[:8]) for f in found] == [("PSG-A013", "3 events")]

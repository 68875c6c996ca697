"""Damage to annotation files, and layouts that only look like damage."""

from __future__ import annotations

import re

from pipeline.synth.night_files import NightFiles
from schemas.vocabulary import EPOCH_S

__all__ = [
    "add_an_hour",
    "add_two_minutes",
    "cut",
    "declare_entities",
    "epochs_of_20_s",
    "lay_out_differently",
    "remove",
]


def remove(files: NightFiles) -> None:
    """Leave no annotation file."""
    files.xml.unlink()


def cut(files: NightFiles) -> None:
    """End the file in the middle of an element."""
    text = files.xml.read_text("utf-8")
    files.xml.write_text(text[: int(len(text) * 0.6)].rsplit(">", 1)[0], "utf-8")


def declare_entities(files: NightFiles) -> None:
    """Declare entities that grow when they are expanded."""
    declared = '<!DOCTYPE PSGAnnotation [<!ENTITY a "zzzzzzzz"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>\n'
    text = files.xml.read_text("utf-8").replace("<PSGAnnotation>", f"{declared}<PSGAnnotation>", 1)
    text = re.sub("<SoftwareVersion>.*?</SoftwareVersion>", "<SoftwareVersion>&b;</SoftwareVersion>", text)
    files.xml.write_text(text, "utf-8")


def lay_out_differently(files: NightFiles) -> None:
    """Say the same with other white space: blank lines, indents, CRLF, several elements a line, a comment."""
    text = files.xml.read_text("utf-8")
    text = text.replace("</EventType>\n", "</EventType>").replace("<ScoredEvent>\n", "\n\n    <ScoredEvent >\n\t")
    text = text.replace("<ScoredEvents>", "<!-- second scoring -->\n<ScoredEvents>")
    files.xml.write_bytes(text.replace("\n", "\r\n").encode("utf-8"))


def add_two_minutes(files: NightFiles) -> None:
    """Score four epochs more than there are signals for."""
    _stage_on(files, 120.0)


def add_an_hour(files: NightFiles) -> None:
    """Score an hour more than there are signals for."""
    _stage_on(files, 3600.0)


def _stage_on(files: NightFiles, more_s: float) -> None:
    text = files.xml.read_text("utf-8")
    end = max(float(start) + float(length) for start, length in _stage_runs(text))
    event = (
        "<ScoredEvent>\n<EventType>Stages|Stages</EventType>\n<EventConcept>Stage 2 sleep|2</EventConcept>\n"
        f"<Start>{end:.1f}</Start>\n<Duration>{more_s:.1f}</Duration>\n</ScoredEvent>\n"
    )
    files.xml.write_text(text.replace("</ScoredEvents>", f"{event}</ScoredEvents>"), "utf-8")


def _stage_runs(text: str) -> list[tuple[str, str]]:
    pattern = (
        r"Stages\|Stages</EventType>\s*<EventConcept>[^<]*</EventConcept>\s*<Start>(.*?)</Start>\s*<Duration>(.*?)<"
    )
    return re.findall(pattern, text)


def epochs_of_20_s(files: NightFiles) -> None:
    """Declare and use epochs of 20 seconds."""
    text = files.xml.read_text("utf-8").replace(f"<EpochLength>{EPOCH_S}<", "<EpochLength>20<")
    files.xml.write_text(text, "utf-8")

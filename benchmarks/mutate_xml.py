"""Mutated NSRR annotation files: ``python -m benchmarks.campaign benchmarks.mutate_xml --seed 1 --count 1000``.

Every mutant is read and laid on the grid of an 8-h night. It must give annotations, or raise a `PsgError`.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np

from benchmarks.xml_bytes import document, night, scored
from pipeline.read.annotations import read_annotations
from pipeline.scoring.align import make_grid, place_events
from schemas.errors import PsgError
from schemas.manifest import AnnotationRule

RULE = AnnotationRule(format="nsrr_xml", scheme="rk")
NIGHT_S = 8 * 3600.0
_NUMBERS = (
    *(
        "",
        "0",
        "-0",
        "-30",
        "29.97",
        "45",
        "1e3",
        "1e18",
        "1e308",
        "1e999",
        "-1e999",
        "nan",
        "-inf",
        "1_000",
        "30,0",
    ),
    *("٣٠", "0x1E", "thirty", "30 s", "9" * 5000, "86400", "604801", "1e-320"),
)
_CONCEPTS = (
    *(
        "",
        "|",
        "||",
        "9",
        "Unsure|Unsure",
        "REM sleep|2",
        "Wake",
        "SDO:WakeState",
        "SRO:",
        "Stage 5 sleep|5",
        "\u00e9",
    ),
    *("Arousal|Arousal (apon aro)", "Recording Start Time", "Hypopnea|" * 40, "x" * 10_000),
)
_INSERTS = (
    *(
        b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
        b"&b;",
        b"&lt;",
        b"&#0;",
        b"&#xD800;",
        b"<![CDATA[",
        b"]]>",
        b"<!--",
        b"-->",
    ),
    *(
        b"<?php x ?>",
        b"<a>",
        b"</a>",
        b"</ScoredEvent>",
        b"<ScoredEvent>",
        b"\0",
        b"\xff",
        b"\xc3(",
        b"<",
        b"\xef\xbb\xbf",
    ),
    *(b"<a>" * 5000, b" " * 100_000, b"\n\n\n", b"<Start>5</Start>", b"<EpochLength>20</EpochLength>"),
)


def _seeds() -> list[bytes]:
    rng = random.Random(0)
    codes = [rng.choice((0, 1, 2, 3, 4, 5)) for _ in range(120) for _ in range(8)]
    events = [
        scored("Hypopnea|Hypopnea", 301.5, 14.1, "Respiratory|Respiratory", SignalLocation="AIRFLOW"),
        scored("SpO2 desaturation|SpO2 desaturation", 330, 21, SpO2Nadir=88, SpO2Baseline=95),
        scored("Arousal|Arousal (ARO Limb)", 900.2, 6, "Arousals|Arousals"),
        scored("Technician Notes", 1000, 1, Notes="Erika Mustermann"),
    ]
    short = document(*events, *night([0, 0, 1, 2, 5, 9]), clock="01.01.85 22.15.00")
    return [document(*night(codes), *events).encode(), short.encode(), short.encode("utf-16")]


_SEEDS = _seeds()


def _set_text(source: bytes, rng: random.Random) -> bytes:
    tag = rng.choice(
        (b"Start", b"Duration", b"EventConcept", b"EventType", b"EpochLength", b"ClockTime", b"SignalLocation")
    )
    value = rng.choice(_CONCEPTS if tag.startswith(b"Event") else _NUMBERS).encode()
    found = list(re.finditer(rb"<%s>([^<]*)<" % tag, source))
    if not found:
        return source
    match = rng.choice(found)
    return source[: match.start(1)] + value + source[match.end(1) :]


def _byte(source: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(source) or 1)
    return source[:at] + bytes([rng.randrange(256)]) + source[at + 1 :]


def _insert(source: bytes, rng: random.Random) -> bytes:
    at = rng.choice((0, rng.randrange(len(source) + 1)))
    return source[:at] + rng.choice(_INSERTS) + source[at:]


def _cut(source: bytes, rng: random.Random) -> bytes:
    return source[: rng.randrange(len(source) + 1)]


def _lines(source: bytes, rng: random.Random) -> bytes:
    lines = source.split(b"\n")
    first, last = sorted((rng.randrange(len(lines)), rng.randrange(len(lines))))
    some = lines[first : min(last, first + 40)]
    return b"\n".join(rng.choice((lines[:first] + lines[last:], lines[:last] + some + lines[last:], lines[::-1])))


def _tag(source: bytes, rng: random.Random) -> bytes:
    tags = sorted(set(re.findall(rb"</?(\w+)>", source))) or [b"a"]
    return source.replace(rng.choice(tags), rng.choice((*tags, b"a", b"x:y", b"1")), rng.choice((1, 2, -1)))


def _encoding(source: bytes, rng: random.Random) -> bytes:
    declared = rng.choice((b"UTF-16", b"ISO-8859-1", b"ascii", b"no-such", b"utf-7", b"", b"idna"))
    return source.replace(b"UTF-8", declared)


_MUTATIONS = (*(_set_text,) * 5, _byte, _byte, _insert, _insert, _cut, _lines, _lines, _tag, _encoding)


def mutate(source: bytes, rng: random.Random) -> bytes:
    """Return the file with one to three mutations."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        source = rng.choice(_MUTATIONS)(source, rng)
    return source


def trial(rng: random.Random, folder: Path) -> str:
    """Read one mutant and lay it on the grid; return how it ended."""
    path = folder / "mutant-nsrr.xml"
    path.write_bytes(mutate(rng.choice(_SEEDS), rng))
    try:
        annotations, found = read_annotations({"annotations": path}, [RULE], clock_start_s=None)
        grid, more = make_grid(annotations, RULE, signal_end_s=NIGHT_S, clock_start_s=22 * 3600.0)
        events, rest = place_events(annotations.events, grid)
    except PsgError as error:
        return error.reason if "Mustermann" not in str(error) else "ESCAPED free text in an error"
    assert grid.stage.shape == grid.stage_source.shape == grid.in_bed.shape == (grid.n_epoch,), "one grid"
    assert set(np.unique(grid.stage)) <= {-1, 0, 1, 2, 3, 4}, "stages are AASM"
    assert np.isfinite(events.onset_s).all(), "events have onsets"
    assert (events.duration_s >= 0).all(), "events have durations"
    messages = repr((found, more, rest, grid.source_codes))
    assert "Mustermann" not in messages, "free text stays out of findings"
    return "read with findings" if (*found, *more, *rest) else "read"

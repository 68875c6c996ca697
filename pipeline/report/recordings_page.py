"""The list of all recordings, worst first, with filters; individual, so not for sharing."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from urllib.parse import quote

from pipeline.report.cohort_cells import coverage_by_recording
from pipeline.report.cohort_facts import CohortFacts, RecordingFacts
from pipeline.report.cohort_figures import recording_coverage_plot
from pipeline.report.cohort_page import SCRIPT
from pipeline.report.page import Block, Link, Page, Part, Section, Table, Text
from schemas.findings import FINDINGS

__all__ = ["recordings_page"]

MOST_COVERED = 300  # recordings in the picture of channels
SHOWN = 100  # rows at once; also on paper, and without a script


def recordings_page(facts: CohortFacts, pages: Collection[str]) -> Page:
    """Return the list.

    Parameters
    ----------
    pages : collection of str
        Recordings that have a page, as ``cohort/key``.
    """
    rows = [_row(row, pages) for row in facts.recordings]
    choices = {name: sorted(_choices(facts.recordings, name)) for name in ("outcome", "site", "finding")}
    values = {
        "table": "recordings-table",
        "n": len(rows),
        "what": "recordings",
        "choices": choices,
        "totals": {},
        "first": rows[:SHOWN],
        "shown": SHOWN,
        "data": json.dumps(rows, separators=(",", ":"), ensure_ascii=False).translate(_IN_SCRIPT),
    }
    return Page(
        title=f"Every recording of {', '.join(facts.shared.cohorts)}",
        lead="Damaged and missing stores first, then what failed, has severe findings, or is unlike its site.",
        sections=[
            Section("recordings", "Recordings", [Block("recordings.html", values)]),
            Section("codes", "What the findings are", [_codes(choices["finding"])]),
            Section("coverage", "Channels by recording", _coverage(facts)),
        ],
        is_individual=True,
        up="..",
        home=Link("To the cohort", "../index.html"),
        script=SCRIPT,
    )


def _codes(codes: Sequence[str]) -> Table:
    known = [(code, FINDINGS[code]) for code in codes if code in FINDINGS]  # a later version may know more
    rows = [[code, kind.severity.value, kind.title, kind.fix] for code, kind in known]
    return Table("Codes of findings", ["code", "severity", "what", "what to do"], rows)


def _coverage(facts: CohortFacts) -> list[Part]:
    """Return the usable part of every channel of the worst recordings that have a store."""
    with_store = [f"{row.cohort}/{row.key}" for row in facts.recordings if row.outcome.startswith("converted")]
    names = with_store[:MOST_COVERED]
    channels, parts = coverage_by_recording(facts.channels, names)
    return [recording_coverage_plot(names, channels, parts)] if channels else [Text("There are no stores yet.")]


_IN_SCRIPT = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def _row(row: RecordingFacts, pages: Collection[str]) -> dict[str, object]:
    name = f"{row.cohort}/{row.key}"
    return {
        "name": name,
        "page": quote(f"{name}.html") if name in pages else "",
        "outcome": row.outcome,
        "site": row.site,
        "finding": list(row.codes),
        "why": "; ".join(row.why),
        "z": round(row.z, 1),
    }


def _choices(rows: Sequence[RecordingFacts], name: str) -> set[str]:
    if name == "finding":
        return {code for row in rows for code in row.codes}
    return {getattr(row, name) for row in rows} - {""}

"""The page of a cohort: aggregates that may be shared, from `pipeline.report.cohort_facts`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

from pipeline.catalog.cells import LEAST
from pipeline.drift.cohort import GroupDrift
from pipeline.drift.effects import CERTAIN
from pipeline.drift.measures import MEASURES
from pipeline.drift.reference import Comparison, Reference
from pipeline.report.cohort_cells import COVERAGE, EVERY_SITE, NO_CHANNEL, Found
from pipeline.report.cohort_facts import Shared
from pipeline.report.cohort_figures import (
    coverage_plot,
    drift_plot,
    histogram_plot,
    outcome_plot,
    reference_plot,
    stage_plot,
)
from pipeline.report.cohort_spreads import Histogram
from pipeline.report.page import Block, Cell, Column, Facts, Link, Page, Part, Section, Table, Text
from pipeline.report.recording import RECORDINGS_PAGE
from pipeline.report.texts import unit_text
from pipeline.splits.rule import AGE_BANDS

__all__ = ["SCRIPT", "cohort_page"]

SCRIPT = (Path(__file__).with_name("templates") / "cohort.js").read_text("utf-8")
Heads = list[Column | str]

_MOST_GROUPS = 50  # groups that differ which are listed


def cohort_page(shared: Shared) -> Page:
    """Return the page."""
    sections = [
        Section("summary", "Summary", _summary(shared)),
        Section("drift", "Drift: who differs", _drift(shared)),
        Section("findings", "Findings", _findings(shared)),
        Section("coverage", "Channels and coverage", _coverage(shared)),
        Section("nights", "Nights", _nights(shared)),
        Section("persons", "Persons", _persons(shared)),
        Section("references", "Beside other cohorts", _references(shared)),
        Section("terms", "Terms and making", _terms(shared)),
    ]
    return Page(
        title=f"Recordings of {', '.join(shared.cohorts)}",
        lead=_lead(shared),
        sections=sections,
        is_individual=shared.small_cells,
        script=SCRIPT,
    )


def _lead(shared: Shared) -> str:
    if shared.small_cells:
        return "Every number is told, also of few persons, because --small-cells was asked for."
    return (
        f"Numbers of fewer than {LEAST} persons are withheld, and no recording is named: this page may be shared"
        " where the terms allow it. The pages that it leads to are not."
    )


def _summary(shared: Shared) -> list[Part]:
    parts: list[Part] = [Facts([*shared.sizes, ("Every recording, worst first", _list("open the list"))])]
    rows: list[list[Cell]] = [
        [cohort, *(n if n == "0" else _list(n, outcome=outcome) for outcome, n in own.items())]
        for cohort, own in shared.outcomes.items()
    ]
    heads: Heads = [Column(name.replace("_", " "), is_number=True) for name in next(iter(shared.outcomes.values()))]
    parts += [outcome_plot(shared), Table("How recordings ended", ["cohort", *heads], rows)]
    if shared.reasons:
        why: list[list[Cell]] = [[reason, outcome, n, do] for outcome, reason, n, do in shared.reasons]
        columns: Heads = ["reason", "outcome", Column("recordings", is_number=True), "what to do"]
        parts.append(Table("Why recordings failed or were left out", columns, why))
    return parts


def _list(text: str, **filters: str) -> Link:
    """Return a link to the list of recordings, filtered as the page's own filters would."""
    query = urlencode(filters)
    return Link(text, f"{RECORDINGS_PAGE}#{query}" if query else RECORDINGS_PAGE)


# --- drift -------------------------------------------------------------------------------------------------


def _drift(shared: Shared) -> list[Part]:
    groups = shared.drift.groups
    n_compared = sum(len(effects.groups) for effects in shared.drift.table.values())
    how = Text(
        "A site, visit or month differs where the median of its nights is farther from the usual one than is worth"
        " a remark, and the spread of nights within sites explains that with a chance of at most"
        f" {CERTAIN:g} in the whole table. The usual one is the median of the medians of"
        " all sites. Months are those of conversion."
    )
    if not n_compared:
        return [Text("There are not two sites with enough nights and persons to compare."), how]
    parts: list[Part] = []
    if groups:
        rows: list[list[Cell]] = [_group(group) for group in groups[:_MOST_GROUPS]]
        columns: Heads = [
            *("which", "what", "cohort"),
            Column("recordings", is_number=True),
            Column("times worth a remark", is_number=True),
            "how",
        ]
        parts.append(Table("What differs, worst first", columns, rows, id="drift-table"))
    else:
        parts.append(Text("No site, visit or month differs."))
    plot = drift_plot(shared)
    return [*parts, how, *([plot] if plot else [])]


def _group(group: GroupDrift) -> list[Cell]:
    name: Cell = _list(group.name, site=group.name) if group.what == "site" else group.name
    return [name, group.what, group.cohort, group.n_recording, f"{group.weight:.1f}", group.told]


# --- findings ----------------------------------------------------------------------------------------------


def _findings(shared: Shared) -> list[Part]:
    if not shared.found:
        return [Text("Nothing was found in any recording.")]
    rows: list[list[Cell]] = [_finding(row) for row in shared.found]
    data = [{"outcome": row.outcome, "site": row.site, "finding": row.code} for row in shared.found]
    columns: Heads = [
        "code",
        "severity",
        "what",
        "site",
        "outcome",
        Column("persons", is_number=True),
        "what to do",
    ]
    return [
        Block(
            "filters.html",
            {
                "table": "findings-table",
                "n": len(rows),
                "what": "rows",
                "choices": _choices(data),
                "totals": {"site": EVERY_SITE},
            },
        ),
        Table("Findings by site, the most severe first", columns, rows, id="findings-table", row_data=data),
    ]


def _finding(row: Found) -> list[Cell]:
    site = {} if row.site == EVERY_SITE else {"site": row.site}
    code = _list(row.code, finding=row.code, **site)
    outcome = row.outcome.replace("_", " ")
    return [code, row.severity, row.title, row.site, outcome, row.persons, row.fix]


def _choices(data: Sequence[dict[str, str]]) -> dict[str, list[str]]:
    return {name: sorted({row[name] for row in data}) for name in ("outcome", "site", "finding")}


# --- channels, nights, persons -----------------------------------------------------------------------------


def _coverage(shared: Shared) -> list[Part]:
    if not shared.coverage:
        return [Text("There are no stores yet.")]
    classes = (*COVERAGE, NO_CHANNEL)
    rows: list[list[Cell]] = [
        [channel, *(own[name] for name in classes)] for channel, own in shared.coverage.items()
    ]
    heads: Heads = [Column(name, is_number=True) for name in classes]
    recorded: list[list[Cell]] = [
        [row["channel"], row["persons"], row["rates"], row["units"]] for row in shared.channels
    ]
    columns: Heads = ["channel", Column("persons", is_number=True), "native rates: persons", "units: persons"]
    return [
        coverage_plot(shared),
        Table("Recordings by the part of the night in which a channel is usable", ["channel", *heads], rows),
        Table("What the channels were recorded with", columns, recorded),
    ]


def _nights(shared: Shared) -> list[Part]:
    plots = _distributions([own for own in shared.histograms if own.name != "age_years"])
    staged: list[Part] = [stage_plot(shared.stages)] if shared.stages else []
    rows: list[list[Cell]] = [
        [row.place, row.persons, *(f"{value:.1f}" for value in row.percent.values())] for row in shared.stages
    ]
    heads: Heads = [
        Column(name, is_number=True) for name in ("persons", "W, %", "N1, %", "N2, %", "N3, %", "REM, %")
    ]
    table: list[Part] = [Table("Mean shares of stages by site", ["site", *heads], rows)] if rows else []
    return [*staged, *table, *plots] or [Text(f"Fewer than {LEAST} persons have numbers to show.")]


def _distributions(histograms: Sequence[Histogram]) -> list[Part]:
    """Return a histogram each, and a table of those whose bars are all of few persons."""
    plots: list[Part] = [histogram_plot(own) for own in histograms if own.has_bars]
    if plots:
        plots.insert(0, Text("The outermost bars of a histogram have what lies beyond them, too."))
    rows: list[list[Cell]] = [
        [own.text, unit_text(own.unit), cohort, center]
        for own in histograms
        if not own.has_bars
        for cohort, center in own.centers.items()
    ]
    columns: Heads = ["number", "unit", "cohort", Column("mean ± standard deviation", is_number=True)]
    return [*plots, Table("Numbers whose bars are all of few persons", columns, rows)] if rows else plots


def _persons(shared: Shared) -> list[Part]:
    ages = _distributions([own for own in shared.histograms if own.name == "age_years"])
    bands = ("0", *map(str, AGE_BANDS))
    ends = (*(f"{int(edge) - 1}" for edge in bands[1:]), "")
    names = [f"{low} to {high}" if high else f"{low} and more" for low, high in zip(bands, ends, strict=True)]
    columns: Heads = ["site", *(Column(name, is_number=True) for name in (*names, "unknown"))]
    rows: list[list[Cell]] = [[site, *own.values()] for site, own in shared.ages.items()]
    return [*ages, Table("Persons by age in years and site", columns, rows)] if rows else [Text("Nobody yet.")]


# --- references --------------------------------------------------------------------------------------------


def _references(shared: Shared) -> list[Part]:
    parts: list[Part] = []
    for number, (reference, rows) in enumerate(shared.comparisons):
        if not rows:
            continue
        parts.append(Text(f"{reference.name}: {reference.text}; {reference.n_recording} recordings."))
        parts += [reference_plot(number, reference, rows), _comparison(reference, rows)]
    return parts or [Text("Too few nights to compare with anything.")]


def _comparison(reference: Reference, rows: Sequence[Comparison]) -> Table:
    cells: list[list[Cell]] = [
        [
            MEASURES[row.measure].text,
            unit_text(MEASURES[row.measure].unit),
            _told(row.measure, row.own.center),
            _told(row.measure, row.other.center),
            f"{_told(row.measure, row.other.low)} to {_told(row.measure, row.other.high)}",
            row.words if row.weight >= 1 else "as usual",
        ]
        for row in rows
    ]
    columns: Heads = [
        *("number", "unit"),
        Column("median here", is_number=True),
        Column("median there", is_number=True),
        Column("nine of ten there", is_number=True),
        "difference",
    ]
    return Table(f"Beside {reference.name}, what differs most first", columns, cells)


def _told(measure: str, scaled: float) -> str:
    return f"{MEASURES[measure].plain(scaled):.3g}"


def _terms(shared: Shared) -> list[Part]:
    terms = shared.terms
    return [
        Facts(
            [
                ("Agreements", "; ".join(terms["agreements"]) or "unknown"),
                ("Passing on the recordings", "allowed" if terms["redistribution"] else "not allowed"),
                ("Commercial use", "allowed" if terms["commercial"] else "not allowed"),
                ("Please cite", "; ".join(terms["citations"]) or "unknown"),
                ("Made", f"{shared.made}, research use only"),
            ]
        )
    ]

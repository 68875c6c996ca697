"""Counts for a page that may be shared: outcomes, reasons, findings, coverage and rates, small cells withheld.

Counted are persons, or recordings where no person is known: those that failed or were excluded have no store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipeline.batch.remedies import remedy
from pipeline.catalog.cells import LEAST, WITHHELD, is_open, show_cells, show_lines, show_part, with_others
from pipeline.splits.rule import AGE_BANDS, age_band
from pipeline.write.ledger import Ledger, Row
from schemas.findings import FINDINGS
from schemas.vocabulary import Outcome

__all__ = [
    *("COVERAGE", "EVERY_SITE", "NO_CHANNEL", "Found", "ages_by_site", "channels_table", "coverage"),
    *("coverage_by_recording", "found", "outcomes", "reasons", "recordings_told", "show_cross"),
]

# Classes of a channel's usable part of a night: its least value, and its name.
COVERAGE: Mapping[str, float] = {
    "all of it": 0.99,
    "95 to 99 %": 0.95,
    "80 to 95 %": 0.8,
    "50 to 80 %": 0.5,
    "below 50 %": 0.0,
}
NO_CHANNEL = "no such channel"
EVERY_SITE = "every site"
_UNKNOWN = "unknown"
_WITH_STORE = (Outcome.CONVERTED, Outcome.CONVERTED_WITH_FINDINGS)
_WITHOUT = (Outcome.EXCLUDED, Outcome.FAILED)
_NO_UNIT = {"1": "no unit"}


def outcomes(ledger: Ledger, *, small: bool) -> dict[str, dict[str, str]]:
    """Return how many recordings ended how, by cohort; how many have a store, and how many none, is known."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in ledger.rows.values():
        counts[row.cohort, row.outcome.value] += 1
    cohorts = sorted({cohort for cohort, _ in counts})
    shown: dict[tuple[str, str], str] = {}
    for kinds in (_WITH_STORE, _WITHOUT):
        columns = [[(cohort, kind.value) for cohort in cohorts] for kind in kinds]
        table = {cell: counts[cell] for column in columns for cell in column}
        shown |= show_lines(table, [list(table), *columns], small=small)
    return {cohort: {kind.value: shown[cohort, kind.value] for kind in Outcome} for cohort in cohorts}


def recordings_told(ledger: Ledger, *, small: bool) -> str:
    """Return the recordings; where few have a store, or none, only as far as the number of these stays open."""
    n_without = sum(row.outcome in _WITHOUT for row in ledger.rows.values())
    n = len(ledger.rows)
    few = [part for part in (n_without, n - n_without) if 0 < part < LEAST]
    if small or not few:
        return f"{n:,}"
    return f"<{n - sum(few) + len(few) * (LEAST - 1) + 1:,}"


def reasons(rows: Iterable[Row], *, small: bool) -> list[tuple[str, str, str, str]]:
    """Return outcome, reason, recordings and what to do, the most frequent first; sums of outcomes are known."""
    counts = Counter((row.outcome.value, row.reason or "") for row in rows if row.reason)
    outcomes = [[cell for cell in counts if cell[0] == kind.value] for kind in Outcome]
    shown = show_lines(counts, [list(counts), *outcomes], small=small)
    return [
        (outcome, reason, shown[outcome, reason], remedy(reason, "OUT") if outcome == Outcome.FAILED else "")
        for (outcome, reason), _ in counts.most_common()
    ]


@dataclass(frozen=True)
class Found:
    """Persons of one site with a finding, whose nights ended in one way."""

    site: str
    outcome: str
    code: str
    severity: str
    title: str
    fix: str
    persons: str
    n: int


def found(ledger: Ledger, recordings: pl.DataFrame, *, small: bool) -> list[Found]:
    """Return findings by site and outcome, the most severe and most frequent first; each also of every site."""
    outcome = {f"{cohort}/{key}": row.outcome.value for (cohort, key), row in ledger.rows.items()}
    who: dict[tuple[str, str, str], set[str]] = {}
    everyone: dict[str, set[str]] = {}
    for name, site, subject, codes in recordings.select("recording", "site", "subject", "findings").iter_rows():
        for place in (EVERY_SITE, site or _UNKNOWN):
            everyone.setdefault(place, set()).add(subject)
            for code in codes:
                who.setdefault((place, outcome.get(name, _UNKNOWN), code), set()).add(subject)
    sites: dict[tuple[str, str], dict[str, int]] = {}
    for (place, ended, code), persons in who.items():
        sites.setdefault((ended, code), {})[place] = len(persons)
    total = {place: len(persons) for place, persons in everyone.items()}
    rows = [
        _found(place, ended, code, text, own[place])
        for (ended, code), own in sites.items()
        for place, text in _by_site(own, total, small=small).items()
    ]
    weight = {"severe": 0, "warning": 1, "info": 2}
    return sorted(rows, key=lambda row: (weight[row.severity], -row.n, row.code, row.site != EVERY_SITE, row.site))


def _by_site(n: Mapping[str, int], total: Mapping[str, int], *, small: bool) -> dict[str, str]:
    """Return the persons of every site; none that is withheld follows from those of every site."""
    shown = {site: show_part(n[site], total[site], small=small) for site in n}
    sites = [site for site in n if site != EVERY_SITE]
    few = {site for site in sites if not shown[site].isdecimal()}
    hidden = with_others(n, [sites], few)
    numbers = [n[site] for site in hidden]
    if shown[EVERY_SITE].isdecimal() and hidden:
        if not is_open(numbers):
            shown[EVERY_SITE] = WITHHELD
        elif max(numbers) >= LEAST:
            shown |= dict.fromkeys(hidden, WITHHELD)
    return shown


def _found(site: str, outcome: str, code: str, persons: str, n: int) -> Found:
    kind = FINDINGS.get(code)
    severity, title, fix = (kind.severity.value, kind.title, kind.fix) if kind else ("warning", "", "")
    return Found(site, outcome, code, severity, title, fix, persons, n)


# --- channels ----------------------------------------------------------------------------------------------


def coverage(recordings: pl.DataFrame, channels: pl.DataFrame, *, small: bool) -> dict[str, dict[str, str]]:
    """Return for every channel how many recordings have how much of it usable, in the order of `COVERAGE`.

    A recording that lacks the channel is counted, too: the rows have one sum. A number is withheld where it is of
    fewer than five persons.
    """
    classes = pl.lit(NO_CHANNEL)
    for name, least in reversed(list(COVERAGE.items())):
        classes = pl.when(pl.col("coverage") >= least).then(pl.lit(name)).otherwise(classes)
    who = recordings.select("recording", "subject")
    pairs = channels.select("channel").unique().join(who, how="cross")
    classed = channels.select("recording", "channel", classes.alias("class"))
    every = pairs.join(classed, on=["recording", "channel"], how="left").with_columns(
        pl.col("class").fill_null(NO_CHANNEL)
    )
    counted = every.group_by("channel", "class").agg(pl.len(), pl.col("subject").n_unique().alias("persons"))
    cells: dict[str, dict[str, tuple[int, int]]] = {}
    for channel, name, n, n_person in counted.iter_rows():
        cells.setdefault(channel, {})[name] = (n, n_person)
    lacking = {channel: own.get(NO_CHANNEL, (0, 0))[0] for channel, own in cells.items()}
    return {
        channel: _nights({name: cells[channel].get(name, (0, 0)) for name in (*COVERAGE, NO_CHANNEL)}, small=small)
        for channel in sorted(cells, key=lambda channel: (lacking[channel], channel))
    }


def _nights(cells: Mapping[str, tuple[int, int]], *, small: bool) -> dict[str, str]:
    """Return the nights of every cell of (nights, persons), withheld where the persons are few.

    Where one cell of few takes a large one with it, that is told as far as the few leave it open: ``>20`` of 25.
    """
    shown = show_cells({name: persons for name, (_, persons) in cells.items()}, small=small)
    told = {name: str(cells[name][0]) if text.isdecimal() else text for name, text in shown.items()}
    large = {name for name, text in told.items() if text.startswith(">")}
    few = {name for name, text in told.items() if text.startswith("<")}
    n_few = sum(cells[name][0] for name in few)
    if large and n_few < LEAST:
        least = n_few + sum(cells[name][0] for name in large) - LEAST
        return told | dict.fromkeys(large, f">{least}")
    return told | dict.fromkeys(few | large, WITHHELD) if large else told


def coverage_by_recording(
    channels: pl.DataFrame, names: Sequence[str]
) -> tuple[list[str], list[list[float | None]]]:
    """Return channels, and for each the usable part of the night of some recordings; None without the channel."""
    own = channels.filter(pl.col("recording").is_in(list(names))).select("recording", "channel", "coverage")
    part = {(recording, channel): value for recording, channel, value in own.iter_rows()}
    n_recording = own.group_by("channel").len().sort("len", "channel", descending=[True, False])
    rows = n_recording["channel"].to_list()
    return rows, [[part.get((name, channel)) for name in names] for channel in rows]


def channels_table(recordings: pl.DataFrame, channels: pl.DataFrame, *, small: bool) -> list[dict[str, Any]]:
    """Return what every channel was recorded as: unit, native rates, factors to the stored unit."""
    subjects = dict(recordings.select("recording", "subject").iter_rows())
    table = []
    for (channel,), own in channels.group_by("channel", maintain_order=True):
        persons = [subjects[name] for name in own["recording"]]
        table.append(
            {
                "channel": channel,
                "persons": show_part(len(set(persons)), len(set(subjects.values())), small=small),
                "rates": _spellings(own["source_rate_hz"].to_list(), persons, "Hz", small=small),
                "units": _spellings(_units(own), persons, "", small=small),
            }
        )
    return sorted(table, key=lambda row: row["channel"])


def _units(own: pl.DataFrame) -> list[str]:
    """Return the source's unit of every night: by name, or as so many of the stored unit."""
    return [
        _NO_UNIT.get(told := source_unit or (unit if factor in (None, 1.0) else f"{factor:g} {unit}"), told)
        for source_unit, unit, factor in own.select("source_unit", "unit", "unit_factor").iter_rows()
    ]


def _spellings(values: Iterable[float | str | None], persons: Iterable[str], unit: str, *, small: bool) -> str:
    """Return the values with the number of persons who have each; values of few persons are not named."""
    who: dict[str, set[str]] = {}
    for value, person in zip(values, persons, strict=True):
        text = f"{value:g} {unit}".strip() if isinstance(value, float) else str(value or _UNKNOWN)
        who.setdefault(text, set()).add(person)
    if len(who) == 1:
        return next(iter(who))
    usual = {text: len(found) for text, found in sorted(who.items(), key=lambda item: -len(item[1]))}
    shown = show_cells(usual, small=small)
    told = [f"{text}: {n}" for text, n in shown.items() if n.isdecimal()]
    return ", ".join(told + ["others withheld"] * (len(told) < len(shown)))


# --- persons -----------------------------------------------------------------------------------------------


def ages_by_site(people: Iterable[Mapping[str, Any]], *, small: bool) -> dict[str, dict[str, str]]:
    """Return how many persons of which age, in years from the lower edge of a band, each site has."""
    edges = ["0", *map(str, AGE_BANDS), _UNKNOWN]
    counts: dict[str, Counter[str]] = {}
    for person in people:
        place = f"{person['cohort']}: {person['site'] or _UNKNOWN}"
        counts.setdefault(place, Counter())[age_band(person["age_years"])] += 1
    return show_cross(
        {site: {edge: own[edge] for edge in edges} for site, own in sorted(counts.items())}, small=small
    )


def show_cross(counts: Mapping[str, Mapping[str, int]], *, small: bool) -> dict[str, dict[str, str]]:
    """Return the cells of a table whose sums are known both ways: none is withheld alone in its row or column.

    Parameters
    ----------
    counts : mapping of str to mapping of str to int
        Rows of cells; all have the same columns.
    """
    cells = {(row, column): n for row, own in counts.items() for column, n in own.items()}
    columns = list(next(iter(counts.values()), ()))
    lines = [[(row, column) for column in columns] for row in counts]
    lines += [[(row, column) for row in counts] for column in columns]
    shown = show_lines(cells, [*lines, list(cells)], small=small)
    return {row: {column: shown[row, column] for column in own} for row, own in counts.items()}

"""A page on each cohort: nights, channels, persons, stages, terms; safe to share by default."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from pipeline.catalog.cells import LEAST, show_cells, show_part
from pipeline.catalog.columns import STAGE_COUNTS
from pipeline.catalog.persons import persons
from pipeline.manifests.terms import strictest
from pipeline.splits.rule import AGE_BANDS, age_band
from schemas.errors import QueryInvalid
from schemas.event_terms import EventClass
from schemas.findings import FINDINGS
from schemas.vocabulary import Modality

__all__ = ["card_facts", "card_text", "terms_of"]

Row = Mapping[str, Any]


def card_facts(
    recordings: pl.DataFrame, channels: pl.DataFrame, *, cohort: str | None = None, small_cells: bool = False
) -> dict[str, Any]:
    """Return what the page says, cells already withheld.

    Parameters
    ----------
    recordings, channels : DataFrame
        The catalog's tables.
    cohort : str, optional
        One cohort only.
    small_cells : bool
        Tell numbers of fewer than five persons, too.

    Raises
    ------
    QueryInvalid
        When there is no such cohort.
    """
    cohorts = recordings["cohort"].unique().sort().to_list()
    if cohort is not None and cohort not in cohorts:
        raise QueryInvalid("the catalog has no such cohort", saw=cohort, expected=" or ".join(cohorts))
    chosen = [cohort] if cohort is not None else cohorts
    rows = recordings.filter(pl.col("cohort").is_in(chosen))
    return {
        "small_cells": small_cells,
        "terms": terms_of(rows),
        "cohorts": [_cohort(name, recordings, channels, small=small_cells) for name in chosen],
    }


def terms_of(recordings: pl.DataFrame) -> dict[str, Any]:
    """Return the strictest terms of all these recordings, as plain values."""
    columns = [name for name in recordings.columns if name.startswith("terms_")]
    sources = recordings.select("cohort", *columns).unique(maintain_order=True).to_dicts()
    return strictest(
        (row["cohort"], {name.removeprefix("terms_"): row[name] for name in columns}) for row in sources
    )


def _cohort(name: str, recordings: pl.DataFrame, channels: pl.DataFrame, *, small: bool) -> dict[str, Any]:
    rows = recordings.filter(pl.col("cohort") == name).to_dicts()
    everyone = persons(rows)
    if len(everyone) < LEAST and not small:
        return {"cohort": name, "subjects": f"<{LEAST}"}
    by_recording = {row["recording"]: row["subject"] for row in rows}
    own = channels.filter(pl.col("recording").is_in(list(by_recording))).to_dicts()
    return {
        "cohort": name,
        "recordings": len(rows),
        "subjects": len(everyone),
        "hours": round(sum(row["hours"] for row in rows), 1),
        "gigabytes": round(sum(row["n_byte"] for row in rows) / 1e9, 3),
        "persons": _demography(everyone, rows, small=small),
        "modalities": _modalities(rows, len(everyone), small=small),
        "channels": _channels(own, by_recording, len(everyone), small=small),
        "stages": _stages(rows, small=small),
        "scored": {str(kind): _by(rows, f"scored_{kind}", small=small) for kind in EventClass},
        "findings": _findings(rows, len(everyone), small=small),
    }


# --- persons -----------------------------------------------------------------------------------------------


def _demography(everyone: Sequence[Row], rows: Sequence[Row], *, small: bool) -> dict[str, Any]:
    bands = Counter(age_band(person["age_years"]) for person in everyone)
    edges = ["0", *map(str, AGE_BANDS), "unknown"]
    tables = {
        "sex": Counter(person["sex"] for person in everyone),
        "age, years from": {edge: bands[edge] for edge in edges},
        "site": Counter(person["site"] or "unknown" for person in everyone),
        "families": Counter("named" if person["family"] else "unknown" for person in everyone),
        "split": Counter(person["split"] or "none" for person in everyone),
    }
    return {
        **{name: show_cells(dict(sorted(table.items())), small=small) for name, table in tables.items()},
        "nights a person": show_cells(_nights(rows), small=small),
        "age, years": _spread(person["age_years"] for person in everyone),
        "bmi, kg/m2": _spread(person["bmi"] for person in everyone),
    }


def _nights(rows: Sequence[Row]) -> dict[str, int]:
    nights = Counter(Counter(row["subject"] for row in rows).values())
    return {str(n): nights[n] for n in sorted(nights)}


def _spread(values: Iterable[float | None]) -> str:
    """Return mean and standard deviation; extremes and quantiles would be single persons."""
    known = [value for value in values if value is not None]
    if len(known) < LEAST:
        return f"known of fewer than {LEAST}" if known else "unknown"
    return f"{statistics.fmean(known):.1f} ± {statistics.stdev(known):.1f}"


def _by(rows: Iterable[Row], column: str, *, small: bool) -> dict[str, str]:
    """Return the number of persons with a night of each value."""
    who: dict[str, set[str]] = {}
    for row in rows:
        who.setdefault(str(row[column]), set()).add(row["subject"])
    return show_cells({name: len(found) for name, found in sorted(who.items())}, small=small)


# --- signals -----------------------------------------------------------------------------------------------


def _modalities(rows: Sequence[Row], n_person: int, *, small: bool) -> list[dict[str, str]]:
    table = []
    for modality in Modality:
        own = [row for row in rows if row[f"{modality}_coverage"] is not None]
        n = len({row["subject"] for row in own})
        table.append(
            {
                "modality": str(modality),
                "subjects": show_part(n, n_person, small=small),
                "coverage": _share((row[f"{modality}_coverage"] for row in own), n, small=small),
            }
        )
    return table


def _channels(
    rows: Sequence[Row], subjects: Mapping[str, str], n_person: int, *, small: bool
) -> list[dict[str, str]]:
    own: dict[str, list[Row]] = {}
    for row in rows:
        own.setdefault(row["channel"], []).append(row)
    table = []
    for channel, found in own.items():
        n = len({subjects[row["recording"]] for row in found})
        table.append(
            {
                "channel": channel,
                "modality": found[0]["modality"],
                "subjects": show_part(n, n_person, small=small),
                "coverage": _share((row["coverage"] for row in found), n, small=small),
                "source_rates_hz": _rates(found, subjects, small=small),
            }
        )
    return table


def _share(values: Iterable[float], n_person: int, *, small: bool) -> str:
    known = list(values)
    if not known or (n_person < LEAST and not small):
        return ""
    return f"{statistics.fmean(known):.1%}"


def _rates(rows: Iterable[Row], subjects: Mapping[str, str], *, small: bool) -> str:
    """Return the native rates, those of few persons as ``other``."""
    who: dict[float, set[str]] = {}
    for row in rows:
        who.setdefault(row["source_rate_hz"], set()).add(subjects[row["recording"]])
    usual = [rate for rate, found in sorted(who.items()) if small or len(found) >= LEAST]
    return " ".join([f"{rate:g}" for rate in usual] + ["other"] * (len(usual) < len(who)))


# --- stages and findings -----------------------------------------------------------------------------------


def _stages(rows: Sequence[Row], *, small: bool) -> dict[str, Any]:
    total = sum(row["n_epoch"] for row in rows)
    hours = {name: sum(row[name] for row in rows) for name in STAGE_COUNTS}
    return {
        "scheme": _by(rows, "stage_scheme", small=small),
        "share of all epochs": {name.removeprefix("n_"): f"{n / total:.1%}" for name, n in hours.items()},
    }


def _findings(rows: Sequence[Row], n_person: int, *, small: bool) -> list[dict[str, str]]:
    who: dict[str, set[str]] = {}
    for row in rows:
        for code in row["findings"]:
            who.setdefault(code, set()).add(row["subject"])
    return [
        {
            "finding": code,
            "title": FINDINGS[code].title if code in FINDINGS else "",
            "subjects": show_part(len(found), n_person, small=small),
        }
        for code, found in sorted(who.items())
    ]


# --- the page ----------------------------------------------------------------------------------------------


def card_text(facts: Mapping[str, Any]) -> str:
    """Return the page in Markdown."""
    terms = facts["terms"]
    lines = ["# Recordings", ""]
    if facts["small_cells"]:
        lines += ["**Numbers of fewer than five persons are told: not to be shared.**", ""]
    lines += [
        f"Terms of all of it: {'; '.join(terms['agreements'])}.",
        f"Passing on: {_yes(terms['redistribution'])}. Commercial use: {_yes(terms['commercial'])}. Please cite:",
        "",
        *(f"- {citation}" for citation in terms["citations"]),
    ]
    for cohort in facts["cohorts"]:
        lines += ["", *_section(cohort)]
    return "\n".join([*lines, ""])


def _yes(value: bool) -> str:
    return "allowed" if value else "not allowed"


def _section(cohort: Mapping[str, Any]) -> list[str]:
    if "recordings" not in cohort:
        return [f"## {cohort['cohort']}", "", f"Fewer than {LEAST} persons: nothing is told of them."]
    lines = [
        f"## {cohort['cohort']}",
        "",
        f"{cohort['recordings']} nights of {cohort['subjects']} persons, {cohort['hours']} h,"
        f" {cohort['gigabytes']} GB.",
        "",
        "| persons | |",
        "|---|---|",
        *(f"| {name} | {_cells(value)} |" for name, value in cohort["persons"].items()),
        f"| stages scored by | {_cells(cohort['stages']['scheme'])} |",
    ]
    lines += ["", "| stage | share of all epochs |", "|---|---|"]
    lines += [f"| {name} | {share} |" for name, share in cohort["stages"]["share of all epochs"].items()]
    lines += ["", "| events | persons for whom they were looked for |", "|---|---|"]
    lines += [f"| {name} | {_cells(value)} |" for name, value in cohort["scored"].items()]
    for table in ("modalities", "channels", "findings"):
        lines += ["", *_table(cohort[table])]
    return lines


def _cells(value: str | Mapping[str, str]) -> str:
    return value if isinstance(value, str) else ", ".join(f"{name}: {n}" for name, n in value.items())


def _table(rows: Sequence[Mapping[str, str]]) -> list[str]:
    if not rows:
        return []
    names = list(rows[0])
    return [
        f"| {' | '.join(names)} |",
        "|---" * len(names) + "|",
        *(f"| {' | '.join(row.values())} |" for row in rows),
    ]

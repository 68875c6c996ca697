"""What the pages of a cohort say, as plain values: from the ledger and the catalog; no store is opened for it.

Two parts: what may be shared (aggregates, small cells withheld), and what is said of single recordings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.catalog.build import Catalog, Problem, current
from pipeline.catalog.card import terms_of
from pipeline.catalog.cells import LEAST
from pipeline.catalog.persons import persons
from pipeline.drift.cohort import CohortDrift, cohort_drift
from pipeline.drift.reference import Comparison, Reference, compare, reference_of, shipped_references
from pipeline.report.cohort_cells import (
    Found,
    ages_by_site,
    channels_table,
    coverage,
    found,
    outcomes,
    reasons,
    recordings_told,
)
from pipeline.report.cohort_spreads import Histogram, Stages, histograms, stages
from pipeline.write.ledger import Ledger, now, read_ledger
from schemas.errors import StoreIncomplete
from schemas.findings import FINDINGS, Severity
from schemas.vocabulary import Outcome

__all__ = ["CohortFacts", "RecordingFacts", "Shared", "cohort_facts", "reference_at"]


@dataclass(frozen=True)
class Shared:
    """Aggregates of a cohort or of several in one output; cells of fewer than five persons are withheld.

    Parameters
    ----------
    made : str
        UTC, ISO 8601.
    small_cells : bool
        Whether every number is told nevertheless: then the page is not to be shared.
    sizes : sequence of (str, str)
        Names and values of a summary.
    comparisons : sequence of (Reference, sequence of Comparison)
    """

    made: str
    small_cells: bool
    cohorts: tuple[str, ...]
    terms: Mapping[str, Any]
    sizes: Sequence[tuple[str, str]]
    outcomes: Mapping[str, Mapping[str, str]]
    reasons: Sequence[tuple[str, str, str, str]]
    found: Sequence[Found]
    coverage: Mapping[str, Mapping[str, str]]
    channels: Sequence[Mapping[str, Any]]
    histograms: Sequence[Histogram]
    stages: Sequence[Stages]
    ages: Mapping[str, Mapping[str, str]]
    drift: CohortDrift
    comparisons: Sequence[tuple[Reference, Sequence[Comparison]]]


@dataclass(frozen=True)
class RecordingFacts:
    """One recording, for the page that is not shared.

    Parameters
    ----------
    codes : tuple of str
        Findings; of a recording without a store none.
    why : tuple of str
        What speaks against it, worst first: the reason of a failure, or in what it differs from its site; of a
        store that cannot be read that alone, see `pipeline.report.damage`.
    z : float
        How far it is from its site in its worst number; 0 where it is not far.
    """

    cohort: str
    key: str
    outcome: str
    site: str
    codes: tuple[str, ...]
    why: tuple[str, ...]
    z: float


@dataclass(frozen=True)
class CohortFacts:
    """What both pages say.

    Parameters
    ----------
    recordings : tuple of RecordingFacts
        All of them, worst first.
    problems : tuple of Problem
        Stores that the ledger knows and that could not be read.
    channels : DataFrame
        The catalog's table.
    """

    shared: Shared
    recordings: tuple[RecordingFacts, ...]
    problems: tuple[Problem, ...]
    channels: pl.DataFrame


def cohort_facts(out: Path, *, against: Sequence[Reference] = (), small_cells: bool = False) -> CohortFacts:
    """Gather what is said of an output.

    Parameters
    ----------
    against : sequence of Reference
        What the cohort is compared with; the shipped references without.
    small_cells : bool
        Tell numbers of fewer than five persons, too.

    Raises
    ------
    StoreIncomplete
        When there is no ledger.
    StorageError
        When the disk or the object store refuses.
    """
    ledger = read_ledger(out)
    if not ledger.rows:
        raise StoreIncomplete(
            "no ledger here, so no cohort",
            where=out.name,
            do="Name a folder that convert has written to, or one recording's store.",
        )
    catalog = current(out, ledger)
    months = {f"{cohort}/{key}": row.finished[:7] for (cohort, key), row in ledger.rows.items()}
    least = 1 if small_cells else LEAST
    drift = cohort_drift(catalog.recordings, catalog.channels, months, least_person=least)
    references = against or shipped_references()
    shared = _shared(ledger, catalog, drift, references, small=small_cells)
    listed = _recordings(ledger, catalog.recordings, drift)
    return CohortFacts(shared, listed, catalog.problems, catalog.channels)


def reference_at(out: Path) -> Reference:
    """Return another output as a reference, in the numbers that five persons or more have.

    Raises
    ------
    StoreIncomplete
        When there is no ledger, or no store in it.
    """
    ledger = read_ledger(out)
    catalog = current(out, ledger)
    if not catalog.recordings.height:
        raise StoreIncomplete(
            "no recordings to compare with", where=out.name, do="Name a folder that convert wrote to."
        )
    cohorts = ", ".join(catalog.recordings["cohort"].unique().sort().to_list())
    text = f"the recordings of {cohorts}"
    return reference_of(catalog.recordings, catalog.channels, name=cohorts, text=text, least_person=LEAST)


def _shared(
    ledger: Ledger, catalog: Catalog, drift: CohortDrift, references: Sequence[Reference], *, small: bool
) -> Shared:
    rows, channels = catalog.recordings, catalog.channels
    terms = terms_of(rows)
    n_person = rows["subject"].n_unique()
    sizes = _sizes(ledger, rows, n_person, small=small)
    if n_person < LEAST and not small:  # of so few nothing is told, whatever it is
        rows, channels = rows.clear(), channels.clear()
    own = reference_of(rows, channels, name="own", text="", least_person=1 if small else LEAST)
    return Shared(
        made=now(),
        small_cells=small,
        cohorts=tuple(sorted({row.cohort for row in ledger.rows.values()})),
        terms=terms,
        sizes=sizes,
        outcomes=outcomes(ledger, small=small),
        reasons=reasons(ledger.rows.values(), small=small),
        found=found(ledger, rows, small=small),
        coverage=coverage(rows, channels, small=small),
        channels=channels_table(rows, channels, small=small),
        histograms=histograms(rows, channels, small=small),
        stages=stages(rows, channels, small=small),
        ages=ages_by_site(persons(rows.to_dicts()), small=small),
        drift=_of_groups(drift),
        comparisons=[(reference, compare(own, reference)) for reference in references],
    )


def _sizes(ledger: Ledger, rows: pl.DataFrame, n_person: int, *, small: bool) -> list[tuple[str, str]]:
    """Return the summary; of few persons neither their hours nor their number."""
    is_few = n_person < LEAST and not small
    facts = {
        "Recordings": recordings_told(ledger, small=small),
        "With a store": f"<{LEAST}" if is_few and rows.height < LEAST else f"{rows.height:,}",
        "Persons": f"<{LEAST}" if is_few else f"{n_person:,}",
    }
    if not is_few:
        facts["Hours"] = f"{rows['hours'].sum():,.1f}"
        facts["Size of the stores"] = f"{float(rows['n_byte'].sum()) / 1e9:,.2f} GB"
        facts["Sites"] = f"{rows.select('cohort', 'site').n_unique()}"
    return list(facts.items())


def _of_groups(drift: CohortDrift) -> CohortDrift:
    """Leave out what is said of single recordings."""
    table = {cohort: replace(effects, recordings=()) for cohort, effects in drift.table.items()}
    return replace(drift, recordings=(), table=table)


# --- single recordings -------------------------------------------------------------------------------------


def _recordings(ledger: Ledger, rows: pl.DataFrame, drift: CohortDrift) -> tuple[RecordingFacts, ...]:
    """Return every recording, worst first: failed, severe findings, far from its site, warnings, the others."""
    site = dict(rows.select("recording", pl.col("site").fill_null("unknown")).iter_rows())
    codes = dict(rows.select("recording", "findings").iter_rows())
    far = {found.recording: found for found in drift.recordings}
    listed = []
    for (cohort, key), row in ledger.rows.items():
        name = f"{cohort}/{key}"
        differs = far.get(name)
        why = (f"{row.reason}: {row.detail or ''}",) if row.reason else differs.words if differs else ()
        listed.append(
            RecordingFacts(
                cohort,
                key,
                row.outcome.value,
                site.get(name, ""),
                tuple(codes.get(name, row.findings)),
                why,
                abs(differs.z) if differs else 0.0,
            )
        )
    return tuple(sorted(listed, key=_badness))


def _badness(row: RecordingFacts) -> tuple[float | str, ...]:
    severities = [FINDINGS[code].severity for code in row.codes if code in FINDINGS]
    n_severe, n_warning = severities.count(Severity.SEVERE), severities.count(Severity.WARNING)
    is_out = {Outcome.FAILED: 0, Outcome.EXCLUDED: 2}.get(Outcome(row.outcome), 1)
    return (is_out, -n_severe, -row.z, -n_warning, row.cohort, row.key)

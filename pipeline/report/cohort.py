"""Write the pages of a cohort: the one that may be shared, and the list of recordings. Light until then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.report.assets import check_installed, write_assets, write_file
from pipeline.report.pages import keep_pages
from pipeline.report.recording import RECORDINGS_PAGE, REPORT, write_recording_page
from pipeline.write.ledger import store_path
from schemas.errors import PsgError, StorageError

if TYPE_CHECKING:
    from pipeline.report.cohort_facts import CohortFacts

__all__ = ["CohortReport", "write_cohort_report"]

WORST = 10  # recordings whose pages are made along, each in seconds
_MOST_TOLD = 10  # groups that differ, where a line each is enough


@dataclass(frozen=True)
class CohortReport:
    """What was written.

    Parameters
    ----------
    page, recordings : Path
        The cohort's page, and the list of its recordings.
    n_page : int
        Pages of recordings that were made now.
    """

    page: Path
    recordings: Path
    n_page: int
    facts: CohortFacts

    def summary(self) -> list[tuple[str, str]]:
        """Return what the cohort's page says first, as names and values."""
        shared = self.facts.shared
        ended = [
            (f"{cohort}, {o}", n) for cohort, own in shared.outcomes.items() for o, n in own.items() if n != "0"
        ]
        groups = [(f"{group.what} {group.name} differs", group.told) for group in shared.drift.groups[:_MOST_TOLD]]
        return [*shared.sizes, *ended, *groups]

    def lines(self) -> list[str]:
        """Return the summary, a line each."""
        return [f"{name}: {value}" for name, value in self.summary()]


def write_cohort_report(
    out: Path,
    report: Path | None = None,
    *,
    against: Sequence[Path] = (),
    small_cells: bool = False,
    worst: int = WORST,
) -> CohortReport:
    """Write the page of a cohort, the list of its recordings, and the pages of the worst of them.

    Parameters
    ----------
    out : Path
        Folder of the stores; also in an object store.
    report : Path, optional
        The folder of the report; ``report`` in ``out`` without.
    against : sequence of Path
        Other outputs to compare with; the shipped references without.
    small_cells : bool
        Tell numbers of fewer than five persons, too; the page is not to be shared then.
    worst : int
        How many recordings get their page along.

    Raises
    ------
    PsgError
        When what makes pages is not installed.
    StoreIncomplete
        When there is no ledger.
    StorageError
        When the disk or the object store refuses.
    """
    check_installed()
    from pipeline.report.cohort_facts import cohort_facts, reference_at
    from pipeline.report.cohort_page import cohort_page
    from pipeline.report.damage import with_damage
    from pipeline.report.page import render
    from pipeline.report.recordings_page import recordings_page

    report = report or out / REPORT
    facts = cohort_facts(out, against=[reference_at(other) for other in against], small_cells=small_cells)
    write_assets(report)
    n_page, refused = _write_worst(out, report, facts, worst)
    facts = with_damage(out, facts, refused)
    listed = report / RECORDINGS_PAGE
    write_file(listed, render(recordings_page(facts, keep_pages(out, report, facts.recordings))))
    write_file(report / "index.html", render(cohort_page(facts.shared)))
    return CohortReport(report / "index.html", listed, n_page, facts)


def _write_worst(out: Path, report: Path, facts: CohortFacts, n: int) -> tuple[int, dict[str, PsgError]]:
    """Make the pages of the worst recordings whose store was sound; return how many, and what kept the others."""
    damaged = {problem.recording for problem in facts.problems}
    with_store = [row for row in facts.recordings if row.outcome.startswith("converted")]
    wanted = [row for row in with_store if f"{row.cohort}/{row.key}" not in damaged][:n]
    refused = dict[str, PsgError]()
    for row in wanted:
        try:
            write_recording_page(store_path(out, row.cohort, row.key), report, is_listed=True)
        except StorageError:
            raise
        except PsgError as error:
            refused[f"{row.cohort}/{row.key}"] = error
    return len(wanted) - len(refused), refused

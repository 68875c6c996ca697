"""The pages of recordings that a report holds; those whose recording has no store any more are taken away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.files.places import entries, identity, is_remote, remove_files, storage_errors
from pipeline.report.recording import RECORDINGS, REPORT, page_name

if TYPE_CHECKING:
    from pipeline.report.cohort_facts import RecordingFacts

__all__ = ["keep_pages"]


def keep_pages(out: Path, report: Path, recordings: Sequence[RecordingFacts]) -> set[str]:
    """Remove the pages of recordings without a store, e.g. of persons left out; return those that stay.

    A report elsewhere may hold pages of other outputs too: there those that this output does not know stay.

    Parameters
    ----------
    recordings : sequence of RecordingFacts
        All that the output knows.

    Returns
    -------
    set of str
        Recordings that have a page, as ``cohort/key``.

    Raises
    ------
    StorageError
        When the disk or the object store refuses.
    """
    known = {f"{row.cohort}/{row.key}" for row in recordings}
    converted = {f"{row.cohort}/{row.key}" for row in recordings if row.outcome.startswith("converted")}
    is_own = identity(report) == identity(out / REPORT)
    with storage_errors("the pages of the report cannot be put in order", where=report.name):
        pages = _names(report / RECORDINGS, ".html")
        without = pages - (converted & _names(out, ".zarr")) if pages else pages
        gone = without if is_own else without & known
        _remove(report, [page_name(*name.split("/")) for name in sorted(gone)])
    return pages - gone


def _names(folder: Path, suffix: str) -> set[str]:
    """Return what lies two levels below a folder and ends so, without its ending, as ``cohort/key``."""
    try:
        cohorts = [name for name, is_folder in entries(folder) if is_folder and not name.startswith(".")]
    except FileNotFoundError:
        return set()
    return {
        f"{cohort}/{name.removesuffix(suffix)}"
        for cohort in cohorts
        for name, _ in entries(folder / cohort)
        if name.endswith(suffix)
    }


def _remove(report: Path, names: Sequence[str]) -> None:
    if is_remote(report):
        remove_files(report, names)
        return
    for name in names:
        (report / name).unlink(missing_ok=True)
